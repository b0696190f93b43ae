//! Turns a change of status into one notification, or into what a fault makes of it.

use tokio::time::Instant;

use super::Notifications;
use super::keys::Signer;
use super::outbox::{First, Outbox, Posting};
use super::row::NotificationState;
use crate::clock::instant;
use crate::sandbox::engine::dialect::Report;
use crate::sandbox::engine::faults::Hit;
use crate::sandbox::engine::faults::notification::NotificationFault;
use crate::sandbox::engine::http::target::Target;
use crate::sandbox::engine::settings::Sandbox;
use crate::sandbox::engine::transaction::{Change, Product, Status, Transaction};

impl Notifications {
    /// Queues the notification about a change of status, if the provider sends one. `fault` returns the fault that hits
    /// it, and is called only for notifications that are posted: nothing else should use up a rule.
    pub fn report(
        &self,
        sandbox: &Sandbox,
        transaction: &Transaction,
        change: Change,
        fault: impl FnOnce() -> Option<Hit<NotificationFault>>,
    ) {
        if !self.dialect.reports(transaction.product, change.status) {
            return;
        }
        let honest = |status, at_ms| {
            let change = Change { status, at_ms };
            self.honest(&Report { sandbox, transaction, change, event: None, word: None })
        };
        let Some(mut posting) = honest(change.status, change.at_ms) else { return };
        let goes_out = posting.row.url.as_deref().is_some_and(|url| Target::from_url(url).is_ok());
        let hit = if goes_out { fault() } else { None };
        let (mut outbox, now) = (self.outbox.lock(), instant());
        let Some(Hit { kind, fault }) = hit else {
            outbox.push(posting, First::AT_ONCE, now);
            return;
        };
        posting.row.fault = Some(kind);
        let pending = || match transaction.product {
            Product::Authorization => None,
            _ => honest(Status::Pending, transaction.created_at_ms),
        };
        self.push_faulty(&mut outbox, posting, pending, fault, now);
    }

    /// Queues `posting` as changed by `fault`. `pending` makes the notification that the transaction is pending.
    fn push_faulty(
        &self,
        outbox: &mut Outbox,
        mut posting: Posting,
        pending: impl FnOnce() -> Option<Posting>,
        fault: NotificationFault,
        now: Instant,
    ) {
        let mut first = First::AT_ONCE;
        match fault {
            NotificationFault::Duplicate { times } => {
                for _ in 0..times {
                    outbox.push(posting.clone(), first, now);
                }
            }
            NotificationFault::PendingAfterwards => match pending() {
                Some(mut pending) => {
                    pending.row.fault = posting.row.fault;
                    let number = outbox.push(posting, first, now);
                    outbox.push(pending, First::Behind(number), now);
                    return;
                }
                None => {
                    let note = "an authorization has no pending notification";
                    posting.row.note = Some(note.into());
                }
            },
            NotificationFault::Late { delay } => first = First::After(delay),
            NotificationFault::AfterNext => first = First::BehindNext,
            NotificationFault::WrongSignature => posting.signer = Signer::Stranger,
            NotificationFault::Tampered => posting.flaws.is_tampered = true,
            NotificationFault::Withheld => posting.row.state = NotificationState::Withheld,
            NotificationFault::KeyRoll => {
                self.keys.roll();
                posting.signer = self.keys.fixed(Signer::Active);
            }
            NotificationFault::MisnamedParam => posting.flaws.is_misnamed = true,
        }
        outbox.push(posting, first, now);
    }
}
