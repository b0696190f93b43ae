//! The attempt loop: sign, send, classify, and decide whether to go again.
//!
//! Every attempt is signed anew, because the timestamp stands inside the signed text; the ids stay. What may be repeated
//! here needs no memory: what provably was not sent, what the provider refused for the moment, and calls that are safe to
//! repeat whatever became of them. Everything else is the journal's: see `payment`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_TYPE, DATE};
use tracing::Instrument;

use super::super::Outbound;
use super::super::payment::event;
use super::backoff;
use super::classify::{Verdict, classify};
use crate::clock::later;
use crate::config::Account;
use crate::json::Object;
use crate::limits::{AccountLimits, CircuitLeave, Sample, Urgency};
use crate::logging::PHASES;
use crate::metrics::{CallClass, Phase};
use crate::provider::{FillContext, Operation};
use crate::sign::SignError;
use crate::wire::{AnswerBody, Call, LastLook, NoAnswer, NoLook, NotSent, Timeouts};

/// A call that passed every check and waits to be signed.
pub(crate) struct PreparedCall<'a> {
    pub account: &'a Account,
    /// Taken once, like the account: a reload changes no call that is under way.
    pub limits: Arc<AccountLimits>,
    pub operation: &'a Operation,
    pub parameters: &'a Object<'a>,
}

/// What came of a call, and how many attempts it took. An attempt is a try to reach the provider, also one that finds no
/// connection; without a signature there is none.
pub(crate) struct Exchange {
    pub attempts: u32,
    pub verdict: Verdict,
    /// Whether the answer is that of an earlier call with the same reference.
    pub is_replay: bool,
}

/// Makes the call, again where that is safe, within the total time-out.
pub(crate) async fn run(outbound: &Outbound, call: &PreparedCall<'_>) -> Exchange {
    let deadline = later(Instant::now(), call.account.timeouts.total);
    let (mut attempts, mut resigned) = (0, Resigned::NotYet);
    loop {
        let verdict = attempt(outbound, call, deadline, &NoLook).await;
        attempts += u32::from(verdict.was_tried());
        let repeat = repeatable(call.operation, &verdict);
        match repeat && go_again(call, &verdict, attempts, &mut resigned, deadline).await {
            true => {}
            false => return Exchange { attempts, verdict, is_replay: false },
        }
    }
}

/// Whether a call may be made again without knowing more.
fn repeatable(operation: &Operation, verdict: &Verdict) -> bool {
    verdict.nothing_happened_yet() || (operation.safe_to_repeat() && verdict.is_inconclusive())
}

/// Whether a call was signed anew because the provider refused its timestamp. Once is enough: what is refused with the time
/// of a moment ago is refused for a clock that is wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resigned {
    NotYet,
    Once,
}

/// Waits for the next attempt, when there may be one: by number, by time, and by the account's budget of repeats.
pub(crate) async fn go_again(
    call: &PreparedCall<'_>,
    verdict: &Verdict,
    attempts: u32,
    resigned: &mut Resigned,
    deadline: Instant,
) -> bool {
    let is_refused_again = verdict.is_stale() && *resigned == Resigned::Once;
    if attempts == 0 || attempts >= call.account.retry.attempts || is_refused_again {
        return false;
    }
    let pause = match verdict.is_stale() {
        // The next timestamp is as good now as later.
        true => Duration::ZERO,
        false => verdict
            .retry_after()
            .unwrap_or_else(|| backoff::in_call(attempts - 1, backoff::random())),
    };
    let is_paid = || call.limits.repeats(CallClass::of(call.operation)).spend();
    if later(Instant::now(), pause) >= deadline || !is_paid() {
        return false;
    }
    if verdict.is_stale() {
        *resigned = Resigned::Once;
    }
    tokio::time::sleep(pause).await;
    true
}

/// One attempt: admitted, signed, sent after a `last_look`, and what it proves.
#[tracing::instrument(name = "attempt", target = "countersign_phase", skip_all)]
pub(crate) async fn attempt(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    deadline: Instant,
    last_look: &dyn LastLook,
) -> Verdict {
    let leave = match admit(outbound, call).await {
        Ok(leave) => leave,
        Err(verdict) => return verdict,
    };
    let body = match sign(outbound, call).await {
        Ok(body) => body,
        Err(verdict) => return verdict,
    };
    let verdict = send(outbound, call, body, deadline, last_look).await;
    let verdict = match is_about_another(outbound, call, &verdict) {
        true => Verdict::NoAnswer(NoAnswer::AnotherCall),
        false => verdict,
    };
    leave.settle(sample(&verdict), Instant::now());
    learn(call, &verdict);
    let (account, operation) = (&call.account.name, &call.operation.name);
    outbound.metrics.count_attempt(account, operation, verdict.attempt_result());
    verdict
}

