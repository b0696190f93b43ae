//! A notification that a test requests (`POST /_sandbox/notifications`): any text, signed or not.
//!
//! Members that are left out come from the transaction. Fault rules do not apply to requested notifications.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::Notifications;
use super::keys::Signer;
use super::outbox::{First, Posting};
use super::row::Notification;
use crate::clock::instant;
use crate::sandbox::engine::dialect::{Flaws, Report};
use crate::sandbox::engine::faults::parameters::HOLD_MS_MAX;
use crate::sandbox::engine::http::client::Message;
use crate::sandbox::engine::settings::Sandbox;
use crate::sandbox::engine::transaction::{Change, Status, Transaction, rfc3339};

/// A requested notification.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requested {
    /// The merchant's own id of the transaction it is about.
    reference: Option<String>,
    app_id: Option<String>,
    /// The operation that made the transaction, where several have the same reference.
    operation: Option<String>,
    /// Instead of the event name that belongs to the status.
    event: Option<String>,
    /// The provider's word for a status, or any other, instead of the transaction's.
    status: Option<String>,
    /// The text, word for word.
    param: Option<String>,
    /// The whole body to post, word for word.
    body: Option<String>,
    url: Option<String>,
    #[serde(default)]
    signed_by: Signer,
    /// Takes the place of the signature, whatever it is.
    sign: Option<String>,
    #[serde(default)]
    member: Member,
    /// Whether the text is changed after it was signed.
    #[serde(default)]
    tampered: bool,
    #[serde(default = "yes")]
    repeat: bool,
    #[serde(default)]
    delay_ms: u64,
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Member {
    #[default]
    Param,
    Params,
}

fn yes() -> bool {
    true
}

impl Requested {
    /// Reads a requested notification. The error says what is wrong with it.
    pub fn read(value: &Value) -> Result<Self, String> {
        let requested = Self::deserialize(value).map_err(|error| error.to_string())?;
        match requested.delay_ms <= HOLD_MS_MAX {
            true => Ok(requested),
            false => Err(format!("`delay_ms` must be a whole number from 0 to {HOLD_MS_MAX}")),
        }
    }

    /// The newest transaction it can be about.
    pub fn transaction(&self, transactions: &[Transaction]) -> Result<Option<Transaction>, String> {
        let Some(reference) = &self.reference else { return Ok(None) };
        let found = transactions.iter().rfind(|it| {
            it.reference == *reference
                && self.app_id.as_ref().is_none_or(|wanted| it.app_id == *wanted)
                && self.operation.as_ref().is_none_or(|wanted| it.operation == *wanted)
        });
        found.cloned().map(Some).ok_or_else(|| "no transaction has this `reference`".to_string())
    }
}

impl Notifications {
    /// Queues a requested notification, about `transaction` if it is about one.
    pub fn queue_requested(
        &self,
        sandbox: &Sandbox,
        requested: Requested,
        transaction: Option<&Transaction>,
    ) -> Result<Notification, String> {
        let row = self.requested_row(sandbox, &requested, transaction)?;
        if transaction.is_none() && row.url.is_none() {
            return Err("`reference` or `url` is required".into());
        }
        let signer = requested.sign.map_or(requested.signed_by, Signer::Text);
        let posting = Posting {
            flaws: Flaws {
                is_tampered: requested.tampered,
                is_misnamed: requested.member == Member::Params,
            },
            repeats: requested.repeat,
            sealed: requested.body.map(Message::json),
            ..Posting::new(row, self.keys.fixed(signer))
        };
        let mut outbox = self.outbox.lock();
        let first = First::After(Duration::from_millis(requested.delay_ms));
        let number = outbox.push(posting, first, instant());
        let row = outbox.get(number).cloned();
        drop(outbox);
        self.wake.notify_one();
        row.ok_or_else(|| "there is no room for the notification".to_string())
    }

    fn requested_row(
        &self,
        sandbox: &Sandbox,
        requested: &Requested,
        transaction: Option<&Transaction>,
    ) -> Result<Notification, String> {
        let honest = transaction.and_then(|transaction| {
            self.honest(&Report {
                sandbox,
                transaction,
                change: self.requested_change(requested, transaction),
                event: requested.event.as_deref(),
                word: requested.status.as_deref(),
            })
        });
        let has_text = requested.param.is_some() || requested.body.is_some();
        let mut row = match honest {
            Some(honest) => honest.row,
            None if has_text => {
                let queued_at = rfc3339(sandbox.clock.unix_ms());
                Notification { queued_at, ..Notification::default() }
            }
            None if transaction.is_some() => {
                let problem = "the provider reports nothing about such a transaction";
                return Err(format!("{problem}; give a `param`"));
            }
            None => return Err("`reference`, `param` or `body` is required".into()),
        };
        if has_text {
            row.param = requested.param.clone().unwrap_or_default();
        }
        row.url = requested.url.clone().or(row.url);
        row.body = requested.body.clone();
        Ok(row)
    }

    /// The status for the requested word, so that the other members match it.
    fn requested_change(&self, requested: &Requested, transaction: &Transaction) -> Change {
        let fits = |status: &Status| {
            let word = self.dialect.status_word(transaction.product, *status);
            Some(word) == requested.status.as_deref()
        };
        let status = Status::ALL.into_iter().find(fits).unwrap_or(transaction.status);
        Change { status, at_ms: transaction.updated_at_ms() }
    }
}
