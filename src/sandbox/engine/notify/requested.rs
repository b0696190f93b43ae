//! A notification that a test asks for on demand (`POST /_sandbox/notifications`): any text, signed or not.
//!
//! What is left out is taken from the transaction. Fault rules do not hit what was asked for.

use std::time::Duration;

use jiff::tz::Offset;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::Notifications;
use super::envelope::{Envelope, Signer};
use super::outbox::{Draft, First};
use super::queue::blank;
use super::row::Notification;
use crate::sandbox::bluepay::notification::Told;
use crate::sandbox::engine::faults::rule::HOLD_MS_MAX;
use crate::sandbox::engine::shared::locked;
use crate::sandbox::engine::transaction::{Change, Status, Transaction};

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
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
    signed_by: SignedBy,
    /// Stands in `sign`, whatever it is.
    sign: Option<String>,
    #[serde(default)]
    member: Member,
    /// Whether the text is changed after it was signed.
    #[serde(default)]
    tampered: bool,
    repeat: Option<bool>,
    #[serde(default)]
    delay_ms: u64,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SignedBy {
    /// The provider's key that is in use.
    #[default]
    Active,
    First,
    Second,
    Stranger,
    Nobody,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Member {
    #[default]
    Param,
    Params,
}

impl Wish {
    /// Reads a wish, or says what is wrong with it.
    pub fn read(value: &Value) -> Result<Self, String> {
        let wish = Self::deserialize(value).map_err(|error| error.to_string())?;
        match wish.delay_ms <= HOLD_MS_MAX {
            true => Ok(wish),
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
    /// Queues what is asked for, about `transaction` when it is about one.
    pub fn grant(
        &self,
        wish: Wish,
        transaction: Option<&Transaction>,
        zone: Offset,
        now_ms: i64,
    ) -> Result<Notification, String> {
        let mut row = self.wished_row(&wish, transaction, zone, now_ms)?;
        row.url = wish.url.clone().or(row.url);
        if transaction.is_none() && row.url.is_none() {
            return Err("`reference` or `url` is required".into());
        }
        let draft = Draft {
            row,
            first: First::After(Duration::from_millis(wish.delay_ms)),
            repeats: wish.repeat.unwrap_or(true),
            envelope: self.wished_envelope(wish),
        };
        let mut outbox = locked(&self.outbox);
        let number = outbox.push(draft, Instant::now());
        let row = outbox.get(number).cloned();
        drop(outbox);
        self.wake();
        row.ok_or_else(|| "there is no room for the notification".to_string())
    }

    fn wished_row(
        &self,
        wish: &Wish,
        transaction: Option<&Transaction>,
        zone: Offset,
        now_ms: i64,
    ) -> Result<Notification, String> {
        let told = transaction.map(|transaction| Told {
            transaction,
            change: wished_change(wish, transaction),
            event: wish.event.as_deref(),
            word: wish.status.as_deref(),
            zone,
        });
        let honest = told.and_then(|told| self.draft(&told, now_ms)).map(|draft| draft.row);
        match (honest, wish.param.clone().or_else(|| wish.body.as_ref().map(|_| String::new()))) {
            (Some(row), None) => Ok(row),
            (Some(row), Some(param)) => Ok(Notification { param, ..row }),
            (None, Some(param)) => Ok(blank(param, now_ms)),
            (None, None) if transaction.is_some() => {
                Err("the provider tells nothing about such a transaction; give a `param`".into())
            }
            (None, None) => Err("`reference`, `param` or `body` is required".into()),
        }
    }

    fn wished_envelope(&self, wish: Wish) -> Envelope {
        if let Some(body) = wish.body {
            return Envelope::Raw(body);
        }
        let signer = match (wish.sign, wish.signed_by) {
            (Some(text), _) => Signer::Text(text),
            (None, SignedBy::Active) => self.active_signer(),
            (None, SignedBy::First) => Signer::Provider(0),
            (None, SignedBy::Second) => Signer::Provider(1),
            (None, SignedBy::Stranger) => Signer::Stranger,
            (None, SignedBy::Nobody) => Signer::Nobody,
        };
        let member = match wish.member {
            Member::Param => "param",
            Member::Params => "params",
        };
        Envelope::Made { signer, member, is_tampered: wish.tampered }
    }
}

/// The status that goes with the word asked for, so that the other members fit it.
fn wished_change(wish: &Wish, transaction: &Transaction) -> Change {
    let word = |status: &Status| Some(status.word(transaction.product)) == wish.status.as_deref();
    let all = [Status::Pending, Status::Completed, Status::Failed, Status::Cancelled];
    Change {
        status: all.into_iter().find(word).unwrap_or(transaction.status),
        at_ms: transaction.updated_at_ms(),
    }
}