/// Whether the answer to a create carries a reference, and not ours: answers get crossed behind the provider's door.
fn is_about_another(outbound: &Outbound, call: &PreparedCall<'_>, verdict: &Verdict) -> bool {
    let Verdict::Answered { understood, .. } = verdict else { return false };
    let ours = call.operation.reference(call.parameters).filter(|_| call.operation.money_moving);
    let told = ours.and_then(|_| event::answered_by(call, understood, outbound.clock.now()));
    told.and_then(|told| told.reference).is_some_and(|told| Some(told.as_str()) != ours)
}

/// Leave to make an attempt: of the circuit first, so that what it refuses takes nothing from the rate. Where the rate
/// refuses, the circuit's leave is dropped, and the next call may try.
async fn admit(outbound: &Outbound, call: &PreparedCall<'_>) -> Result<CircuitLeave, Verdict> {
    let limits = &call.limits;
    let circuit = limits.circuit(CallClass::of(call.operation));
    let leave =
        circuit.enter(Instant::now()).map_err(|open| Verdict::CircuitOpen(open.retry_after))?;
    let waited = Instant::now();
    let admitting = limits.rate.admit(Urgency::of(call.operation), &call.operation.name);
    let admitted = admitting.instrument(tracing::info_span!(target: PHASES, "wait")).await;
    outbound.metrics.observe_phase(Phase::Wait, waited.elapsed().as_secs_f64());
    admitted.map_err(Verdict::RateLimited)?;
    leave.still_good(Instant::now()).map_err(|open| Verdict::CircuitOpen(open.retry_after))
}

/// What an attempt means for the ones after it.
fn learn(call: &PreparedCall<'_>, verdict: &Verdict) {
    let limits = &call.limits;
    if verdict.is_too_often() {
        limits.rate.close_for(verdict.retry_after(), Instant::now());
    }
    if verdict.is_stale() {
        limits.skew.believe_newest();
    }
    if verdict.is_final() {
        limits.repeats(CallClass::of(call.operation)).earn();
    }
}

/// What an attempt says about the provider's health.
fn sample(verdict: &Verdict) -> Sample {
    match verdict {
        Verdict::Answered { .. } => Sample::Answered,
        // Nothing that the provider did.
        Verdict::NotSent(NotSent::Stopping | NotSent::TooLate | NotSent::Withdrawn) => {
            Sample::Silent
        }
        Verdict::Unreadable { .. } | Verdict::NoAnswer(_) | Verdict::NotSent(_) => Sample::Failed,
        Verdict::NoUsableKey
        | Verdict::SigningQueueFull
        | Verdict::SigningFailed
        | Verdict::RateLimited(_)
        | Verdict::CircuitOpen(_)
        | Verdict::NotJournalled
        | Verdict::MaybeJournalled
        | Verdict::Frozen(_)
        | Verdict::Settled(_) => Sample::Silent,
    }
}

/// The complete signed request body, with the time of this very attempt in it.
#[tracing::instrument(name = "sign", target = "countersign_phase", skip_all)]
async fn sign(outbound: &Outbound, call: &PreparedCall<'_>) -> Result<Bytes, Verdict> {
    let account = call.account;
    let now = outbound.clock.now();
    let key = account.signing_keys.usable_at(now).ok_or(Verdict::NoUsableKey)?;
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
    let started = Instant::now();
    let signature = outbound.signers.sign(key.clone(), recipe.hash(), unsigned.message()).await;
    outbound.metrics.observe_phase(Phase::Sign, started.elapsed().as_secs_f64());
    let signature = signature.map_err(|error| match error {
        SignError::QueueFull => Verdict::SigningQueueFull,
        SignError::Failed => Verdict::SigningFailed,
    })?;
    outbound.metrics.key_used(&account.name, &key.id, now.as_second());
    Ok(unsigned.finish(&signature))
}

/// Sends the signed body and reads what comes back.
#[tracing::instrument(name = "upstream", target = "countersign_phase", skip_all)]
async fn send(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    body: Bytes,
    deadline: Instant,
    last_look: &dyn LastLook,
) -> Verdict {
    let json = HeaderValue::from_static("application/json");
    let wire_call = Call {
        path: call.operation.path.clone(),
        headers: vec![(CONTENT_TYPE, json.clone()), (ACCEPT, json)],
        body,
        answer_body: AnswerBody::Needed,
    };
    let account = call.account;
    let (started, sent_at) = (Instant::now(), outbound.clock.now());
    let left = deadline.saturating_duration_since(started);
    if left.is_zero() {
        // Sending now would only make an unknown outcome.
        return Verdict::NotSent(NotSent::TooLate);
    }
    if call.operation.money_moving && outbound.stopping.has_begun() {
        return Verdict::NotSent(NotSent::Stopping);
    }
    let timeouts = Timeouts { total: account.timeouts.total.min(left), ..account.timeouts };
    let sent = outbound.upstream.send(&account.target, wire_call, timeouts, last_look).await;
    outbound.metrics.observe_phase(Phase::Upstream, started.elapsed().as_secs_f64());
    if let Ok(answer) = &sent
        && let Some(date) = answer.headers.get(DATE).and_then(|date| date.to_str().ok())
    {
        call.limits.skew.observe(date, sent_at, outbound.clock.now());
    }
    classify(&account.provider, sent)
}
