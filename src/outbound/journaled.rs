//! A money-moving call: written down before it leaves, settled when it is known what became of it.
//!
//! The journal decides what may be sent; this asks it before every attempt and tells it after every one. What a caller is
//! told and what the journal says never differ: where writing down fails, nothing is sent.

use std::time::{Duration, Instant};

use super::Outbound;
use super::asking::{Asked, ask};
use super::attempts::{Exchange, PreparedCall, attempt, go_again};
use super::classify::Verdict;
use super::known::{told, wait_for};
use super::pauses;
use crate::metrics::Phase;
use crate::outcome::Outcome;
use crate::payment::{Fingerprint, Next, Rules, State};
use crate::problem::{Code, Problem};
use crate::provider::{MemberType, Operation, Provider};
use crate::store::{
    AskedAnswer, Begun, Conclusion, JournalError, NewPayment, PaymentId, PaymentView, StoreError,
    StoredAnswer,
};
use crate::trace;
use crate::wire::{Answer, RequestId};

/// Beyond everything a call may wait for, before another process may take it for abandoned.
const HOLD_MARGIN: Duration = Duration::from_secs(60);

/// How often the journal is told the end of an attempt before that is left to its own finding out.
const CONCLUDE_TRIES: u32 = 4;

/// The shortest pause before a question: full jitter alone can be no pause at all.
const PAUSE_MIN: Duration = Duration::from_millis(100);

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
        trace: trace::current().map(|place| place.to_string()),
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
#[tracing::instrument(name = "journal", target = "countersign_phase", skip_all)]
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
            give_up(outbound, id, "over the money per hour").await;
            return Err(Problem::not_sent(Code::RateLimited, "over the account's money per hour")
                .with_retry_after(refused.retry_after));
        }
    };
    let exchange = make(outbound, call, id).await;
    let proved = [Outcome::Rejected, Outcome::NotSent];
    if let Some(reserved) = reserved
        && proved.contains(&exchange.verdict.outcome(call.operation))
    {
        money.give_back(reserved);
    }
    Ok(exchange)
}

/// Attempts and, when one ends in doubt, questions, until it is known what became of the call or time is up. Every way
/// out goes through [`told`]: the caller never hears anything else than the journal says.
async fn make(outbound: &Outbound, call: &PreparedCall<'_>, id: &PaymentId) -> Exchange {
    let rules = rules_of(&call.account.provider);
    let total = call.account.timeouts.total;
    let deadline = Instant::now() + total;
    let chase_until = deadline + call.account.retry.resolve_for;
    let mut attempt_until = deadline;
    let mut attempts = 0;
    loop {
        let announced = outbound.store.about_to_send(id, rules, outbound.clock.unix_ms());
        let number = match timed(outbound, announced).await {
            Ok(number) => number,
            Err(error) => return stopped(outbound, call, id, attempts, &error).await,
        };
        let verdict = attempt(outbound, call, attempt_until).await;
        attempts += u32::from(verdict.was_tried());
        let Some(view) = conclude(outbound, call, id, number, &verdict).await else {
            return told(outbound, call, attempts, verdict, None).await;
        };
        let is_ready = matches!(view.row.payment.state, State::Ready);
        match view.row.payment.next(&rules) {
            Next::Rest(_) => return told(outbound, call, attempts, verdict, Some(view)).await,
            Next::Send if is_ready => {
                if verdict.nothing_happened_yet()
                    && go_again(outbound, call, &verdict, attempts, deadline).await
                {
                    continue;
                }
                let view = give_up(outbound, id, &verdict.reason()).await;
                return told(outbound, call, attempts, verdict, view).await;
            }
            // An earlier attempt is still in doubt, and a resend did not leave: the resolver goes on.
            Next::Send => return told(outbound, call, attempts, verdict, Some(view)).await,
            Next::Ask | Next::Wait => {
                let (chased, view) = chase(outbound, call, id, chase_until).await;
                let may_send = matches!(chased, Chased::MaySend);
                if !may_send || attempts >= call.account.retry.attempts {
                    return told(outbound, call, attempts, verdict, view).await;
                }
                // A resend is a new attempt at a call whose first time is over: it has the whole of it again.
                attempt_until = Instant::now() + total;
            }
        }
    }
}

