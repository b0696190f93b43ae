//! What the tests drive.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::flaky::Flaky;
use crate::clock::{Clock, MovedClock};
use crate::config::{self, Live};
use crate::delivery::worker::Pace;
use crate::delivery::{Delivery, work};
use crate::metrics::Metrics;
use crate::store::{
    EventDetail, EventId, EventState, Inbox, Intake, MemoryStore, NewEvent, Received,
};
use crate::wire::{Answer, Call, LastLook, NoAnswer, SendError, Target, Timeouts, Upstream};

/// When every test begins, in Unix milliseconds.
pub const START_MS: i64 = 1_780_000_000_000;

/// Longer than any step takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Looks often, because the clock of a test moves without a signal.
const PACE: Pace = Pace {
    look: Duration::from_millis(2),
    lease: Duration::from_secs(15),
    renew: Duration::from_millis(5),
    stop: Duration::from_millis(50),
    accounts: Duration::from_millis(2),
};

/// What the application does with an event.
#[derive(Clone, Debug)]
pub enum Say {
    Status(u16),
    After(u16, &'static str),
    /// Answers 200 when the test lets it go.
    Hang,
    NoAnswer,
    Panic,
}

/// An event as it reached the application.
#[derive(Debug)]
pub struct Posted {
    pub id: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Posted {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("visible ASCII"))
    }
}

struct Application {
    posted: mpsc::UnboundedSender<Posted>,
    script: Mutex<HashMap<String, VecDeque<Say>>>,
    let_go: watch::Receiver<bool>,
}

#[async_trait]
impl Upstream for Application {
    async fn send(
        &self,
        _target: &Target,
        call: Call,
        _timeouts: Timeouts,
        _last_look: Option<&dyn LastLook>,
    ) -> Result<Answer, SendError> {
        let headers: HeaderMap = call.headers.into_iter().collect();
        let id = headers["webhook-id"].to_str().expect("an id").to_owned();
        let say = self
            .script
            .lock()
            .get_mut(&id)
            .and_then(VecDeque::pop_front)
            .unwrap_or(Say::Status(200));
        let posted = Posted { id, path: call.path, headers, body: call.body };
        let _ = self.posted.send(posted);
        let mut headers = HeaderMap::new();
        let status = match say {
            Say::Status(status) => status,
            Say::After(status, retry_after) => {
                headers.insert("retry-after", HeaderValue::from_static(retry_after));
                status
            }
            Say::Hang => {
                self.let_go.clone().wait_for(|go| *go).await.expect("the test is running");
                200
            }
            Say::NoAnswer => return Err(SendError::Unknown(NoAnswer::Timeout)),
            Say::Panic => panic!("expected in this test"),
        };
        let status = StatusCode::from_u16(status).expect("a status");
        Ok(Answer { status, headers, body: Bytes::new() })
    }
}

/// A store, a clock, an application, and deliveries between them.
pub struct World {
    pub inbox: Arc<Flaky>,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub live: Live,
    application: Arc<Application>,
    posted: mpsc::UnboundedReceiver<Posted>,
    let_go: watch::Sender<bool>,
    running: Option<(watch::Sender<bool>, JoinHandle<()>)>,
    received: u32,
}

impl World {
    /// Deliveries run for accounts `one` and `two`, configured with `delivery` beside the address.
    pub fn start(delivery: &str) -> Self {
        let mut world = Self::stopped(delivery);
        world.run();
        world
    }

    /// The same, with nothing running yet.
    pub fn stopped(delivery: &str) -> Self {
        let clock = Clock::fixed(START_MS);
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let (let_go, going) = watch::channel(false);
        let (sender, posted) = mpsc::unbounded_channel();
        let application = Application { posted: sender, script: Mutex::default(), let_go: going };
        Self {
            inbox: Arc::new(Flaky::around(store)),
            clock,
            metrics: Metrics::new("0", "0"),
            live: Live::new(snapshot(&format!(
                "url = \"http://127.0.0.1:9/events?a=b\", {delivery}"
            ))),
            application: Arc::new(application),
            posted,
            let_go,
            running: None,
            received: 0,
        }
    }

    /// The parts that run in the program.
    pub fn parts(&self) -> Arc<Delivery> {
        Arc::new(Delivery {
            live: self.live.clone(),
            inbox: self.inbox.clone(),
            upstream: self.application.clone(),
            metrics: self.metrics.clone(),
            clock: self.clock.clone(),
        })
    }

    pub fn run(&mut self) {
        let (stop, stopping) = watch::channel(false);
        let parts = self.parts();
        let task = tokio::spawn(async move { work(&parts, PACE, stopping).await });
        self.running = Some((stop, task));
    }

    /// An orderly stop.
    pub async fn stop(&mut self) {
        let (stop, task) = self.running.take().expect("deliveries run");
        stop.send_replace(true);
        timeout(PATIENCE, task).await.expect("the stop ends").expect("without a panic");
    }

