//! The outbound path: a plain JSON post becomes one signed provider call and an honest answer.
//!
//! `Outbound::serve` lists the steps in order; each lives in the file it names. Nothing here knows sockets, files or
//! providers: the edge brings whole requests, the profile says what an operation is.

mod answer;
mod authorize;
mod call;
mod parameters;
pub mod payment;
mod record;
mod route;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tracing::Instrument;

use crate::audit;
use crate::clock::Clock;
use crate::config::Live;
use crate::limits::{InFlight, Limiters};
use crate::metrics::Metrics;
use crate::problem::{Code, Problem, require_post};
use crate::sign::SignPool;
use crate::store::{PaymentId, Step, Store};
use crate::wire::{APP_BODY_BYTES_MAX, Handler, Refusal, Reply, Request, Upstream};

use call::attempt::Egress;
use call::prepared::PreparedCall;
use call::repeat;
use call::stopping::Stopping;
use payment::journalled::Journalled;
use payment::unsent::UnsentCalls;
use record::Record;

/// Answers the applications.
pub struct Outbound {
    /// The current configuration; loaded once per request.
    pub live: Live,
    /// Calls under way, per account.
    pub in_flight: InFlight,
    /// Rates, circuits and budgets, per account.
    pub limiters: Limiters,
    /// Where money-moving calls are recorded before they leave.
    store: Arc<dyn Store>,
    /// The way to the providers.
    egress: Egress,
    /// Calls that never left, and are not recorded as unsent.
    unsent: UnsentCalls,
}

#[async_trait]
impl Handler for Outbound {
    fn body_bytes_max(&self) -> usize {
        APP_BODY_BYTES_MAX
    }

    async fn handle(&self, request: Request) -> Reply {
        let mut record = Record::begin(request.received_at);
        let span = record.span(&request.headers);
        let serving = async {
            let result = self.serve(&request, &mut record).await;
            record.finish(result, &self.egress.metrics)
        };
        serving.instrument(span).await
    }

    /// A caller that could not be answered learns the outcome of its payment from an event.
    async fn unheard(&self, ticket: &str) {
        let Ok(id) = ticket.parse::<PaymentId>() else { return };
        if let Err(error) = self.store.step(&id, Step::NoteUnheard).await {
            tracing::error!(payment = %id, "its caller was not answered, and no event can be promised: {error}");
        }
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        Record::refused(Problem::from(refusal), &self.egress.metrics)
    }
}

impl Outbound {
    /// With no calls under way.
    pub fn new(
        live: Live,
        upstream: Arc<dyn Upstream>,
        signers: SignPool,
        store: Arc<dyn Store>,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Self {
        Self {
            live,
            in_flight: InFlight::new(metrics.clone()),
            limiters: Limiters::new(metrics.clone()),
            store,
            egress: Egress { upstream, signers, metrics, clock, stopping: Stopping::default() },
            unsent: UnsentCalls::default(),
        }
    }

    /// One request, step by step. Fills `record` with what it learns on the way.
    async fn serve(
        &self,
        request: &Request,
        record: &mut Record,
    ) -> Result<answer::Answered, Problem> {
        let snapshot = self.live.load();
        let account = route::account(&snapshot, request)?;
        record.is_for(account);
        let actor = authorize::authorize(&account.app, request)?;
        let operation = route::operation(account, request)?;
        record.calls(operation);
        require_post(request)?;
        let _under_way =
            self.in_flight.enter(&account.name, account.limits.in_flight).ok_or_else(|| {
                Problem::not_sent(
                    Code::Overloaded,
                    "this account already has as many calls under way as it may",
                )
                .with_retry_after(Duration::from_secs(1))
            })?;
        let parameters = parameters::read(operation, request)?;
        record.concerns(parameters::reference(operation, &parameters));
        parameters::check(account, operation, &parameters, record.reference.as_deref())?;
        let limits = self.limiters.of(account);
        let call = PreparedCall { account, limits, operation, parameters: &parameters };
        let exchange = match operation.money_moving {
            true => {
                let id = PaymentId::generate(self.egress.clock.unix_ms()).ok_or_else(|| {
                    Problem::not_sent(Code::InternalError, "the system's random source failed")
                })?;
                let (payment, request_id) = (self.journalled(&call, &id), record.id().clone());
                let made = audit::acting(actor, request_id, payment::run(&payment, record)).await;
                made.map_err(|problem| problem.about(record.reference.as_deref()))?
            }
            false => repeat::run(&self.egress, &call).await,
        };
        record.attempts = exchange.attempts;
        record.is_replay = exchange.is_replay;
        answer::answer(&call, exchange, record.reference.as_deref())
    }

    /// A journalled call, as its steps see it.
    fn journalled<'a>(&'a self, call: &'a PreparedCall<'a>, id: &'a PaymentId) -> Journalled<'a> {
        let (store, egress, unsent) = (&*self.store, &self.egress, &self.unsent);
        Journalled { store, egress, unsent, call, id }
    }
}
