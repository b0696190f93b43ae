//! A money-moving call: written down before it leaves, settled when it is known what became of it.
//!
//! The journal decides what may be sent; this asks it before every attempt and tells it after every one. What a caller is
//! told and what the journal says never differ: where writing down fails, nothing is sent.

mod conclude;
pub mod event;
mod last_look;
pub(super) mod owed;
mod poll;
mod query;
mod replay;
pub mod resolver;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Outbound;
use super::call::attempt::{Exchange, PreparedCall, Resigned, attempt, go_again};
use super::call::classify::Verdict;
use crate::clock::later;
use crate::limits::{MoneyBudget, MoneyRefused, Reserved};
use crate::metrics::Phase;
use crate::outcome::Outcome;
use crate::payment::{Fingerprint, Next, State};
use crate::problem::{Code, Problem};
use crate::provider::MemberType;
use crate::store::{Begun, JournalError, NewPayment, PaymentId, PaymentView, StoreError, Unsent};
use crate::trace;
use crate::wire::RequestId;

use conclude::{Listener, conclude, millis, rules_of, unwritten};
use last_look::Announced;
use poll::{Chase, Chased, HANDED_OVER_AFTER, chase};
use replay::{told, wait_for};

/// Beyond everything a call may wait for, before another process may take it for abandoned.
const HOLD_MARGIN: Duration = Duration::from_secs(60);

/// Makes the call at most once, whatever happens on the way.
pub(super) async fn run(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    reference: Option<&str>,
    request_id: &RequestId,
    payment: &mut Option<PaymentId>,
) -> Result<Exchange, Problem> {
    // Without a reference there is nothing to recognise the call by; it is journalled under the request's own id.
    let reference = reference.unwrap_or(request_id.as_str()).to_owned();
    let budget = Budget::ask(call);
    let begun_at = Instant::now();
    let begun = begin(outbound, call, reference, budget.is_ok()).await?;
    if let Begun::Fresh(view) | Begun::Known(view) = &begun {
        *payment = Some(view.row.id.clone());
    }
    match begun {
        Begun::Fresh(view) => match budget {
            Ok(budget) => Ok(make_and_account(outbound, call, (&view, begun_at), budget).await),
            Err(refused) => {
                give_up(outbound, &view.row.id, "over the money per hour").await;
                let why = "over the account's money per hour";
                Err(Problem::not_sent(Code::RateLimited, why).with_retry_after(refused.retry_after))
            }
        },
        Begun::Known(view) => {
            drop(budget);
            wait_for(outbound, call, view).await
        }
        Begun::Reused(_) => Err(Problem::not_sent(
            Code::ReferenceReused,
            "this reference was used before, with other parameters: nothing was sent",
        )),
        Begun::Frozen(freeze) => Err(frozen(&freeze.reason)),
    }
}