    pub fn now_ms(&self) -> i64 {
        self.clock.unix_ms()
    }

    pub fn clocks(&self) -> &MovedClock {
        self.clock.moves().expect("a test's clocks")
    }

    pub fn pass(&self, seconds: i64) {
        self.clocks().pass(seconds * 1000);
    }

    /// An event of account `one` that the application treats as `script` says, then with 200.
    pub async fn receive(&mut self, reference: &str, script: &[Say]) -> EventId {
        self.receive_for("one", reference, script).await
    }

    pub async fn receive_for(&mut self, account: &str, reference: &str, script: &[Say]) -> EventId {
        self.receive_as(account, reference, Some("{ \"an\": \"event\" }"), script).await
    }

    pub async fn receive_as(
        &mut self,
        account: &str,
        reference: &str,
        event: Option<&str>,
        script: &[Say],
    ) -> EventId {
        self.received += 1;
        let id = EventId::generate(self.now_ms()).expect("randomness");
        let script = script.iter().cloned().collect();
        self.application.script.lock().insert(id.to_string(), script);
        let stored = self.inbox.receive(NewEvent {
            id: id.clone(),
            account: account.to_owned(),
            provider: "bluepay".to_owned(),
            dedupe_key: format!("key {}", self.received),
            event_name: None,
            kind: None,
            event_type: "countersign.payout.succeeded".to_owned(),
            status: None,
            reference: Some(reference.to_owned()),
            provider_reference: None,
            body: Bytes::from_static(b"{}"),
            param: "{ \"amount\": 1.50 }".to_owned(),
            event: event.map(str::to_owned),
            verified_by: None,
            received_at_ms: self.now_ms(),
            intake: Intake::Deliver,
        });
        assert_eq!(stored.await, Ok(Received::Stored));
        id
    }

    /// The next event that reaches the application.
    pub async fn posted(&mut self) -> Posted {
        timeout(PATIENCE, self.posted.recv()).await.expect("an event is posted").expect("open")
    }

    /// Waits for the next events and asserts which they are.
    #[track_caller]
    pub fn expect<'a>(&'a mut self, ids: &'a [&EventId]) -> impl Future<Output = ()> + 'a {
        let place = std::panic::Location::caller();
        async move {
            for id in ids {
                let posted = self.posted().await;
                assert_eq!(posted.id, id.as_str(), "posted instead, at {place}");
            }
        }
    }

    /// Asserts that nothing is due: an event that comes now overtakes whatever waits.
    #[track_caller]
    pub fn expect_nothing(&mut self) -> impl Future<Output = ()> + '_ {
        let place = std::panic::Location::caller();
        async move {
            let latecomer = self.receive(&format!("latecomer {}", self.received), &[]).await;
            let posted = self.posted().await;
            assert_eq!(posted.id, latecomer.as_str(), "posted too early, at {place}");
        }
    }

    /// Lets every hanging application go on.
    pub fn let_go(&self) {
        self.let_go.send_replace(true);
    }

    /// The event once it is in `state`.
    #[track_caller]
    pub fn until<'a>(
        &'a self,
        id: &'a EventId,
        state: EventState,
    ) -> impl Future<Output = EventDetail> + 'a {
        let place = std::panic::Location::caller();
        let look = async move {
            loop {
                let event = self.inbox.show(id).await.expect("a readable store").expect("known");
                let is_there = event.row.state == state && !event.row.claimed;
                // Time passes only once nothing is under way: then the attempt that led here has ended too.
                sleep(Duration::from_millis(1)).await;
                if is_there {
                    return event;
                }
            }
        };
        async move {
            let found = timeout(PATIENCE, look).await;
            found.unwrap_or_else(|_| panic!("never {state:?}, at {place}"))
        }
    }

    /// The value of the metric whose line begins with `series`.
    #[track_caller]
    pub fn metric(&self, series: &str) -> f64 {
        let text = String::from_utf8(self.metrics.render()).expect("text");
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        let value = line.unwrap_or_else(|| panic!("no `{series}` in\n{text}"));
        value.trim().parse().expect("a number")
    }
}

/// A configuration whose accounts `one` and `two` deliver as `delivery` says.
pub fn snapshot(delivery: &str) -> config::Snapshot {
    let account = |name: &str| {
        format!(
            "[[account]]\nname = \"{name}\"\nprovider = \"bluepay\"\nbase_url = \"http://127.0.0.1:9\"\n\
             app_id = \"countersign-demo-app\"\ntimezone = \"+07:00\"\n\
             signing_key = [{{ id = \"demo\", private_key = {{ file = \"config/demo/merchant.pem\" }} }}]\n\
             delivery = {{ {delivery} }}\n"
        )
    };
    let text = format!("{}{}", account("one"), account("two")).replace("delivery = {  }\n", "");
    match config::load_text(&text) {
        Ok(loaded) => loaded.snapshot,
        Err(mistakes) => panic!("should load: {mistakes:?}\n{text}"),
    }
}
