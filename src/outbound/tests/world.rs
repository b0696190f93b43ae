//! One process with its own journal, and a provider that does what a test says.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use jiff::tz::Offset;
use parking_lot::Mutex;
use prometheus::proto::Metric;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::{Clock, MovedClock, instant};
use crate::config::{Live, Snapshot, demo, load_text};
use crate::json::parse_object;
use crate::limits::AccountLimits;
use crate::metrics::Metrics;
use crate::outbound::Outbound;
use crate::outbound::payment::resolver;
use crate::payment::Fingerprint;
use crate::provider::{EventStatus, NormaliseContext, Provider};
use crate::sign::SignPool;
use crate::store::{
    self, Conclusion, EventId, Filter, NewPayment, Notification, NotificationEvent, PaymentId,
    PaymentView, Step, Store, StoreUrl,
};
use crate::wire::{
    Answer, Call, Handler, LastLook, NoAnswer, NotSent, Peer, Reply, Request, SendError, Target,
    Timeouts, Upstream,
};

/// What the provider does with one call.
#[derive(Clone, Debug)]
pub enum Act {
    Says(String),
    /// It may have accepted it; no answer arrives.
    Loses,
    /// No connection.
    Refuses,
    /// No answer, ever.
    Stalls,
    SaysAfter(Duration, String),
}

/// A provider that performs its acts in order, and then repeats the last one.
#[derive(Default)]
pub struct Script {
    creates: Mutex<VecDeque<Act>>,
    queries: Mutex<VecDeque<Act>>,
    pub created: AtomicUsize,
    pub asked: AtomicUsize,
}

impl Script {
    pub fn creates(&self, acts: impl IntoIterator<Item = Act>) {
        self.creates.lock().extend(acts);
    }

    pub fn queries(&self, acts: impl IntoIterator<Item = Act>) {
        self.queries.lock().extend(acts);
    }

    pub fn created(&self) -> usize {
        self.created.load(Ordering::SeqCst)
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn next(&self, path: &str) -> Act {
        let (acts, count) = match path.contains("/check") {
            true => (&self.queries, &self.asked),
            false => (&self.creates, &self.created),
        };
        count.fetch_add(1, Ordering::SeqCst);
        let mut acts = acts.lock();
        match acts.len() {
            0 => panic!("the test does not say what to do with `{path}`"),
            1 => acts[0].clone(),
            _ => acts.pop_front().expect("there are several"),
        }
    }
}

/// Both providers of the accounts `shop` and `slow`.
#[derive(Default)]
pub struct Providers {
    pub shop: Script,
    pub slow: Script,
}

#[async_trait]
impl Upstream for Providers {
    async fn send(
        &self,
        target: &Target,
        call: Call,
        timeouts: Timeouts,
        last_look: Option<&dyn LastLook>,
    ) -> Result<Answer, SendError> {
        if let Some(look) = last_look {
            look.may_leave().await.map_err(SendError::NotSent)?;
        }
        let script = if target.base_path == "/slow" { &self.slow } else { &self.shop };
        match script.next(&call.path) {
            Act::Says(body) => Ok(Answer {
                status: StatusCode::OK,
                headers: HeaderMap::new(),
                body: Bytes::from(body.replace(ASKED, &reference_in(&call.body))),
            }),
            Act::SaysAfter(delay, body) => {
                tokio::time::sleep(delay).await;
                Ok(Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: body.into() })
            }
            Act::Loses => Err(SendError::Unknown(NoAnswer::ConnectionLost)),
            Act::Refuses => Err(SendError::NotSent(NotSent::Connect)),
            Act::Stalls => {
                tokio::time::sleep(timeouts.total).await;
                Err(SendError::Unknown(NoAnswer::Timeout))
            }
        }
    }
}

/// In an answer: stands for the queried reference.
pub const ASKED: &str = "{asked}";

fn reference_in(body: &[u8]) -> String {
    let envelope: Value = serde_json::from_slice(body).expect("JSON");
    let param: Value =
        serde_json::from_str(envelope["param"].as_str().expect("a text")).expect("JSON");
    param["mchOrderId"].as_str().unwrap_or_default().to_owned()
}

