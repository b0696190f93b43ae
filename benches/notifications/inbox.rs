//! The store alone, through its own interface: what a million waiting events do to the next one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use countersign::in_process::clock::Clock;
use countersign::in_process::store::{
    self, Attempt, Claimed, EventId, Intake, NewEvent, Received, Settled, Settlement, Store,
    StoreUrl,
};
use tokio::task::JoinSet;

use super::{acknowledge, signed};

const ACCOUNT: &str = "bench";
/// Events that are inserted, claimed and settled per measurement.
const MEASURED: usize = 20_000;
/// Callers at once while measuring: the most connections of the rows above.
const CALLERS: usize = 64;
/// Callers at once while filling: as many as share a commit.
const FILLING: usize = 256;
const CLAIMED_AT_ONCE: usize = 64;
const LEASE_MS: i64 = 60_000;

/// How fast a store was.
struct Rates {
    inserted: f64,
    settled: f64,
}

/// Measures an empty store, fills it up to `events` and measures again.
pub async fn run(folder: &Path, events: usize) {
    let path = folder.join("inbox.db");
    let url = StoreUrl::Sqlite(path.clone());
    let events_of = Arc::new(Template::new());
    let measured = MEASURED.min(events);
    println!("\nthe store alone, {CALLERS} callers");

    let store = store::open(&url).expect("a store");
    let empty = measure(&store, &events_of, measured).await;
    let filling = insert(&store, &events_of, events, FILLING).await;
    store.close().await.expect("closed");
    let bytes = std::fs::metadata(&path).expect("the file").len();

    let opening = Instant::now();
    let store = store::open(&url).expect("the store again");
    let opened = opening.elapsed();
    let full = measure(&store, &events_of, measured).await;
    store.close().await.expect("closed");

    let line = |what: &str, empty: f64, full: f64| {
        println!("  {what:<18} {empty:>8.0} /s   {full:>8.0} /s   {:.2}", full / empty);
    };
    println!("  {:<18} {:>11}   {:>11}   ratio", "", "empty", events);
    line("insert", empty.inserted, full.inserted);
    line("claim and settle", empty.settled, full.settled);
    println!(
        "  filled with {FILLING} callers at {:.0} /s: {:.2} GB, opened in {:.1} ms",
        per_second(events, filling),
        bytes as f64 / 1e9,
        opened.as_secs_f64() * 1e3
    );
}

async fn measure(store: &Arc<dyn Store>, template: &Arc<Template>, count: usize) -> Rates {
    let inserting = insert(store, template, count, CALLERS).await;
    let settling = claim_and_settle(store, count).await;
    Rates { inserted: per_second(count, inserting), settled: per_second(count, settling) }
}

/// Inserts `count` events that are not in the store yet.
async fn insert(
    store: &Arc<dyn Store>,
    template: &Arc<Template>,
    count: usize,
    callers: usize,
) -> Duration {
    let left = Arc::new(AtomicUsize::new(count));
    let started = Instant::now();
    let mut inserting = JoinSet::new();
    for _ in 0..callers {
        let (store, template, left) = (store.clone(), template.clone(), left.clone());
        inserting.spawn(async move {
            let take = |left: usize| left.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                let received = store.receive(template.next()).await.expect("stored");
                assert_eq!(received, Received::Stored, "every event is new");
            }
        });
    }
    inserting.join_all().await;
    started.elapsed()
}

/// Claims and settles `count` events, those that have waited longest.
async fn claim_and_settle(store: &Arc<dyn Store>, count: usize) -> Duration {
    let started = Instant::now();
    let mut left = count;
    while left > 0 {
        let now_ms = Clock::System.unix_ms();
        let limit = left.min(CLAIMED_AT_ONCE);
        let claimed = store.claim(ACCOUNT, limit, LEASE_MS).await.expect("claimed");
        assert!(!claimed.is_empty(), "there are events left to claim");
        left -= claimed.len();
        let settling = claimed.into_iter().map(|claimed| settle(store.clone(), claimed, now_ms));
        settling.collect::<JoinSet<_>>().join_all().await;
    }
    started.elapsed()
}

async fn settle(store: Arc<dyn Store>, claimed: Claimed, now_ms: i64) {
    let attempt = Attempt { started_at_ms: now_ms, duration_ms: 1, http_status: Some(200) };
    let delivered = Settlement::Delivered(attempt);
    let settled = store.settle(&claimed.lease, delivered, now_ms).await.expect("settled");
    assert_eq!(settled, Settled::Done);
}

fn per_second(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// Events of the usual size, each of a payment of its own.
struct Template {
    body: Bytes,
    param: String,
    event: String,
    made: AtomicUsize,
}

impl Template {
    fn new() -> Self {
        let param = signed::param(0);
        let event = acknowledge::event(&param);
        // As long as the base64 of a 2048-bit signature.
        let body = serde_json::json!({ "sign": "s".repeat(344), "param": param }).to_string();
        Self { body: body.into(), param, event, made: AtomicUsize::new(0) }
    }

    fn next(&self) -> NewEvent {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let now_ms = Clock::System.unix_ms();
        NewEvent {
            id: EventId::generate(now_ms).expect("randomness"),
            account: ACCOUNT.to_owned(),
            provider: "bluepay".to_owned(),
            // As long as the real ones, which are hashes, and spread like them.
            dedupe_key: format!("event:{:016x}{number:048x}", spread(number)),
            event_name: Some("disbursement.success".to_owned()),
            kind: Some("payout".to_owned()),
            event_type: "countersign.payout.succeeded".to_owned(),
            status: Some("succeeded".to_owned()),
            reference: Some(format!("B{number:015}")),
            provider_reference: Some(format!("D{number:019}")),
            body: self.body.clone(),
            param: self.param.clone(),
            event: Some(self.event.clone()),
            verified_by: Some("bench".to_owned()),
            received_at_ms: now_ms,
            intake: Intake::Deliver,
        }
    }
}

/// A number far away from those of its neighbours.
fn spread(number: usize) -> u64 {
    (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
