//! What is known about one notification, and the one place where it is counted, logged and answered.

use strum::{IntoStaticStr, VariantArray};
use tokio::time::Instant;
use tracing::Span;
use tracing::field::Empty;

use super::event::Composed;
use crate::config::Account;
use crate::metrics::{Metrics, OTHER_EVENT};
use crate::problem::Problem;
use crate::store::EventId;
use crate::trace;
use crate::wire::{Reply, RequestId};

/// How a notification ended, as far as it is counted.
#[derive(Clone, Copy, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(super) enum Seen {
    /// Verified and stored.
    Accepted,
    /// Verified, but already known.
    Duplicate,
    /// Verified, but the store could not take it: the provider repeats it.
    Unavailable,
    /// No provider key verifies it.
    BadSignature,
    /// Not in the form of a notification.
    Malformed,
}

/// One notification, as far as it is known.
pub(super) struct Record {
    id: RequestId,
    started: Instant,
    account: Option<String>,
    /// How it is counted; `None` for requests that were not a notification for an account.
    pub seen: Option<Seen>,
    event_label: String,
    event_id: Option<String>,
    event_type: Option<String>,
    reference: Option<String>,
}

impl Record {
    /// Begins with a fresh request id.
    pub fn begin(started: Instant) -> Self {
        Self {
            id: RequestId::random(),
            started,
            account: None,
            seen: None,
            event_label: OTHER_EVENT.to_owned(),
            event_id: None,
            event_type: None,
            reference: None,
        }
    }

    /// Encloses everything done for the notification. A trace that the provider sends is ignored: that header is not
    /// signed, so it cannot be trusted.
    pub fn span(&self) -> Span {
        // The level of errors, so that the span is present for log lines of every level.
        tracing::error_span!(
            "notification",
            request_id = self.id.as_str(),
            trace_id = trace::is_on().then(|| self.id.to_string()),
            account = Empty,
            trace.link = Empty,
        )
    }

    /// It is for this account.
    pub fn is_for(&mut self, account: &Account) {
        Span::current().record("account", account.name.as_str());
        self.account = Some(account.name.clone());
    }

    /// Adopts what the log and the metrics say about a verified notification.
    pub fn learn(&mut self, composed: &Composed) {
        self.event_label.clone_from(&composed.label);
        self.event_id = Some(composed.id.to_string());
        self.event_type = Some(composed.event_type.clone());
        self.reference.clone_from(&composed.reference);
    }

    /// It was an already known event, so the id made for it is not used.
    pub fn repeats(&mut self, id: &EventId) {
        self.event_id = Some(id.to_string());
    }

    /// It is not in the inbox, so a search for its id would find nothing.
    pub fn is_not_stored(&mut self) {
        self.seen = Some(Seen::Unavailable);
        self.event_id = None;
    }

    /// Counts and logs the notification and completes its answer.
    pub fn finish(self, result: Result<Reply, Problem>, metrics: &Metrics) -> Reply {
        let account = self.account.as_deref().unwrap_or("-");
        if let Some(seen) = self.seen {
            let seconds = self.started.elapsed().as_secs_f64();
            metrics.count_notification(account, &self.event_label, seen, seconds);
        }
        let (reply, code) = match result {
            Ok(reply) => (reply, "acknowledged"),
            Err(problem) => (problem.reply(&self.id), problem.code().as_str()),
        };
        tracing::info!(
            request_id = %self.id,
            account,
            event_id = self.event_id,
            event_type = self.event_type,
            reference = self.reference,
            code,
            result = self.seen.map(<&str>::from),
            status = reply.status.as_u16(),
            "notification answered"
        );
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::labels::{UNVERIFIED, VERIFIED};

    #[test]
    fn every_result_has_its_series_from_the_start() {
        let words: Vec<&str> = Seen::VARIANTS.iter().map(<&str>::from).collect();
        assert_eq!(words, [&VERIFIED[..], &UNVERIFIED[..]].concat());
    }
}
