//! The inbound path: find the account, verify over the exact bytes, store, acknowledge.
//!
//! [`Inbound::handle`] lists the steps in order. A notification is acknowledged when it is on disk and never before;
//! one that cannot be verified is refused without a reason. Delivery to the application is not done here: the two share
//! nothing but the store.

mod event;
mod record;
mod source;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use tracing::{Instrument, Span};

use crate::clock::Clock;
use crate::config::{Account, Live, Snapshot};
use crate::metrics::Metrics;
use crate::problem::{Code, Problem, require_post};
use crate::provider::Flag;
use crate::sign::Unreadable;
use crate::store::{EventId, Noticed, Received, Store, StoreError};
use crate::wire::{Handler, NOTIFICATION_BYTES_MAX, Refusal, Reply, Request, RequestId};

use event::Kept;
use record::{Record, Seen};

/// Answers the provider's notifications.
pub struct Inbound {
    /// The current configuration; loaded once per notification.
    pub live: Live,
    /// Where verified notifications are kept.
    pub store: Arc<dyn Store>,
    /// Where everything is counted.
    pub metrics: Arc<Metrics>,
    /// Says when a notification was received.
    pub clock: Clock,
}

#[async_trait]
impl Handler for Inbound {
    fn body_bytes_max(&self) -> usize {
        NOTIFICATION_BYTES_MAX
    }

    async fn handle(&self, request: Request) -> Reply {
        let mut record = Record::begin(request.received_at);
        let span = record.span();
        let receiving = async {
            let result = self.receive(&request, &mut record).await;
            record.finish(result, &self.metrics)
        };
        receiving.instrument(span).await
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        Problem::from(refusal).reply(&RequestId::random())
    }
}

impl Inbound {
    /// One notification, step by step. Fills `record` with what it learns on the way.
    async fn receive(&self, request: &Request, record: &mut Record) -> Result<Reply, Problem> {
        let snapshot = self.live.load();
        let account = account(&snapshot, request)?;
        record.is_for(account);
        require_post(request)?;
        source::admit(&account.notify_from, request.peer)?;
        let verified = verify(account, &request.body).inspect_err(|problem| {
            record.seen = Some(match problem.code() {
                Code::Unauthorized => Seen::BadSignature,
                _ => Seen::Malformed,
            });
        })?;
        let received_at = self.clock.now();
        self.metrics.key_used(&account.name, &verified.key_id, received_at.as_second());
        let neighbours = neighbours(&snapshot, account, &verified);
        let keeping = self.keep(account, verified, &request.body, received_at, neighbours, record);
        let received = keeping.await;
        record.seen =
            Some(match received.map_err(|error| not_stored(account, &error, record))? {
                Received::Stored => Seen::Accepted,
                Received::Duplicate { id, same_text } => {
                    if !same_text {
                        tracing::warn!(
                            account = account.name,
                            event_id = %id,
                            "a notification of a known event has another text: the first one counts"
                        );
                    }
                    record.repeats(&id);
                    Seen::Duplicate
                }
            });
        Ok(acknowledge(account))
    }

    /// Stores the notification; it is on disk when this returns `Ok`.
    async fn keep(
        &self,
        account: &Account,
        verified: Verified,
        body: &Bytes,
        received_at: Timestamp,
        neighbours: Vec<String>,
        record: &mut Record,
    ) -> Result<Received, StoreError> {
        let id = EventId::generate(received_at.as_millisecond())
            .ok_or_else(|| StoreError::Refused("the system's random source failed".to_owned()))?;
        let composed = event::compose(account, neighbours, id, verified, body, received_at);
        record.learn(&composed);
        match composed.kept {
            // Its payment is settled in the same commit.
            Kept::Noticed(notice, event) => {
                let (received, noticed) = self.store.receive_notification(*notice, *event).await?;
                self.note(account, &composed.id, composed.reference.as_deref(), &noticed);
                Ok(received)
            }
            Kept::Plain(event) => self.store.receive(*event).await,
        }
    }

