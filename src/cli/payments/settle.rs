//! `countersign payments settle`: an operator decides the outcome of a payment in doubt that nothing else can
//! resolve.

use super::configured::Configured;
use crate::cli::CommandError;
use crate::cli::open_store::Opened;
use crate::cli::output::tell;
use crate::clock::Clock;
use crate::outbound::payment::event;
use crate::payment::Ruling;
use crate::store::{
    Closure, JournalError, OutcomeEvent, PaymentFilter, PaymentId, PaymentRow, PaymentView, Step,
    Store,
};

/// The longest reason, in characters: it is stored in the history and the event.
const REASON_CHARS_MAX: usize = 200;

/// The most payments under one reference that are considered, over all operations and generations.
const LISTED_MAX: usize = 1_000;

/// Which payment to settle, and as what.
#[derive(Debug, clap::Args)]
pub(super) struct Settle {
    /// The payment's reference, or its id, `pay_…`
    #[arg(value_name = "REFERENCE|ID")]
    payment: String,
    /// Its outcome: `accepted` when the provider has it, `rejected` when it did not happen
    #[arg(long = "as", value_parser = ruling, value_name = "accepted|rejected")]
    ruling: Ruling,
    /// How this is known; stored in the history, and reported to the application when the payment failed
    #[arg(long, value_parser = reason, value_name = "TEXT")]
    reason: String,
    /// The account, where several have the reference
    #[arg(long)]
    account: Option<String>,
    /// The operation, where several have the reference
    #[arg(long)]
    operation: Option<String>,
}

impl Settle {
    /// Settles the payment, and stores its event in the same commit.
    pub(super) async fn run(
        self,
        opened: &Opened,
        configured: &Configured,
    ) -> Result<PaymentView, CommandError> {
        let store = &opened.store;
        opened.expect_account(self.account.as_deref()).await?;
        // A call that a dead process was sending is in doubt; one that a living process is sending is left alone.
        store.recover(Clock::System.unix_ms()).await?;
        let row = self.find(store.as_ref()).await?;
        let event = event(configured, &row, &self.reason);
        let is_owed = event.is_none() && row.payment.is_in_doubt();
        if is_owed {
            store.step(&row.id, Step::PromiseEvent).await?;
        }
        let closure = Closure::ByHand { ruling: self.ruling, reason: self.reason };
        let now_ms = Clock::System.unix_ms();
        let settled = store.step(&row.id, Step::Close { closure, event, now_ms }).await;
        let settled = settled.map_err(|error| match error {
            JournalError::Forbidden { why, .. } => CommandError::failed(format!(
                "payment `{}` cannot be settled, only one in doubt can: {why}",
                row.id
            )),
            other => other.into(),
        })?;
        if is_owed {
            tell(format_args!(
                "warning: the event is not created yet, because account `{}` or its operation `{}` cannot be read from the \
                 configuration: a running sidecar that has them will create it",
                row.account, row.operation
            ));
        }
        Ok(settled)
    }

    /// The payment by its id, or the only one in doubt under its reference.
    async fn find(&self, store: &dyn Store) -> Result<PaymentRow, CommandError> {
        if let Ok(id) = self.payment.parse::<PaymentId>() {
            let found = store.payment(&id).await?;
            return found
                .map(|view| view.row)
                .ok_or_else(|| CommandError::failed(format!("no payment `{id}` in the journal")));
        }
        let filter = PaymentFilter {
            account: self.account.clone(),
            operation: self.operation.clone(),
            reference: Some(self.payment.clone()),
            ..PaymentFilter::default()
        };
        let listing = store.list_payments(&filter, None, LISTED_MAX).await;
        let found = listing?.payments;
        let in_doubt: Vec<PaymentRow> =
            found.iter().filter(|row| row.payment.is_in_doubt()).cloned().collect();
        match (found.as_slice(), in_doubt.as_slice()) {
            (_, [one]) => Ok(one.clone()),
            ([], _) => {
                let problem = format!("no payment under the reference `{}`", self.payment);
                Err(CommandError::failed(problem))
            }
            // The rules decide what speaks against it.
            ([newest, ..], []) => Ok(newest.clone()),
            (_, several) => {
                let ids: Vec<String> = several
                    .iter()
                    .map(|row| format!("{} ({}, {})", row.id, row.account, row.operation))
                    .collect();
                Err(CommandError::usage(format!(
                    "several payments are in doubt under that reference, expected one of their ids, or `--account` and `--operation`: {}",
                    ids.join(", ")
                )))
            }
        }
    }
}

/// The event, if account and operation are still configured.
fn event(configured: &Configured, row: &PaymentRow, reason: &str) -> Option<Box<OutcomeEvent>> {
    let account = configured.account(&row.account)?;
    let operation = account.provider.operation(&row.operation)?;
    let now = Clock::System.now();
    Some(event::announcing(account, operation, reason.to_owned(), now))
}

fn ruling(word: &str) -> Result<Ruling, String> {
    match word {
        "accepted" => Ok(Ruling::Accepted),
        "rejected" => Ok(Ruling::Rejected),
        _ => Err("expected `accepted` or `rejected`".to_owned()),
    }
}

fn reason(text: &str) -> Result<String, String> {
    match text.trim().chars().count() {
        1..=REASON_CHARS_MAX => Ok(text.trim().to_owned()),
        0 => Err("expected a reason".to_owned()),
        _ => Err(format!("expected {REASON_CHARS_MAX} characters at most")),
    }
}
