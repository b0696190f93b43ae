//! A journalled call, and what each of its steps uses.

use super::unsent::UnsentCalls;
use crate::clock::{instant, milliseconds};
use crate::outbound::call::attempt::Egress;
use crate::outbound::call::labels::Phase;
use crate::outbound::call::prepared::PreparedCall;
use crate::payment::Rules;
use crate::store::{JournalError, PaymentId, PaymentView, Step, Store, Unsent};

/// A call that is in the journal under `id`, or is about to be.
#[derive(Clone, Copy)]
pub(crate) struct Journalled<'a> {
    pub store: &'a dyn Store,
    pub egress: &'a Egress,
    pub unsent: &'a UnsentCalls,
    pub call: &'a PreparedCall<'a>,
    pub id: &'a PaymentId,
}

impl Journalled<'_> {
    /// When "not found" is believed, with the place to which its account sends and queries now.
    pub fn rules(&self) -> Rules {
        let (account, operation) = (self.call.account, self.call.operation);
        let lost = account.provider.lost;
        let rules = Rules::new(milliseconds(lost.grace), lost.not_found_needed);
        match account.places.get(&operation.name) {
            Some(here) => rules.at(*here),
            None => rules,
        }
    }

    /// The date for the journal's history.
    pub fn now_ms(&self) -> i64 {
        self.egress.clock.unix_ms()
    }

    /// Takes a step, and returns the payment as it then is.
    ///
    /// # Errors
    /// When the journal does not allow the step or cannot be written.
    pub async fn step(&self, step: Step) -> Result<PaymentView, JournalError> {
        let view = self.store.step(self.id, step).await?;
        self.note_resolved(&view);
        Ok(view)
    }

    /// Waits for the journal and counts how long that took.
    #[tracing::instrument(name = "journal", target = "countersign_phase", skip_all)]
    pub async fn timed<T>(&self, writing: impl Future<Output = T>) -> T {
        let started = instant();
        let written = writing.await;
        self.egress.metrics.observe_phase(Phase::Journal, started.elapsed().as_secs_f64());
        written
    }

    /// Records that its caller will not make it again, and returns what the journal then says about it. Where that
    /// cannot be written, it is recorded later.
    pub async fn give_up(&self, reason: &str) -> Option<PaymentView> {
        let given_up =
            self.step(Step::GiveUp { reason: reason.to_owned(), now_ms: self.now_ms() }).await;
        let unwritten = |error: &JournalError| {
            self.unwritten(error);
            self.unsent.add(Unsent::Begun(self.id.clone()));
        };
        given_up.inspect_err(unwritten).ok()
    }

    /// A payment still in doubt is left to the resolver, or to the next process: it is due at once.
    pub async fn hand_over(&self) {
        if let Err(error) = self.step(Step::HandOver).await {
            tracing::error!(payment = %self.id, "a payment in doubt is queried later: {error}");
        }
    }

    /// Logs a step that the journal did not take.
    pub fn unwritten(&self, error: &JournalError) {
        tracing::error!(payment = %self.id, "the outcome of a payment could not be recorded: {error}");
    }

    /// Counts and logs, within the span of its request or its resolution, what the step that returned `view` revealed:
    /// that an outcome in doubt is now known, and contradictions to what the provider said.
    fn note_resolved(&self, view: &PaymentView) {
        let row = &view.row;
        let metrics = &self.egress.metrics;
        metrics.count_conflicts(&row.account, row.just_flagged.iter().map(|flag| flag.word()));
        for flag in &row.just_flagged {
            tracing::error!(
                payment = %row.id,
                reference = row.reference,
                conflict = flag.word(),
                "what the provider says about a payment does not match what was sent, or what it said before"
            );
        }
        let Some(end) = row.end().filter(|_| row.just_resolved) else { return };
        let outcome = end.outcome().as_str();
        metrics.count_resolved(&row.account, outcome);
        tracing::info!(reference = row.reference, outcome, "an unknown outcome was resolved");
    }
}