pub fn code(code: i64) -> Act {
    Act::Says(format!(r#"{{"code":{code},"message":"m","data":null}}"#))
}

/// What the query says about a payout that exists.
pub fn found(reference: &str, status: &str) -> Act {
    found_with(reference, json!({ "transactionStatus": status }))
}

pub fn found_with(reference: &str, more: Value) -> Act {
    let mut data = json!({ "mchOrderId": reference, "transactionId": "D9", "amount": 50020 });
    for (name, value) in more.as_object().expect("members") {
        data[name] = value.clone();
    }
    Act::Says(json!({ "code": 10000, "message": "Success", "data": data }).to_string())
}

pub fn not_found() -> Act {
    code(21006)
}

pub struct World {
    pub outbound: Arc<Outbound>,
    pub providers: Arc<Providers>,
    pub metrics: Arc<Metrics>,
    pub store: Arc<dyn Store>,
    stop: watch::Sender<bool>,
    resolver: JoinHandle<()>,
    folder: Arc<tempfile::TempDir>,
}

/// Settings under which calls fail fast, and failures do not make the circuit refuse calls.
pub const FAST: &str = "timeouts = { connect = \"1s\", total = \"5s\" }
\
    retry = { attempts = 3, resolve_for = \"0s\" }
circuit = { failures = 0 }";

impl World {
    /// With `settings` in both accounts.
    pub fn with(settings: &str) -> Self {
        let folder = Arc::new(store::volatile::folder());
        Self::made(folder, Clock::running(), settings, |_| {})
    }

    /// Another process on the same journal, after this one stopped, with providers that `told` has prepared.
    pub async fn after_a_restart_with(self, settings: &str, told: impl FnOnce(&Providers)) -> Self {
        let (folder, clock) = (self.folder.clone(), self.outbound.egress.clock.clone());
        self.stop().await;
        self.store.close().await.expect("closed");
        Self::made(folder, clock, settings, told)
    }

    fn made(
        folder: Arc<tempfile::TempDir>,
        clock: Clock,
        settings: &str,
        told: impl FnOnce(&Providers),
    ) -> Self {
        let snapshot = snapshot(settings);
        let url: StoreUrl =
            format!("sqlite:{}", folder.path().join("store.db").display()).parse().expect("a URL");
        let store = store::open_by(&url, clock.clone()).expect("a store");
        let metrics = Metrics::new("0", "0");
        let providers = Arc::new(Providers::default());
        told(&providers);
        let outbound = Arc::new(Outbound::new(
            Live::new(snapshot),
            providers.clone(),
            SignPool::start(2, 64),
            store.clone(),
            metrics.clone(),
            clock,
        ));
        let (stop, stopped) = watch::channel(false);
        let resolver = tokio::spawn(resolver::run(outbound.clone(), stopped));
        Self { outbound, providers, metrics, store, stop, resolver, folder }
    }

    /// Adopts other settings, as a reload does.
    pub fn reload(&self, settings: &str) {
        let snapshot = snapshot(settings);
        self.outbound.live.swap(snapshot);
        self.outbound.limiters.configure(&self.outbound.live.load(), instant());
    }

    pub fn clocks(&self) -> &MovedClock {
        self.outbound.egress.clock.moves().expect("a test's clocks")
    }

    /// Posts a payout and waits for its answer.
    pub async fn pay(&self, account: &str, reference: &str) -> Reply {
        self.paying(account, reference).await.expect("no panic")
    }

    /// The same, while the test goes on.
    pub fn paying(&self, account: &str, reference: &str) -> JoinHandle<Reply> {
        self.posting(account, "payout_create", payout(reference))
    }

    pub fn posting(&self, account: &str, operation: &str, body: String) -> JoinHandle<Reply> {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        let request = Request {
            method: Method::POST,
            path: format!("/{account}/{operation}"),
            query: String::new(),
            headers,
            body: body.into(),
            peer: Peer::Unidentified,
            received_at: instant(),
        };
        let outbound = self.outbound.clone();
        tokio::spawn(async move { outbound.handle(request).await })
    }

    /// Leaves a payout in doubt that is due for a query: its first attempt was lost, and its caller is gone.
    pub async fn lose(&self, account: &str, reference: &str) {
        self.lose_what_left(account, reference, 0).await;
    }

    /// The same, with an attempt that left some time ago: that time passes.
    pub async fn lose_what_left(&self, account: &str, reference: &str, ago_ms: i64) {
        let new = self.new_payment(account, "payout_create", reference);
        let (id, now_ms) = (new.id.clone(), new.now_ms);
        self.store.begin_sending(new).await.expect("written");
        self.clocks().pass(ago_ms);
        let lost = Step::Conclude {
            attempt: 1,
            conclusion: Conclusion::InDoubt { reason: "reset".into() },
            query_after_ms: 0,
            event: None,
            now_ms,
        };
        self.store.step(&id, lost).await.expect("written");
    }

    /// A payout as it is recorded, under the name of any `operation`.
    pub fn new_payment(&self, account: &str, operation: &str, reference: &str) -> NewPayment {
        let now_ms = self.outbound.egress.clock.unix_ms();
        let parameters = payout(reference);
        let object = parse_object(parameters.as_bytes()).expect("JSON");
        let snapshot = self.outbound.live.load();
        let profiled = snapshot.accounts[account].provider.operation("payout_create");
        NewPayment {
            id: PaymentId::generate(now_ms).expect("randomness"),
            account: account.into(),
            provider: "bluepay".into(),
            operation: operation.into(),
            kind: Some("payout".into()),
            reference: reference.into(),
            fingerprint: Fingerprint::of(profiled.expect("in the profile"), &object),
            parameters: parameters.clone(),
            place: snapshot.accounts[account].places.get("payout_create").copied(),
            amount_minor: Some(50020),
            currency: Some("THB".into()),
            notice_within_ms: None,
            trace: None,
            now_ms,
            lease_ms: 60_000,
        }
    }

    /// Makes a payment due for a query now, whether in doubt or accepted.
    pub async fn ask_again(&self, id: &PaymentId) {
        self.store.step(id, Step::HandOver).await.expect("written");
    }

    /// Lets the resolver query without its pauses until `done`.
    pub async fn resolve_until(
        &self,
        reference: &str,
        what: &str,
        mut done: impl FnMut(&PaymentView) -> bool,
    ) {
        let id = self.payment("shop", reference).await.row.id;
        let mut asks = None;
        wait_until(what, async || {
            let view = self.payment("shop", reference).await;
            let quiet = view.row.queries as usize == self.providers.shop.asked();
            // The same value twice, so that no query is under way.
            if quiet && asks.replace(view.row.queries) == Some(view.row.queries) {
                self.ask_again(&id).await;
            }
            done(&view)
        })
        .await;
    }

    pub fn limits(&self, account: &str) -> Arc<AccountLimits> {
        self.outbound.limiters.of(&self.outbound.live.load().accounts[account])
    }

    /// From now on the journal can be read but not written.
    pub fn break_journal(&self) {
        let file = self.folder.path().join("store.db");
        std::fs::rename(&file, file.with_extension("away")).expect("moved away");
        std::fs::write(&file, "").expect("another in its place");
    }

    /// Begins the stop, as SIGTERM does.
    pub fn begin_stop(&self) {
        self.stop.send_replace(true);
    }

    /// The same, and waits for the resolver's end.
    pub async fn stop(&self) {
        self.begin_stop();
        wait_until("the resolver to end", async || self.resolver.is_finished()).await;
    }

    pub async fn payment(&self, account: &str, reference: &str) -> PaymentView {
        let found = self.store.find_payment(account, "payout_create", reference).await;
        found.expect("a read").expect("it is in the journal")
    }

    pub async fn state(&self, account: &str, reference: &str) -> &'static str {
        self.payment(account, reference).await.row.payment.state.as_str()
    }

    /// The events in the inbox about a reference, oldest first.
    pub async fn events(&self, reference: &str) -> Vec<Value> {
        let filter = Filter { reference: Some(reference.into()), ..Filter::default() };
        let listed = self.store.list(&filter, None, 100).await.expect("a listing");
        let mut events = Vec::new();
        for row in listed.events.iter().rev() {
            let detail = self.store.show(&row.id).await.expect("a read").expect("it is there");
            let event = detail.event.expect("a text");
            events.push(serde_json::from_str(&event).expect("JSON"));
        }
        events
    }

    /// The first event about a reference, when it comes.
    pub async fn event(&self, reference: &str) -> Value {
        wait_until("an event", async || !self.events(reference).await.is_empty()).await;
        self.events(reference).await.remove(0)
    }

    /// How often a call has waited for the journal.
    pub fn journal_waits(&self) -> u64 {
        let families = self.metrics.families();
        let family = families.iter().find(|it| it.name() == "countersign_request_phase_seconds");
        let series = family.into_iter().flat_map(|family| family.get_metric());
        let journal =
            |metric: &&Metric| metric.get_label().iter().any(|label| label.value() == "journal");
        series.filter(journal).map(|metric| metric.get_histogram().get_sample_count()).sum()
    }

    pub fn resolved(&self, end: &str) -> u64 {
        self.counted("countersign_resolved_total", ("final", end))
    }

    pub fn conflicts(&self, conflict: &str) -> u64 {
        self.counted("countersign_payment_conflicts_total", ("conflict", conflict))
    }

    fn counted(&self, name: &str, (label, value): (&str, &str)) -> u64 {
        let families = self.metrics.families();
        let family = families.iter().find(|it| it.name() == name);
        let series = family.into_iter().flat_map(|family| family.get_metric());
        let labelled = |metric: &&Metric| {
            let has = |name, value| {
                let mut labels = metric.get_label().iter();
                labels.any(|label| label.name() == name && label.value() == value)
            };
            has("account", "shop") && has(label, value)
        };
        let found =
            series.filter(labelled).map(|metric| metric.get_counter().get_value()).sum::<f64>();
        found as u64
    }
}

/// The configuration of both accounts with `settings`, on a profile without a grace period.
fn snapshot(settings: &str) -> Snapshot {
    let account = |name: &str| {
        format!(
            "[[account]]\nname = \"{name}\"\nprovider = \"bluepay\"\n\
             base_url = \"http://127.0.0.1:9/{name}\"\napp_id = \"{name}\"\ncurrency = \"THB\"\n{settings}\n\
             signing_key = [{{ id = \"k\", private_key = \"\"\"{}\"\"\" }}]\n",
            demo::MERCHANT_PRIVATE_KEY
        )
    };
    let loaded = load_text(&(account("shop") + &account("slow")));
    let mut snapshot = loaded.unwrap_or_else(|mistakes| panic!("{mistakes:?}")).snapshot;
    for account in snapshot.accounts.values_mut() {
        let account = Arc::get_mut(account).expect("nothing else refers to it yet");
        let provider = Arc::get_mut(&mut account.provider).expect("nothing else refers to it yet");
        provider.lost.grace = Duration::ZERO;
    }
    snapshot
}

pub fn payout(reference: &str) -> String {
    format!(
        r#"{{"mchOrderId":"{reference}","amount":50020,"payMethodCode":"PROMPTPAY","promptpayAccountType":"MSISDN","accountNo":"0812345678"}}"#
    )
}

/// A notification that the payout succeeded, as the inbound path hands it to the store.
pub fn notified(reference: &str, provider_reference: &str) -> (Notification, NotificationEvent) {
    let id = EventId::generate(1).expect("randomness");
    let notice = Notification {
        account: "shop".into(),
        kind: "payout".into(),
        reference: Some(reference.into()),
        provider_reference: Some(provider_reference.into()),
        status: Some(EventStatus::Succeeded),
        amount_minor: Some(50020),
        amount_unreadable: false,
        currency: Some("THB".into()),
        created_at_ms: None,
        is_journalled: true,
        names_another: false,
        neighbours: Vec::new(),
        event_id: id.clone(),
        dedupe_key: format!("key of {id}"),
        received_at_ms: 1,
    };
    let param = format!(r#"{{"eventName":"disbursement.success","mchOrderId":"{reference}"}}"#);
    let context = NormaliseContext {
        account: "shop",
        currency: Some("THB"),
        timezone: Offset::UTC,
        received_at: Timestamp::UNIX_EPOCH,
        id: id.as_str(),
    };
    let provider = Provider::builtin("bluepay").expect("built in");
    let event = provider.normalise(&param, &context).expect("a JSON object");
    let event = NotificationEvent { event, body: "{}".into(), verified_by: None, is_traced: false };
    (notice, event)
}

pub fn outcome(reply: &Reply) -> &str {
    let found = reply.headers.iter().find(|(name, _)| name.as_str() == "countersign-outcome");
    found.and_then(|(_, value)| value.to_str().ok()).expect("on every answer")
}

/// Looks every few milliseconds until `done`, half a minute long.
pub async fn wait_until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    for _ in 0..3_000 {
        if done().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not happen");
}
