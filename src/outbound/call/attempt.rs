//! One attempt: sign, send, classify.
//!
//! Every attempt is signed again, because the timestamp is part of the signed text; the ids stay the same.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_TYPE, DATE};
use tokio::time::Instant;
use tracing::Instrument;

use super::classify::{Verdict, WhyNotSent, classify};
use super::labels::Phase;
use super::prepared::PreparedCall;
use super::stopping::Stopping;
use crate::clock::{Clock, instant};
use crate::limits::{CircuitPermit, Urgency};
use crate::logging::PHASES;
use crate::metrics::Metrics;
use crate::provider::FillContext;
use crate::sign::SignPool;
use crate::wire::{Answer, AnswerBody, Call, LastLook, NotSent, SendError, Timeouts, Upstream};

/// The way out to the providers, and what every attempt uses.
pub(crate) struct Egress {
    /// Sends signed calls.
    pub upstream: Arc<dyn Upstream>,
    /// The threads that sign.
    pub signers: SignPool,
    /// Where everything is counted.
    pub metrics: Arc<Metrics>,
    /// Where timestamps come from.
    pub clock: Clock,
    /// Whether the process is stopping.
    pub stopping: Stopping,
}

impl Egress {
    /// One attempt: admits it, signs it, sends it after a `last_look` where it needs one, and returns what it proves.
    #[tracing::instrument(name = "attempt", target = "countersign_phase", skip_all)]
    pub async fn attempt(
        &self,
        call: &PreparedCall<'_>,
        deadline: Instant,
        last_look: Option<&dyn LastLook>,
    ) -> Verdict {
        let ready = async { Ok((self.admit(call).await?, self.sign(call).await?)) };
        let (permit, body) = match ready.await {
            Ok(ready) => ready,
            Err(why) => return Verdict::NotSent(why),
        };
        let sent = self.send(call, body, deadline, last_look).await;
        let verdict = classify(call, sent, self.clock.now());
        permit.settle(verdict.sample(), instant());
        learn(call, &verdict);
        let (account, operation) = (&call.account.name, &call.operation.name);
        self.metrics.count_attempt(account, operation, verdict.attempt_result());
        verdict
    }

    /// Permission to make an attempt: from the circuit first, so that a call it refuses uses none of the rate. If the
    /// rate refuses, the circuit's permit is dropped, and the next call may try.
    async fn admit(&self, call: &PreparedCall<'_>) -> Result<CircuitPermit, WhyNotSent> {
        let circuit = call.limits.circuit(call.class());
        let permit = circuit.enter(instant()).map_err(WhyNotSent::CircuitOpen)?;
        let waited = instant();
        let admitting = call.limits.rate.admit(Urgency::of(call.operation), &call.operation.name);
        let admitted = admitting.instrument(tracing::info_span!(target: PHASES, "wait")).await;
        self.metrics.observe_phase(Phase::Wait, waited.elapsed().as_secs_f64());
        admitted.map_err(WhyNotSent::RateLimited)?;
        permit.still_good(instant()).map_err(WhyNotSent::CircuitOpen)
    }

    /// The complete signed request body, with the time of this attempt in it.
    #[tracing::instrument(name = "sign", target = "countersign_phase", skip_all)]
    async fn sign(&self, call: &PreparedCall<'_>) -> Result<Bytes, WhyNotSent> {
        let account = call.account;
        let now = self.clock.now();
        let key = account.signing_keys.usable_at(now).ok_or(WhyNotSent::NoUsableKey)?;
        let stamped = match account.correct_clock {
            true => call.limits.skew.corrected(now),
            false => now,
        };
        let notify_url = account.notify_url.as_deref();
        let context = FillContext { unix_ms: stamped.as_millisecond(), notify_url };
        let additions = call.operation.additions(call.parameters, &context);
        let text =
            call.parameters.splice(additions.iter().map(|(name, value)| (*name, value.as_str())));
        let recipe = &account.provider.request;
        let unsigned = recipe.prepare(&account.app_id, text);
        let started = instant();
        let signature = self.signers.sign(key.clone(), recipe.hash(), unsigned.message()).await;
        self.metrics.observe_phase(Phase::Sign, started.elapsed().as_secs_f64());
        let signature = signature?;
        self.metrics.key_used(&account.name, &key.id, now.as_second());
        Ok(unsigned.finish(&signature))
    }

    /// Sends the signed body.
    #[tracing::instrument(name = "upstream", target = "countersign_phase", skip_all)]
    async fn send(
        &self,
        call: &PreparedCall<'_>,
        body: Bytes,
        deadline: Instant,
        last_look: Option<&dyn LastLook>,
    ) -> Result<Answer, SendError> {
        let json = HeaderValue::from_static("application/json");
        let wire_call = Call {
            path: call.operation.path.clone(),
            headers: vec![(CONTENT_TYPE, json.clone()), (ACCEPT, json)],
            body,
            answer_body: AnswerBody::Needed,
        };
        let account = call.account;
        let (started, sent_at) = (instant(), self.clock.now());
        let left = deadline.saturating_duration_since(started);
        if left.is_zero() {
            // Sending now could only end in an unknown outcome.
            return Err(SendError::NotSent(NotSent::TooLate));
        }
        if call.operation.money_moving && self.stopping.has_begun() {
            return Err(SendError::NotSent(NotSent::Stopping));
        }
        let timeouts = Timeouts { total: account.timeouts.total.min(left), ..account.timeouts };
        let sent = self.upstream.send(&account.target, wire_call, timeouts, last_look).await;
        self.metrics.observe_phase(Phase::Upstream, started.elapsed().as_secs_f64());
        if let Ok(answer) = &sent
            && let Some(date) = answer.headers.get(DATE).and_then(|date| date.to_str().ok())
        {
            call.limits.skew.observe(date, sent_at, self.clock.now());
        }
        sent
    }
}

/// Records what an attempt means for later ones.
fn learn(call: &PreparedCall<'_>, verdict: &Verdict) {
    let limits = &call.limits;
    if verdict.is_too_often() {
        limits.rate.close_for(verdict.retry_after(), instant());
    }
    if verdict.is_stale() {
        limits.skew.believe_newest();
    }
    if verdict.is_final() {
        limits.repeats(call.class()).earn();
    }
}
