//! The resolver: finds out what became of calls whose outcome is unknown, for as long as it takes.
//!
//! It asks the provider with growing pauses, after every restart and while the sidecar runs, and puts what it finds into
//! the inbox as an event, so that the application hears of it like of everything else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use tokio::sync::watch;

use super::Outbound;
use super::attempts::{PreparedCall, attempt};
use super::journaled::{conclusion, millis, question, rules_of};
use super::pauses;
use crate::config::Account;
use crate::json::parse_object;
use crate::limits::CircuitState;
use crate::metrics::CallClass;
use crate::payment::Next;
use crate::provider::{EventStatus, NormaliseContext, Normalised};
use crate::store::{EventId, Intake, JournalError, NewEvent, PaymentView};

/// How often the journal is looked at for what is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Payments asked about at the same time, per account: resolving must not crowd out the calls of the day.
const AT_ONCE: usize = 4;

/// For how long a claimed payment is nobody else's: longer than a question can take.
const LEASE: Duration = Duration::from_secs(120);

/// Attempts after which the background stops sending and only asks: what fails so often is for a person.
const RESENDS_MAX: u32 = 10;

/// How often settled payments are looked at for being old.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Finds out until `shutdown` turns true.
pub async fn run(outbound: Arc<Outbound>, mut shutdown: watch::Receiver<bool>) {
    let mut swept = Instant::now();
    loop {
        recover(&outbound).await;
        let snapshot = outbound.live.load();
        join_all(snapshot.accounts.values().map(|account| look_after(&outbound, account))).await;
        show_figures(&outbound).await;
        if swept.elapsed() >= SWEEP_EVERY {
            swept = Instant::now();
            sweep(&outbound).await;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = shutdown.wait_for(|stop| *stop) => return,
        }
    }
}

/// Shows how many outcomes are unknown, and since when.
async fn show_figures(outbound: &Outbound) {
    let Ok(counts) = outbound.store.payment_counts().await else { return };
    let now_ms = outbound.clock.unix_ms();
    let snapshot = outbound.live.load();
    for name in snapshot.accounts.keys() {
        let known = counts.iter().find(|counts| counts.account == *name);
        let unknown = known.map_or(0, |counts| counts.unknown);
        let oldest = known.and_then(|counts| counts.oldest_unknown_at_ms);
        let age_ms = oldest.map_or(0, |at_ms| now_ms.saturating_sub(at_ms).max(0));
        outbound.metrics.set_unknown(name, unknown, age_ms as f64 / 1e3);
    }
}

/// Removes settled payments that nobody will ask about any more.
async fn sweep(outbound: &Outbound) {
    let kept_ms = millis(outbound.live.load().retention.payments);
    if let Err(error) = outbound.store.sweep_payments(outbound.clock.unix_ms(), kept_ms).await {
        tracing::error!("old payments could not be removed: {error}");
    }
}

/// Takes over what a process that died left behind.
async fn recover(outbound: &Outbound) {
    match outbound.store.recover(outbound.clock.unix_ms()).await {
        Ok(found) if found.unknown > 0 => {
            tracing::warn!(
                payments = found.unknown,
                "payments of an ended process are in doubt and will be asked about"
            );
        }
        Ok(_) => {}
        // The store says so itself, once.
        Err(error) => tracing::debug!("the journal could not be looked through: {error}"),
    }
}

async fn look_after(outbound: &Outbound, account: &Account) {
    let now_ms = outbound.clock.unix_ms();
    let claimed = outbound.store.claim_unknown(&account.name, now_ms, AT_ONCE, millis(LEASE)).await;
    let payments = match claimed {
        Ok(payments) => payments,
        Err(error) => {
            tracing::error!(
                account = account.name,
                "unknown outcomes could not be looked up: {error}"
            );
            return;
        }
    };
    let unnoticed = outbound.store.claim_unnoticed(&account.name, now_ms, AT_ONCE, millis(LEASE));
    let unnoticed = unnoticed.await.unwrap_or_default();
    let questions =
        payments.iter().chain(&unnoticed).map(|payment| resolve(outbound, account, payment));
    for error in join_all(questions).await.into_iter().filter_map(Result::err) {
        tracing::error!(
            account = account.name,
            "an unknown outcome could not be resolved: {error}"
        );
    }
}

