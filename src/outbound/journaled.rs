//! A money-moving call: written down before it leaves, settled when it is known what became of it.
//!
//! The journal decides what may be sent; this asks it before every attempt and tells it after every one. What a caller is
//! told and what the journal says never differ: where writing down fails, nothing is sent.

use std::time::{Duration, Instant};

use super::Outbound;
use super::asking::{Asked, ask};
use super::attempts::{Exchange, PreparedCall, attempt, go_again};
use super::classify::Verdict;
use super::known::{settled, wait_for};
use super::pauses;
use crate::metrics::Phase;
use crate::outcome::Outcome;
use crate::payment::{Fingerprint, Next, Rules};
use crate::problem::{Code, Problem};
use crate::provider::{MemberType, Operation, Provider};
use crate::store::{
    AskedAnswer, Begun, Conclusion, JournalError, NewPayment, PaymentId, PaymentView, StoreError,
    StoredAnswer,
};
use crate::wire::{Answer, RequestId};

/// Beyond everything a call may wait for, before another process may take it for abandoned.
const HOLD_MARGIN: Duration = Duration::from_secs(60);

/// When the resolver takes over, after the caller's own asking ended.
const HANDED_OVER_AFTER: Duration = Duration::from_secs(5);

/// Makes the call at most once, whatever happens on the way.
pub(super) async fn run(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    reference: Option<&str>,
    request_id: &RequestId,
) -> Result<Exchange, Problem> {
    // Without a reference there is nothing to recognise the call by; it is journalled under the request's own id.
    let reference = reference.unwrap_or(request_id.as_str()).to_owned();
    let new = new_payment(outbound, call, reference)?;
    let begun = timed(outbound, outbound.store.begin(new)).await;
    match begun.map_err(|error| not_journalled(call, &error))? {
        Begun::Fresh(view) => make_within_budget(outbound, call, &view.row.id).await,
        Begun::Known(view) => wait_for(outbound, call, view).await,
        Begun::Reused(_) => Err(Problem::not_sent(
            Code::ReferenceReused,
            "this reference was used before, with other parameters: nothing was sent",
        )),
        Begun::Frozen(freeze) => Err(frozen(&freeze.reason)),
    }
}

fn new_payment(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    reference: String,
) -> Result<NewPayment, Problem> {
    let (account, operation) = (call.account, call.operation);
    let now_ms = outbound.clock.unix_ms();
    let id = PaymentId::generate(now_ms).ok_or_else(|| {
        Problem::not_sent(Code::InternalError, "the system has no randomness to give")
    })?;
    let waits = account.timeouts.total + account.limits.max_wait + account.retry.resolve_for;
    Ok(NewPayment {
        id,
        account: account.name.clone(),
        provider: account.provider.name.clone(),
        operation: operation.name.clone(),
        kind: kind_of(&account.provider, operation),
        reference,
        fingerprint: Fingerprint::of(operation, call.parameters),
        parameters: call.parameters.text().to_owned(),
        amount_minor: amount_of(call),
        currency: account.currency.clone(),
        notice_within_ms: account.retry.notice_within.map(millis),
        now_ms,
        hold_ms: millis(waits + HOLD_MARGIN),
    })
}

/// What notifications about the operation are about, in the words of the events.
fn kind_of(provider: &Provider, operation: &Operation) -> Option<String> {
    let event = operation.event.as_deref()?;
    let rule = provider.events.rules.iter().find(|rule| rule.name == event)?;
    Some(rule.kind.word().to_owned())
}

/// The amount in minor units, as it was written.
pub(super) fn amount_of(call: &PreparedCall<'_>) -> Option<i64> {
    let mut amounts =
        call.operation.members.iter().filter(|member| member.member_type == MemberType::Amount);
    let member = call.parameters.member(&amounts.next()?.name)?;
    member.raw.parse().ok()
}

/// Waits for the journal and counts how long that took.
async fn timed<T>(outbound: &Outbound, writing: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let written = writing.await;
    outbound.metrics.observe_phase(Phase::Journal, started.elapsed().as_secs_f64());
    written
}

