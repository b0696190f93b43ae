//! Telling the journal how an attempt ended.

use std::time::{Duration, Instant};

use super::super::Outbound;
use super::super::call::attempt::PreparedCall;
use super::super::call::backoff;
use super::super::call::classify::Verdict;
use super::event;
use crate::config::Account;
use crate::payment::Rules;
use crate::provider::Operation;
use crate::store::{Conclusion, JournalError, OutcomeEvent, PaymentId, PaymentView, StoredAnswer};
use crate::wire::Answer;

/// How often the journal is told the end of an attempt before that is left to its own finding out.
const CONCLUDE_TRIES: u32 = 4;

/// Who learns that a payment in doubt is no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listener {
    /// The call's own caller, by its answer.
    Caller,
    /// The application, by an event.
    Application,
}

/// Tells the journal how attempt `number` ended, a few times where it does not listen. `None` when it could not be told:
/// it then takes the attempt for being in doubt, and finds out. One in doubt is due to be asked about after `ask_after`.
pub(super) async fn conclude(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    id: &PaymentId,
    number: u32,
    verdict: &Verdict,
    (ask_after, listener): (Duration, Listener),
) -> Option<PaymentView> {
    for count in 0..CONCLUDE_TRIES {
        let now_ms = outbound.clock.unix_ms();
        let event = listener.event(outbound, call, None, verdict.reason());
        let told = outbound.store.conclude(
            id,
            number,
            conclusion(outbound, call, verdict),
            millis(ask_after),
            event,
            now_ms,
        );
        match told.await {
            Ok(view) => {
                note_resolved(outbound, &view);
                return Some(view);
            }
            Err(error) => unwritten(id, &error),
        }
        tokio::time::sleep(backoff::in_call(count, 1.0)).await;
    }
    None
}

impl Listener {
    /// Who hears what is learned now, where a caller waits until `told_until`, if any does. A caller who waits no longer
    /// than the total time-out has heard nothing of what is learned afterwards.
    pub(super) fn until(told_until: Option<Instant>) -> Self {
        match told_until.is_some_and(|until| Instant::now() < until) {
            true => Self::Caller,
            false => Self::Application,
        }
    }

    /// What the journal makes into an event, should the step be news.
    pub(super) fn event(
        self,
        outbound: &Outbound,
        call: &PreparedCall<'_>,
        data: Option<&str>,
        why: String,
    ) -> Option<OutcomeEvent> {
        match self {
            Self::Caller => None,
            Self::Application => {
                let now = outbound.clock.now();
                Some(event::announcing(call.account, call.operation, data, why, now))
            }
        }
    }
}

/// Counts and logs what the step that `view` came from brought to light: that an outcome in doubt is known, and what speaks
/// against what the provider said.
pub(super) fn note_resolved(outbound: &Outbound, view: &PaymentView) {
    let row = &view.row;
    outbound.metrics.count_conflicts(&row.account, row.just_flagged.iter().map(|flag| flag.word()));
    for flag in &row.just_flagged {
        tracing::error!(
            payment = %row.id,
            account = row.account,
            operation = row.operation,
            reference = row.reference,
            conflict = flag.word(),
            "what the provider says of a payment does not fit what was sent, or what it said before"
        );
    }
    if !row.just_resolved {
        return;
    }
    let Some(end) = row.end() else { return };
    let outcome = end.outcome().as_str();
    outbound.metrics.count_resolved(&row.account, outcome);
    tracing::info!(
        account = row.account,
        operation = row.operation,
        reference = row.reference,
        outcome,
        "an unknown outcome was resolved"
    );
}

/// What an attempt proved, in the journal's words.
fn conclusion(outbound: &Outbound, call: &PreparedCall<'_>, verdict: &Verdict) -> Conclusion {
    match verdict {
        Verdict::Answered { answer, understood } => Conclusion::Answered {
            code: understood.code,
            meaning: understood.meaning,
            provider_reference: event::answered_by(call, understood, outbound.clock.now())
                .and_then(|told| told.provider_reference),
            answer: stored(answer),
        },
        Verdict::Unreadable { .. } | Verdict::NoAnswer(_) => {
            Conclusion::InDoubt { reason: verdict.reason() }
        }
        Verdict::NotSent(_)
        | Verdict::NoUsableKey
        | Verdict::SigningQueueFull
        | Verdict::SigningFailed
        | Verdict::RateLimited(_)
        | Verdict::CircuitOpen(_)
        | Verdict::NotJournalled
        | Verdict::MaybeJournalled
        | Verdict::Frozen(_)
        | Verdict::Settled(_) => Conclusion::NotSent { reason: verdict.reason() },
    }
}

/// When "not found" is believed of a payment that `account` asks about.
pub(super) fn rules_of(account: &Account, operation: &Operation) -> Rules {
    let lost = account.provider.lost;
    let rules = Rules::new(millis(lost.grace), lost.not_found_needed);
    match account.places.get(&operation.name) {
        Some(here) => rules.at(*here),
        None => rules,
    }
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn stored(answer: &Answer) -> StoredAnswer {
    StoredAnswer { status: answer.status.as_u16(), body: answer.body.clone() }
}

pub(super) fn unwritten(id: &PaymentId, error: &JournalError) {
    tracing::error!(payment = %id, "what became of a payment could not be written down: {error}");
}