/// Writes the call down, unless its reference is taken; where it `may_leave`, with its first attempt in the same commit.
/// Where nothing can be begun, an earlier call under the reference is told of all the same: its caller may come back because
/// the outcome was unknown, and "not sent" would be taken for it.
async fn begin(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    reference: String,
    may_leave: bool,
) -> Result<Begun, Problem> {
    let new = new_payment(outbound, call, reference)?;
    let (reference, fingerprint) = (new.reference.clone(), new.fingerprint);
    let (id, now_ms) = (new.id.clone(), new.now_ms);
    let mut may_be_begun = false;
    let problem = match outbound.stopping.has_begun() {
        true => Problem::not_sent(Code::ShuttingDown, "send this to another instance"),
        false => {
            let begun = match may_leave {
                true => timed(outbound, outbound.store.begin_sending(new)).await,
                false => timed(outbound, outbound.store.begin(new)).await,
            };
            match begun {
                Ok(begun) => return Ok(begun),
                // What is only begun is closed by the next start, and never sent.
                Err(error) if may_leave && error.may_be_written() => {
                    tracing::error!(payment = %id, "nothing was sent so far: {error}");
                    may_be_begun = true;
                    maybe_journalled()
                }
                Err(error) => not_journalled(call, &error),
            }
        }
    };
    let (account, operation) = (&call.account.name, &call.operation.name);
    let earlier = outbound.store.find_payment(account, operation, &reference).await;
    match earlier.ok().flatten().filter(|view| !view.row.payment.frees_its_reference()) {
        Some(view) if view.row.fingerprint == fingerprint => Ok(Begun::Known(view)),
        Some(view) => Ok(Begun::Reused(view)),
        None => {
            if may_be_begun && let Ok(new) = new_payment(outbound, call, reference) {
                let new = Box::new(NewPayment { id, now_ms, ..new });
                outbound.unsettled.add(Unsent::MaybeBegun(new));
            }
            Err(problem)
        }
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
    let waits = [account.limits.max_wait, account.retry.resolve_for]
        .into_iter()
        .fold(account.timeouts.total, Duration::saturating_add);
    Ok(NewPayment {
        id,
        account: account.name.clone(),
        provider: account.provider.name.clone(),
        operation: operation.name.clone(),
        kind: account.provider.kind_of(operation).map(|kind| kind.word().to_owned()),
        reference,
        fingerprint: Fingerprint::of(operation, call.parameters),
        parameters: call.parameters.text().to_owned(),
        place: account.places.get(&operation.name).copied(),
        amount_minor: amount_of(call),
        currency: account.currency.clone(),
        notice_within_ms: account.retry.notice_within.map(millis),
        trace: trace::current().map(|place| place.to_string()),
        now_ms,
        hold_ms: millis(waits.saturating_add(HOLD_MARGIN)),
    })
}

/// The amount in minor units, whatever unit the provider counts in.
fn amount_of(call: &PreparedCall<'_>) -> Option<i64> {
    let mut amounts =
        call.operation.members.iter().filter(|member| member.member_type == MemberType::Amount);
    let member = call.parameters.member(&amounts.next()?.name)?;
    call.account.provider.minor_units(member.raw, call.account.currency.as_deref())
}

/// What of it counts against the account's money, in minor units: what gives money back does not.
pub(super) fn money_of(call: &PreparedCall<'_>) -> Option<u64> {
    let amount = amount_of(call).filter(|_| !call.operation.gives_back)?;
    u64::try_from(amount).ok()
}

/// Waits for the journal and counts how long that took.
#[tracing::instrument(name = "journal", target = "countersign_phase", skip_all)]
async fn timed<T>(outbound: &Outbound, writing: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let written = writing.await;
    outbound.metrics.observe_phase(Phase::Journal, started.elapsed().as_secs_f64());
    written
}

/// What the account's money for this hour has set aside for a call: given back unless the call is begun. What gives money
/// back to the account needs none of it.
struct Budget {
    money: Arc<MoneyBudget>,
    reserved: Option<Reserved>,
}

impl Budget {
    fn ask(call: &PreparedCall<'_>) -> Result<Self, MoneyRefused> {
        let money = call.limits.money.clone();
        let reserved =
            money_of(call).map(|minor| money.reserve(minor, Instant::now())).transpose()?;
        Ok(Self { money, reserved })
    }

    /// The call was begun: from now on its money is spent, unless somebody proves that it moved none.
    fn spend(mut self) -> Spent {
        Spent { money: self.money.clone(), reserved: self.reserved.take() }
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        if let Some(reserved) = self.reserved.take() {
            self.money.give_back(reserved);
        }
    }
}

/// The money of a call that was begun.
struct Spent {
    money: Arc<MoneyBudget>,
    reserved: Option<Reserved>,
}

impl Spent {
    /// The call is made again: its money leaves now.
    fn renew(&mut self) -> Result<(), MoneyRefused> {
        if let Some(reserved) = self.reserved {
            self.reserved = Some(self.money.renew(reserved, Instant::now())?);
        }
        Ok(())
    }

    fn give_back(self) {
        if let Some(reserved) = self.reserved {
            self.money.give_back(reserved);
        }
    }
}

/// Makes the call that was begun. Its money is spent whatever happens, unless it provably moved none.
async fn make_and_account(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    begun: (&PaymentView, Instant),
    budget: Budget,
) -> Exchange {
    let mut spent = budget.spend();
    let exchange = make(outbound, call, begun, &mut spent).await;
    match exchange.verdict.outcome(call.operation) {
        Outcome::Rejected | Outcome::NotSent => spent.give_back(),
        Outcome::Accepted => {}
        Outcome::Unknown => hand_over(outbound, &begun.0.row.id).await,
    }
    exchange
}

/// Attempts and, when one ends in doubt, questions, until it is known what became of the call or time is up. Every way
/// out goes through [`told`]: the caller never hears anything else than the journal says.
/// The first attempt was announced when the payment was begun, not before `begun_at`.
async fn make(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    (begun, begun_at): (&PaymentView, Instant),
    spent: &mut Spent,
) -> Exchange {
    let id = &begun.row.id;
    let rules = rules_of(call.account, call.operation);
    let total = call.account.timeouts.total;
    let deadline = later(Instant::now(), total);
    let chase_until = later(deadline, call.account.retry.resolve_for);
    let mut attempt_until = deadline;
    let (mut attempts, mut resigned) = (0, Resigned::NotYet);
    let mut first = Some((begun.row.payment.attempts, begun_at));
    loop {
        let (number, at) = match first.take() {
            Some(first) => first,
            None => {
                let at = Instant::now();
                let announcing = outbound.store.about_to_send(id, rules, outbound.clock.unix_ms());
                match timed(outbound, announcing).await {
                    Ok(number) => (number, at),
                    Err(error) => return stopped(outbound, call, id, attempts, &error).await,
                }
            }
        };
        let announced = Announced::new(outbound, id, number, at);
        let attempted = attempt(outbound, call, attempt_until, &announced).await;
        let verdict = announced.verdict(attempted);
        attempts += u32::from(verdict.was_tried());
        let after = (
            call.account.retry.resolve_for.saturating_add(HANDED_OVER_AFTER),
            Listener::until(Some(deadline)),
        );
        let Some(view) = conclude(outbound, call, id, number, &verdict, after).await else {
            return told(outbound, call, attempts, verdict, None).await;
        };
        let is_ready = matches!(view.row.payment.state, State::Ready);
        match view.row.payment.next(&rules) {
            Next::Rest(_) => return told(outbound, call, attempts, verdict, Some(view)).await,
            Next::Send if is_ready => {
                let is_again = verdict.nothing_happened_yet() && {
                    let again = go_again(call, &verdict, attempts, &mut resigned, deadline);
                    outbound.stopping.unless(again).await == Some(true)
                };
                if is_again {
                    continue;
                }
                let view = give_up(outbound, id, &verdict.reason()).await;
                return told(outbound, call, attempts, verdict, view).await;
            }
            // An earlier attempt is still in doubt, and a resend did not leave: the resolver goes on.
            Next::Send => return told(outbound, call, attempts, verdict, Some(view)).await,
            Next::Ask | Next::Wait => {
                let chase_for = Chase { until: chase_until, told_until: deadline };
                let (chased, view) = chase(outbound, call, id, &chase_for).await;
                let may_send = matches!(chased, Chased::MaySend) && !outbound.stopping.has_begun();
                let is_again = may_send && attempts < call.account.retry.attempts;
                if !is_again || spent.renew().is_err() {
                    return told(outbound, call, attempts, verdict, view).await;
                }
                // A resend is a new attempt at a call whose first time is over: it has the whole of it again.
                attempt_until = later(Instant::now(), total);
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
    let reason = match error {
        JournalError::Frozen(_) => error.to_string(),
        _ => Verdict::NotJournalled.reason(),
    };
    let view = give_up(outbound, id, &reason).await;
    let verdict = match error {
        JournalError::Frozen(freeze) => Verdict::Frozen(freeze.reason.clone()),
        // The announcement may come to life, and nothing that was written since keeps it from that.
        error if error.may_be_written() && view.is_none() => Verdict::MaybeJournalled,
        JournalError::Store(_)
        | JournalError::Forbidden { .. }
        | JournalError::NoSuchPayment(_) => Verdict::NotJournalled,
    };
    match (attempts, &view) {
        // Nothing ever left, whatever the journal can still be told; its verdict says whether that may change.
        (0, None) => Exchange { attempts, verdict, is_replay: false },
        _ => told(outbound, call, attempts, verdict, view).await,
    }
}

/// What is still in doubt is the resolver's, or the next process's: due at once.
async fn hand_over(outbound: &Outbound, id: &PaymentId) {
    if let Err(error) = outbound.store.hand_over(id).await {
        tracing::error!(payment = %id, "a payment in doubt is asked about later: {error}");
    }
}

/// Tells the journal that the call will not be made again by this caller; what it then says of it.
async fn give_up(outbound: &Outbound, id: &PaymentId, reason: &str) -> Option<PaymentView> {
    let given_up = outbound.store.give_up(id, reason, outbound.clock.unix_ms()).await;
    let unwritten = |error: &JournalError| {
        unwritten(id, error);
        outbound.unsettled.add(Unsent::Begun(id.clone()));
    };
    given_up.inspect_err(unwritten).ok()
}

pub(super) fn frozen(reason: &str) -> Problem {
    Problem::not_sent(Code::Frozen, format!("the account is frozen: {reason}"))
}

/// The journal's disk failed in such a way that the next start may find an attempt there that never left: it then asks, and
/// sends it where it is not at the provider.
pub(super) fn maybe_journalled() -> Problem {
    Problem::new(
        Code::OutcomeUnknown,
        Outcome::Unknown,
        "the journal's disk failed: nothing was sent so far, but it may be sent after a restart; \
         repeat it under the same reference only",
    )
}

fn not_journalled(call: &PreparedCall<'_>, error: &StoreError) -> Problem {
    tracing::error!(
        account = call.account.name,
        "nothing was sent, the journal cannot be used: {error}"
    );
    Problem::not_sent(Code::StoreUnavailable, "the journal could not be written: nothing was sent")
}