/// The journal does not let another attempt leave. What was never sent is given up, so that its reference is free again.
async fn stopped(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    id: &PaymentId,
    attempts: u32,
    error: &JournalError,
) -> Exchange {
    tracing::error!(payment = %id, "nothing more was sent: {error}");
    let verdict = match error {
        JournalError::Frozen(freeze) => Verdict::Frozen(freeze.reason.clone()),
        JournalError::Store(_)
        | JournalError::Forbidden { .. }
        | JournalError::NoSuchPayment(_) => Verdict::NotJournalled,
    };
    let view = give_up(outbound, id, &verdict.reason()).await;
    match (attempts, &view) {
        // Nothing ever left, whatever the journal can still be told.
        (0, None) => Exchange { attempts, verdict, is_replay: false },
        _ => told(outbound, call, attempts, verdict, view).await,
    }
}

/// Tells the journal how an attempt ended, a few times where it does not listen. `None` when it could not be told: it
/// then takes the attempt for being in doubt, and finds out.
async fn conclude(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    id: &PaymentId,
    number: u32,
    verdict: &Verdict,
) -> Option<PaymentView> {
    for count in 0..CONCLUDE_TRIES {
        let now_ms = outbound.clock.unix_ms();
        let next_ask_at = now_ms + millis(call.account.retry.resolve_for + HANDED_OVER_AFTER);
        let conclusion = conclusion(verdict);
        match outbound.store.conclude(id, number, conclusion, next_ask_at, now_ms).await {
            Ok(view) => return Some(view),
            Err(error) => unwritten(id, &error),
        }
        tokio::time::sleep(pauses::in_call(count, 1.0)).await;
    }
    None
}

/// What an attempt proved, in the journal's words.
pub(super) fn conclusion(verdict: &Verdict) -> Conclusion {
    match verdict {
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
    }
}

/// Tells the journal that the call will not be made again by this caller; what it then says of it.
async fn give_up(outbound: &Outbound, id: &PaymentId, reason: &str) -> Option<PaymentView> {
    let given_up = outbound.store.give_up(id, reason, outbound.clock.unix_ms()).await;
    given_up.inspect_err(|error| unwritten(id, error)).ok()
}

/// What asking brought.
enum Chased {
    /// It is known what became of it.
    Settled,
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
) -> (Chased, Option<PaymentView>) {
    let rules = rules_of(&call.account.provider);
    let mut latest = None;
    if call.operation.resolved_by.is_none() {
        return (Chased::Open, latest);
    }
    for count in 0.. {
        let pause = pauses::in_call(count, pauses::random()).max(PAUSE_MIN);
        if Instant::now() + pause >= until {
            break;
        }
        if let Some(view) = told_meanwhile(outbound, id, pause).await {
            return (Chased::Settled, Some(view));
        }
        let left = until.saturating_duration_since(Instant::now());
        match question(outbound, call, id, &rules, left + HANDED_OVER_AFTER).await {
            Ok(view) => match view.row.payment.next(&rules) {
                Next::Rest(_) => return (Chased::Settled, Some(view)),
                Next::Send => return (Chased::MaySend, Some(view)),
                Next::Ask | Next::Wait => latest = Some(view),
            },
            Err(error) => {
                unwritten(id, &error);
                return (Chased::Open, None);
            }
        }
    }
    (Chased::Open, latest)
}

/// Waits for `pause`, or for the payment to be settled by somebody else. A change alone asks nothing: the questions
/// themselves are changes.
async fn told_meanwhile(
    outbound: &Outbound,
    id: &PaymentId,
    pause: Duration,
) -> Option<PaymentView> {
    let mut changes = outbound.store.payment_changes(id);
    let pause = tokio::time::sleep(pause);
    tokio::pin!(pause);
    loop {
        if let Ok(Some(view)) = outbound.store.payment(id).await
            && view.row.end().is_some()
        {
            return Some(view);
        }
        tokio::select! {
            () = &mut pause => return None,
            changed = changes.changed() => changed.ok()?,
        }
    }
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