/// One question, and what follows from its answer.
async fn resolve(
    outbound: &Outbound,
    account: &Account,
    payment: &PaymentView,
) -> Result<(), JournalError> {
    let row = &payment.row;
    let (Some(operation), Ok(parameters)) =
        (account.provider.operation(&row.operation), parse_object(payment.parameters.as_bytes()))
    else {
        tracing::error!(payment = %row.id, "its operation is no longer in the profile: it cannot be asked about");
        return Ok(());
    };
    let call = PreparedCall { account, operation, parameters: &parameters };
    let rules = rules_of(&account.provider);
    let pause = pauses::in_background(row.asks, pauses::random());
    let view = question(outbound, &call, &row.id, &rules, pause).await?;
    match view.row.payment.next(&rules) {
        // Accepted before, asked about because no notification came: worth an event only when its end is known.
        Next::Rest(_) if row.end().is_some() && !is_final(&view) => Ok(()),
        Next::Rest(_) => announce(outbound, &call, &view).await,
        // It provably did not land. The caller asked for it once: it is made once, with the ids it had.
        Next::Send => resend(outbound, &call, &view).await,
        Next::Ask | Next::Wait => Ok(()),
    }
}

fn is_final(view: &PaymentView) -> bool {
    view.row.payment.status.is_some_and(EventStatus::is_final)
}

async fn resend(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    view: &PaymentView,
) -> Result<(), JournalError> {
    let (id, rules) = (&view.row.id, rules_of(&call.account.provider));
    let circuit = outbound.limiters.of(call.account).circuit(CallClass::Create).state();
    if circuit == CircuitState::Open || view.row.payment.attempts >= RESENDS_MAX {
        return Ok(());
    }
    let number = outbound.store.about_to_send(id, rules, outbound.clock.unix_ms()).await?;
    let deadline = Instant::now() + call.account.timeouts.total;
    let verdict = attempt(outbound, call, deadline).await;
    let now_ms = outbound.clock.unix_ms();
    let again_at = now_ms + millis(pauses::in_background(view.row.asks, pauses::random()));
    outbound.store.conclude(id, number, conclusion(&verdict), again_at, now_ms).await?;
    Ok(())
}

/// Puts what was found into the inbox as an event.
async fn announce(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    view: &PaymentView,
) -> Result<(), JournalError> {
    let row = &view.row;
    let outcome = row.payment.outcome().map_or("unknown", crate::outcome::Outcome::as_str);
    tracing::info!(
        account = row.account,
        operation = row.operation,
        reference = row.reference,
        outcome,
        "an unknown outcome was resolved"
    );
    outbound.metrics.count_resolved(&row.account, outcome);
    let Some(answer) = &view.answer else { return Ok(()) };
    let Some(understood) = call.account.provider.read_answer(&answer.body) else { return Ok(()) };
    let crate::provider::LookedUp::Found { data } =
        call.account.provider.looked_up(call.operation, call.parameters, &understood)
    else {
        return Ok(());
    };
    let now_ms = outbound.clock.unix_ms();
    let Some(id) = EventId::generate(now_ms) else { return Ok(()) };
    let Some(event) = event_of(outbound, call, id.as_str(), &data) else { return Ok(()) };
    let new = NewEvent {
        id,
        account: row.account.clone(),
        provider: row.provider.clone(),
        dedupe_key: format!("synthesised:{}", event.dedupe_key()),
        event_name: None,
        kind: event.kind.map(|kind| kind.word().to_owned()),
        event_type: event.event_type(),
        status: event.status.map(|status| status.word().to_owned()),
        reference: event.order_key().map(str::to_owned),
        provider_reference: event.provider_reference.clone(),
        body: Bytes::new(),
        param: data,
        event: Some(event.to_cloud_event()),
        verified_by: None,
        received_at_ms: now_ms,
        intake: Intake::Deliver,
    };
    outbound.store.receive(new).await?;
    Ok(())
}

/// What a query's `data` says of the call, as an event.
pub(super) fn event_of(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    id: &str,
    data: &str,
) -> Option<Normalised> {
    let context = NormaliseContext {
        account: &call.account.name,
        currency: call.account.currency.as_deref(),
        timezone: call.account.timezone,
        received_at: outbound.clock.now(),
        id,
    };
    call.account.provider.synthesise(call.operation, data, &context)
}