/// Makes the call when the account's money for this hour allows it. What gives money back is not counted.
async fn make_within_budget(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    id: &PaymentId,
) -> Result<Exchange, Problem> {
    let money = outbound.limiters.of(call.account).money.clone();
    let amount = amount_of(call).filter(|_| !call.operation.gives_back);
    let amount = amount.and_then(|minor| u64::try_from(minor).ok());
    let reserved = match amount.map(|minor| money.reserve(minor, Instant::now())).transpose() {
        Ok(reserved) => reserved,
        Err(refused) => {
            let reason = Verdict::Frozen("over the money per hour".to_owned());
            give_up(outbound, id, &reason).await;
            return Err(Problem::not_sent(Code::RateLimited, "over the account's money per hour")
                .with_retry_after(refused.retry_after));
        }
    };
    let exchange = make(outbound, call, id).await;
    if let Some(reserved) = reserved
        && nothing_happened(call, &exchange.verdict)
    {
        money.give_back(reserved);
    }
    Ok(exchange)
}

/// Whether it is proved that no money moved.
fn nothing_happened(call: &PreparedCall<'_>, verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Answered { understood, .. } => {
            super::classify::outcome(call.operation, understood.meaning) == Outcome::Rejected
        }
        Verdict::Unreadable { .. } | Verdict::NoAnswer(_) => false,
        Verdict::Settled(outcome) => matches!(outcome, Outcome::Rejected | Outcome::NotSent),
        Verdict::NotSent(_)
        | Verdict::NoUsableKey
        | Verdict::SigningQueueFull
        | Verdict::SigningFailed
        | Verdict::RateLimited(_)
        | Verdict::CircuitOpen(_)
        | Verdict::NotJournalled
        | Verdict::Frozen(_) => true,
    }
}

/// Attempts and, when one ends in doubt, questions, until it is known what became of the call or time is up.
async fn make(outbound: &Outbound, call: &PreparedCall<'_>, id: &PaymentId) -> Exchange {
    let rules = rules_of(&call.account.provider);
    let deadline = Instant::now() + call.account.timeouts.total;
    let chase_until = deadline + call.account.retry.resolve_for;
    let mut attempts = 0;
    let mut last = None;
    loop {
        let announced = outbound.store.about_to_send(id, rules, outbound.clock.unix_ms());
        let number = match timed(outbound, announced).await {
            Ok(number) => number,
            Err(error) => {
                let verdict = last.unwrap_or_else(|| stopped(&error));
                return Exchange { attempts, verdict, is_replay: false };
            }
        };
        // A resend after the total time-out has the whole of it again: it is a new attempt at the same call.
        let attempt_until = deadline.max(Instant::now() + call.account.timeouts.total);
        let verdict = attempt(outbound, call, attempt_until).await;
        attempts += u32::from(verdict.was_tried());
        let Some(view) = conclude(outbound, call, id, number, &verdict).await else {
            return Exchange { attempts, verdict, is_replay: false };
        };
        match view.row.payment.next(&rules) {
            Next::Rest(_) => return settled(outbound, call, attempts, verdict, view).await,
            Next::Send => {
                if verdict.nothing_happened_yet()
                    && go_again(outbound, call, &verdict, attempts, deadline).await
                {
                    last = Some(verdict);
                    continue;
                }
                give_up(outbound, id, &verdict).await;
                return Exchange { attempts, verdict, is_replay: false };
            }
            Next::Ask | Next::Wait => match chase(outbound, call, id, chase_until).await {
                Chased::Settled(view) => {
                    return settled(outbound, call, attempts, verdict, *view).await;
                }
                Chased::MaySend if attempts < call.account.retry.attempts => last = Some(verdict),
                Chased::MaySend | Chased::Open => {
                    return Exchange { attempts, verdict, is_replay: false };
                }
            },
        }
    }
}

