//! A change of status becomes one notification, or what a fault makes of it.

use std::time::Duration;

use jiff::tz::Offset;
use tokio::time::Instant;

use super::Notifications;
use super::envelope::{Envelope, Signer};
use super::outbox::{Draft, First, Outbox};
use super::row::{Notification, NotificationState};
use crate::sandbox::bluepay::notification::{Told, is_told};
use crate::sandbox::engine::faults::notification::NotificationFault;
use crate::sandbox::engine::faults::{Faults, Hit};
use crate::sandbox::engine::http::target::Target;
use crate::sandbox::engine::shared::locked;
use crate::sandbox::engine::transaction::{Change, Product, Status, Transaction, rfc3339};

impl Notifications {
    /// Queues what the provider tells about a change of status, if it tells anything.
    pub fn tell(
        &self,
        transaction: &Transaction,
        change: Change,
        zone: Offset,
        faults: &mut Faults,
        now_ms: i64,
    ) {
        if !is_told(transaction.product, change.status) {
            return;
        }
        let told = Told { transaction, change, event: None, word: None, zone };
        let Some(draft) = self.draft(&told, now_ms) else { return };
        // A rule should not be used up by what is not posted anyway.
        let goes_out = draft.row.url.as_deref().is_some_and(|url| Target::from_url(url).is_ok());
        let hit =
            goes_out.then(|| faults.choose_for_notification(&transaction.operation)).flatten();
        let mut outbox = locked(&self.outbox);
        match hit {
            None => drop(outbox.push(draft, Instant::now())),
            Some(hit) => self.push_faulty(&mut outbox, draft, &told, hit),
        }
    }

    /// An honest notification.
    pub fn draft(&self, told: &Told<'_>, now_ms: i64) -> Option<Draft> {
        let transaction = told.transaction;
        let row = Notification {
            app_id: Some(transaction.app_id.clone()),
            operation: Some(transaction.operation.clone()),
            reference: Some(transaction.reference.clone()),
            event: Some(told.event().to_string()),
            status: Some(told.word().to_string()),
            url: self.url_for(transaction),
            ..blank(told.text()?, now_ms)
        };
        Some(Draft {
            row,
            envelope: made(self.active_signer(), "param"),
            first: First::After(Duration::ZERO),
            repeats: true,
        })
    }

    fn push_faulty(
        &self,
        outbox: &mut Outbox,
        mut draft: Draft,
        told: &Told<'_>,
        Hit { kind, fault }: Hit<NotificationFault>,
    ) {
        let now = Instant::now();
        draft.row.fault = Some(kind);
        match fault {
            NotificationFault::Duplicate { times } => {
                for _ in 0..times {
                    outbox.push(draft.clone(), now);
                }
            }
            NotificationFault::PendingAfterwards => {
                return push_reversed(outbox, draft, told, now);
            }
            NotificationFault::Late { delay } => draft.first = First::After(delay),
            NotificationFault::AfterNext => draft.first = First::BehindNext,
            NotificationFault::WrongSignature => draft.envelope = made(Signer::Stranger, "param"),
            NotificationFault::Tampered => {
                let signer = self.active_signer();
                draft.envelope = Envelope::Made { signer, member: "param", is_tampered: true };
            }
            NotificationFault::Withheld => draft.row.state = NotificationState::Withheld,
            NotificationFault::KeyRoll => {
                self.roll_key();
                draft.envelope = made(self.active_signer(), "param");
            }
            NotificationFault::MisnamedParam => {
                draft.envelope = made(self.active_signer(), "params");
            }
        }
        outbox.push(draft, now);
    }
}

/// The end first, then that it is pending.
fn push_reversed(outbox: &mut Outbox, mut draft: Draft, told: &Told<'_>, now: Instant) {
    if told.transaction.product == Product::Authorization {
        draft.row.note = Some("an authorization has no pending notification".into());
        outbox.push(draft, now);
        return;
    }
    let change = Change { status: Status::Pending, at_ms: told.transaction.created_at_ms };
    let pending = Told { change, event: None, word: None, ..*told };
    let row = Notification {
        event: Some(pending.event().to_string()),
        status: Some(pending.word().to_string()),
        param: pending.text().unwrap_or_default(),
        ..draft.row.clone()
    };
    let pending = Draft { row, ..draft.clone() };
    let number = outbox.push(draft, now);
    outbox.push(Draft { first: First::Behind(number), ..pending }, now);
}

/// An envelope as it should be, but for who signs it and where the text stands.
pub fn made(signer: Signer, member: &'static str) -> Envelope {
    Envelope::Made { signer, member, is_tampered: false }
}

/// A row with nothing but its text.
pub fn blank(param: String, now_ms: i64) -> Notification {
    Notification {
        number: 0,
        app_id: None,
        operation: None,
        reference: None,
        event: None,
        status: None,
        url: None,
        param,
        body: None,
        fault: None,
        state: NotificationState::Waiting,
        note: None,
        attempts: 0,
        last_status: None,
        last_error: None,
        queued_at: rfc3339(now_ms),
        acknowledged_at: None,
    }
}