    /// Counts and logs what the notification revealed.
    fn note(&self, account: &Account, id: &EventId, reference: Option<&str>, noticed: &Noticed) {
        let row = noticed.row.as_ref();
        if let Some(place) = row.and_then(event::place_in_trace) {
            Span::current().record("trace.link", place);
        }
        let flags = noticed.flags.iter().map(|flag| flag.word());
        self.metrics.count_conflicts(&account.name, flags);
        for flag in noticed.flags.iter().filter(|flag| Flag::CONFLICTS.contains(flag)) {
            tracing::error!(
                account = account.name,
                event_id = %id,
                payment = row.map(|row| row.id.as_str()),
                reference,
                conflict = flag.word(),
                "a notification does not match the payment that it seems to be about"
            );
        }
        let resolved = row.filter(|row| row.just_resolved);
        if let Some((row, end)) = resolved.and_then(|row| Some((row, row.end()?))) {
            self.metrics.count_resolved(&row.account, end.outcome().as_str());
        }
    }
}

/// Every failure here is the store's; the provider repeats a notification that is answered like this. That is correct
/// even if the notification was stored after all: the repetition is then recognised.
fn not_stored(account: &Account, error: &StoreError, record: &mut Record) -> Problem {
    record.is_not_stored();
    tracing::error!(account = account.name, "a notification could not be stored: {error}");
    Problem::not_sent(Code::StoreUnavailable, "it could not be stored; send it again")
}

/// A notification that a provider key signed.
struct Verified {
    /// The exact text that was signed.
    pub param: String,
    /// The id of the key that signed it.
    pub key_id: String,
}

/// The account that the first path segment names, by its name or a former one; providers may append anything to the
/// path.
fn account<'s>(snapshot: &'s Snapshot, request: &Request) -> Result<&'s Account, Problem> {
    let path = request.path.strip_prefix('/').unwrap_or(&request.path);
    let name = path.split('/').next().unwrap_or_default();
    let account = snapshot.account(name);
    account.map(Arc::as_ref).ok_or_else(|| Problem::not_found("no such account"))
}

/// The other accounts at which the notification would have been verified too.
fn neighbours(snapshot: &Snapshot, account: &Account, verified: &Verified) -> Vec<String> {
    let signer = account.provider_keys.iter().find(|key| key.id == verified.key_id);
    let has_it = |other: &Account| {
        other.provider_keys.iter().any(|key| Some(&key.key) == signer.map(|key| &key.key))
    };
    let others = snapshot.accounts.values().filter(|other| other.name != account.name);
    others.filter(|other| has_it(other)).map(|other| other.name.clone()).collect()
}

/// Cuts the signed text out of the body and finds the key that signed it.
fn verify(account: &Account, body: &[u8]) -> Result<Verified, Problem> {
    let recipe = &account.provider.notification;
    let unverified = recipe.read(body).map_err(|unreadable: Unreadable| {
        Problem::not_sent(Code::MalformedJson, unreadable.to_string())
    })?;
    let keys = account.provider_keys.iter().map(|key| &key.key);
    let signer = recipe.signer(&unverified, keys);
    let param = String::from_utf8(unverified.into_message()).ok();
    match (signer, param) {
        (Some(signer), Some(param)) => {
            Ok(Verified { param, key_id: account.provider_keys[signer].id.clone() })
        }
        // Deliberately nothing more: `countersign explain` tells the operator why a signature fails.
        _ => Err(Problem::not_sent(Code::Unauthorized, "the signature does not verify")),
    }
}

/// The answer that the provider accepts as an acknowledgement.
fn acknowledge(account: &Account) -> Reply {
    let known = &account.provider.events.acknowledge;
    let status = StatusCode::from_u16(known.status).unwrap_or(StatusCode::OK);
    Reply::new(status, "application/json", known.body.clone())
        .with_header(CONTENT_TYPE, &known.content_type)
}