/// Tells the journal how an attempt ended. `None` when it could not be told: then the caller hears what was seen, and the
/// journal finds out at the next start.
async fn conclude(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    id: &PaymentId,
    number: u32,
    verdict: &Verdict,
) -> Option<PaymentView> {
    let now_ms = outbound.clock.unix_ms();
    let next_ask_at = now_ms + millis(call.account.retry.resolve_for + HANDED_OVER_AFTER);
    let conclusion = match verdict {
        Verdict::Answered { answer, understood } => Conclusion::Answered {
            code: understood.code,
            meaning: understood.meaning,
            provider_reference: None,
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
        | Verdict::Frozen(_)
        | Verdict::Settled(_) => Conclusion::NotSent { reason: verdict.reason() },
    };
    let concluded = outbound.store.conclude(id, number, conclusion, next_ask_at, now_ms).await;
    concluded.inspect_err(|error| unwritten(id, error)).ok()
}

async fn give_up(outbound: &Outbound, id: &PaymentId, verdict: &Verdict) {
    let given_up = outbound.store.give_up(id, &verdict.reason(), outbound.clock.unix_ms()).await;
    if let Err(error) = given_up {
        unwritten(id, &error);
    }
}

/// What asking brought.
enum Chased {
    Settled(Box<PaymentView>),
    /// It provably did not land: it may be sent again, with the same ids.
    MaySend,
    /// Still in doubt when time was up; the resolver goes on.
    Open,
}

/// Asks with growing pauses until it is known, or until `until`. A notification that arrives meanwhile ends it too.
async fn chase(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    id: &PaymentId,
    until: Instant,
) -> Chased {
    let rules = rules_of(&call.account.provider);
    let mut changes = outbound.store.payment_changes(id);
    for count in 0.. {
        let pause = pauses::in_call(count, pauses::random());
        if Instant::now() + pause >= until {
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = changes.changed() => {}
        }
        let left = until.saturating_duration_since(Instant::now());
        let view = match outbound.store.payment(id).await {
            Ok(Some(view)) if view.row.end().is_some() => Ok(view),
            Ok(_) => question(outbound, call, id, &rules, left + HANDED_OVER_AFTER).await,
            Err(error) => Err(JournalError::Store(error)),
        };
        match view.map(|view| (view.row.payment.next(&rules), view)) {
            Ok((Next::Rest(_), view)) => return Chased::Settled(Box::new(view)),
            Ok((Next::Send, _)) => return Chased::MaySend,
            Ok((Next::Ask | Next::Wait, _)) => {}
            Err(error) => {
                unwritten(id, &error);
                return Chased::Open;
            }
        }
    }
    Chased::Open
}

/// Asks once and writes down what it brought. When nothing did, it is due again after `again_after`.
pub(super) async fn question(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    id: &PaymentId,
    rules: &Rules,
    again_after: Duration,
) -> Result<PaymentView, JournalError> {
    let asked_at = outbound.clock.unix_ms();
    let asked = ask(outbound, call.account, call.operation, call.parameters).await;
    let answer = learned(outbound, call, asked);
    let now_ms = outbound.clock.unix_ms();
    let again_at = now_ms + millis(again_after);
    outbound.store.asked(id, answer, *rules, asked_at, Some(again_at), now_ms).await
}

/// What a question brought, in the journal's words.
fn learned(outbound: &Outbound, call: &PreparedCall<'_>, asked: Asked) -> AskedAnswer {
    match asked {
        Asked::Found { data, answer } => {
            let event = super::resolve::event_of(outbound, call, "", &data);
            AskedAnswer::Found {
                status: event.as_ref().and_then(|event| event.status),
                provider_reference: event
                    .as_ref()
                    .and_then(|event| event.provider_reference.clone()),
                amount_minor: event
                    .as_ref()
                    .and_then(|event| event.amount.as_ref())
                    .map(|amount| amount.minor),
                currency: call.account.currency.clone(),
                answer: Some(stored(&answer)),
            }
        }
        Asked::NotFound => AskedAnswer::NotFound,
        Asked::Unclear(reason) => AskedAnswer::Unclear { reason },
    }
}

pub(super) fn rules_of(provider: &Provider) -> Rules {
    Rules::new(millis(provider.lost.grace), provider.lost.not_found_needed)
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn stored(answer: &Answer) -> StoredAnswer {
    StoredAnswer { status: answer.status.as_u16(), body: answer.body.clone() }
}

/// Why the first attempt was not allowed to leave.
fn stopped(error: &JournalError) -> Verdict {
    tracing::error!("nothing was sent: {error}");
    match error {
        JournalError::Frozen(freeze) => Verdict::Frozen(freeze.reason.clone()),
        JournalError::Store(_)
        | JournalError::Forbidden { .. }
        | JournalError::NoSuchPayment(_) => Verdict::NotJournalled,
    }
}

fn unwritten(id: &PaymentId, error: &JournalError) {
    tracing::error!(payment = %id, "what became of a payment could not be written down: {error}");
}

pub(super) fn frozen(reason: &str) -> Problem {
    Problem::not_sent(Code::Frozen, format!("the account is frozen: {reason}"))
}

pub(super) fn not_journalled(call: &PreparedCall<'_>, error: &StoreError) -> Problem {
    tracing::error!(
        account = call.account.name,
        "nothing was sent, the journal cannot be used: {error}"
    );
    Problem::not_sent(Code::StoreUnavailable, "the journal could not be written: nothing was sent")
}
