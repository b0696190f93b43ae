//! The rate limit from a caller's view: which calls pass, which wait, which are refused.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::queue::{Arrival, CLOSED_MAX, Queue, RateRefused, Ticket, Turn, Urgency, WAITING_MAX};
use super::*;
use crate::clock::instant;
use crate::config::{OnExcess, OperationLimit, Rate};
use crate::limits::LimitKind;

const SECOND: Duration = Duration::from_secs(1);

fn per_second(count: u32) -> Rate {
    Rate { count, per: SECOND }
}

fn limits(rate: Option<Rate>, burst: u32, on_excess: OnExcess, max_wait: Duration) -> Limits {
    Limits {
        rate,
        burst: Some(burst),
        on_excess,
        max_wait,
        in_flight: 64,
        operations: Default::default(),
        money_per_hour: None,
    }
}

fn with_operation(mut limits: Limits, name: &str, rate: Rate, burst: u32) -> Limits {
    limits.operations.insert(name.into(), OperationLimit { rate, burst: Some(burst) });
    limits
}

fn admitted(arrival: Arrival) {
    assert!(matches!(arrival, Arrival::Admitted), "the call should pass at once");
}

fn waits(arrival: Arrival) -> Arc<Ticket> {
    match arrival {
        Arrival::Waits(ticket) => ticket,
        Arrival::Admitted => panic!("the call should wait, not pass"),
        Arrival::Refused(refused) => panic!("the call should wait, not be refused: {refused:?}"),
    }
}

fn refused(arrival: Arrival) -> RateRefused {
    match arrival {
        Arrival::Refused(refused) => refused,
        Arrival::Admitted | Arrival::Waits(_) => panic!("the call should be refused"),
    }
}

fn is_granted(ticket: &Ticket) -> bool {
    ticket.granted.load(Ordering::Acquire)
}

#[test]
fn a_refusal_of_a_call_over_the_rate_says_when_to_try_again() {
    let now = instant();
    let mut queue = Queue::new(&limits(Some(per_second(2)), 2, OnExcess::Reject, SECOND), now);
    admitted(queue.arrive(Urgency::Last, "payout_create", now));
    admitted(queue.arrive(Urgency::Last, "payout_create", now));
    let refused = refused(queue.arrive(Urgency::First, "payout_status", now));
    assert_eq!(refused.limit, LimitKind::Account);
    assert_eq!(refused.retry_after, SECOND / 2);
    assert_eq!(refused.fields.policy.as_deref(), Some("\"account\";q=2;w=1"));
    assert_eq!(refused.fields.limit, "\"account\";r=0;t=1");
    admitted(queue.arrive(Urgency::Last, "payout_create", now + SECOND / 2));
}

#[test]
fn a_call_that_is_sure_to_wait_too_long_is_refused_at_once() {
    let now = instant();
    let mut queue = Queue::new(&limits(Some(per_second(1)), 1, OnExcess::Wait, 2 * SECOND), now);
    admitted(queue.arrive(Urgency::Last, "a", now));
    waits(queue.arrive(Urgency::Last, "a", now));
    waits(queue.arrive(Urgency::Last, "a", now));
    let refused = refused(queue.arrive(Urgency::Last, "a", now));
    assert_eq!(refused.retry_after, 3 * SECOND, "two wait already, and one passes every second");
    waits(queue.arrive(Urgency::First, "b", now));
}

#[test]
fn queries_and_refunds_go_before_creates_that_waited_longer() {
    let now = instant();
    let mut queue = Queue::new(&limits(Some(per_second(1)), 1, OnExcess::Wait, 60 * SECOND), now);
    admitted(queue.arrive(Urgency::Last, "payout_create", now));
    let create = waits(queue.arrive(Urgency::Last, "payout_create", now));
    let query = waits(queue.arrive(Urgency::First, "payout_status", now));
    let now = now + SECOND;
    assert_eq!(queue.ask(&create, now), Turn::Waits(SECOND), "the query's turn came first");
    assert_eq!(queue.ask(&query, now), Turn::Admitted);
    assert_eq!(queue.ask(&create, now + SECOND), Turn::Admitted);
}

#[test]
fn a_call_without_a_turn_is_refused_when_its_time_is_over() {
    let now = instant();
    let max_wait = Duration::from_millis(1500);
    let mut queue = Queue::new(&limits(Some(per_second(1)), 1, OnExcess::Wait, max_wait), now);
    admitted(queue.arrive(Urgency::Last, "a", now));
    let create = waits(queue.arrive(Urgency::Last, "a", now));
    let query = waits(queue.arrive(Urgency::First, "b", now));
    assert_eq!(queue.ask(&create, now), Turn::Waits(max_wait), "no longer than allowed");
    let over = now + max_wait;
    assert!(matches!(queue.ask(&create, over), Turn::Refused(_)), "its time is over");
    assert!(queue.last.is_empty(), "a refused call should leave the line");
    assert_eq!(queue.ask(&query, over), Turn::Admitted);
}

#[test]
fn a_call_that_leaves_wakes_the_next() {
    let now = instant();
    let mut queue = Queue::new(&limits(Some(per_second(1)), 1, OnExcess::Wait, 60 * SECOND), now);
    admitted(queue.arrive(Urgency::Last, "a", now));
    let first = waits(queue.arrive(Urgency::Last, "a", now));
    let second = waits(queue.arrive(Urgency::Last, "a", now));
    assert_eq!(queue.ask(&second, now), Turn::Waits(2 * SECOND));
    queue.leave(&first);
    assert_eq!(queue.ask(&second, now), Turn::Waits(SECOND), "it moved up");
}

#[test]
fn an_operation_with_its_own_rate_does_not_delay_others() {
    let now = instant();
    let account = limits(Some(per_second(100)), 100, OnExcess::Wait, 60 * SECOND);
    let mut queue = Queue::new(&with_operation(account, "payout_create", per_second(1), 1), now);
    admitted(queue.arrive(Urgency::Last, "payout_create", now));
    let payout = waits(queue.arrive(Urgency::Last, "payout_create", now));
    admitted(queue.arrive(Urgency::Last, "qr_create", now));
    assert_eq!(queue.ask(&payout, now), Turn::Waits(SECOND));
    assert_eq!(queue.ask(&payout, now + SECOND), Turn::Admitted);
}

#[test]
fn an_operation_over_its_own_rate_is_named_in_the_refusal() {
    let now = instant();
    let account = limits(Some(per_second(100)), 100, OnExcess::Reject, SECOND);
    let mut queue = Queue::new(&with_operation(account, "payout_create", per_second(1), 1), now);
    admitted(queue.arrive(Urgency::Last, "payout_create", now));
    let refused = refused(queue.arrive(Urgency::Last, "payout_create", now));
    assert_eq!(refused.limit, LimitKind::Operation);
    assert_eq!(
        refused.fields.policy.as_deref(),
        Some("\"account\";q=100;w=1, \"payout_create\";q=1;w=1")
    );
    assert_eq!(refused.fields.limit, "\"payout_create\";r=0;t=1");
}

#[test]
fn the_provider_can_close_the_account_and_no_burst_follows() {
    let now = instant();
    let mut queue = Queue::new(&limits(Some(per_second(10)), 5, OnExcess::Reject, SECOND), now);
    queue.close_for(Some(30 * SECOND), now);
    queue.close_for(Some(SECOND), now);
    let told = refused(queue.arrive(Urgency::First, "a", now));
    assert_eq!(told.limit, LimitKind::Provider, "a shorter pause should not have opened it");
    assert_eq!(told.retry_after, 30 * SECOND + SECOND / 10);
    let opens = now + 30 * SECOND;
    assert_eq!(refused(queue.arrive(Urgency::Last, "a", opens)).limit, LimitKind::Account);
    admitted(queue.arrive(Urgency::Last, "a", opens + SECOND / 10));
    refused(queue.arrive(Urgency::Last, "a", opens + SECOND / 10));
}

#[test]
fn the_provider_can_close_an_account_without_a_rate_but_not_for_days() {
    let now = instant();
    let mut queue = Queue::new(&limits(None, 1, OnExcess::Reject, SECOND), now);
    queue.close_for(None, now);
    assert_eq!(refused(queue.arrive(Urgency::Last, "a", now)).retry_after, SECOND);
    queue.close_for(Some(Duration::MAX), now);
    let refused = refused(queue.arrive(Urgency::Last, "a", now));
    assert_eq!(refused.retry_after, CLOSED_MAX);
    assert_eq!(refused.fields.policy, None, "only the provider knows its policy");
    admitted(queue.arrive(Urgency::Last, "a", now + CLOSED_MAX));
}

#[test]
fn the_lines_are_bounded() {
    let now = instant();
    let patient = limits(Some(per_second(1)), 1, OnExcess::Wait, 1_000_000 * SECOND);
    let mut queue = Queue::new(&patient, now);
    admitted(queue.arrive(Urgency::Last, "a", now));
    for _ in 0..WAITING_MAX {
        waits(queue.arrive(Urgency::Last, "a", now));
    }
    refused(queue.arrive(Urgency::Last, "a", now));
    waits(queue.arrive(Urgency::First, "b", now));
}

fn limiter(limits: &Limits, metrics: &Arc<Metrics>) -> RateLimiter {
    RateLimiter::new("shop", limits, metrics, instant())
}

#[tokio::test]
async fn a_waiting_call_passes_and_refused_ones_are_counted() {
    let metrics = Metrics::new("0", "0");
    let waiting = limits(Some(per_second(1000)), 1, OnExcess::Wait, 60 * SECOND);
    let limiter_that_waits = limiter(&waiting, &metrics);
    for _ in 0..5 {
        let passed = limiter_that_waits.admit(Urgency::Last, "a").await;
        assert_eq!(passed, Ok(()), "each call should get its turn");
    }
    let hourly = Rate { count: 1, per: 3600 * SECOND };
    let rejecting = limiter(&limits(Some(hourly), 1, OnExcess::Reject, SECOND), &metrics);
    assert_eq!(rejecting.admit(Urgency::Last, "a").await, Ok(()));
    assert!(rejecting.admit(Urgency::Last, "a").await.is_err(), "an hour has not passed");
    assert_eq!(metrics.rate_limited("shop", LimitKind::Account).get(), 1);
}

#[tokio::test]
async fn a_caller_that_disconnects_leaves_the_line() {
    let hourly = Rate { count: 1, per: 3600 * SECOND };
    let patient = limits(Some(hourly), 1, OnExcess::Wait, 10_000 * SECOND);
    let limiter = limiter(&patient, &Metrics::new("0", "0"));
    assert_eq!(limiter.admit(Urgency::Last, "a").await, Ok(()));
    {
        // Boxed like a call's own future: it must be able to move between threads.
        let mut waiting: std::pin::Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(limiter.admit(Urgency::Last, "a"));
        let polled = poll_once(waiting.as_mut()).await;
        assert!(polled.is_none(), "there should be nothing to take");
        assert_eq!(limiter.queue.lock().last.len(), 1);
    }
    assert!(limiter.queue.lock().last.is_empty(), "its place should be free again");
}

/// Polls `future` once; `None` when it is not done.
async fn poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::task::Poll;
    poll_fn(|context| match Pin::new(&mut future).poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// What can happen to a queue.
#[derive(Clone, Debug)]
enum Event {
    Pass { milliseconds: u64 },
    Arrive { urgency: Urgency, operation: &'static str },
    Ask { which: usize },
    Leave { which: usize },
}

fn event() -> impl Strategy<Value = Event> {
    let urgency = prop_oneof![Just(Urgency::First), Just(Urgency::Last)];
    let operation = prop_oneof![Just("limited"), Just("free")];
    prop_oneof![
        3 => (0u64..400).prop_map(|milliseconds| Event::Pass { milliseconds }),
        6 => (urgency, operation)
            .prop_map(|(urgency, operation)| Event::Arrive { urgency, operation }),
        4 => (0usize..8).prop_map(|which| Event::Ask { which }),
        1 => (0usize..8).prop_map(|which| Event::Leave { which }),
    ]
}

/// A queue, and an observer's record of it.
struct Watched {
    queue: Queue,
    now: Instant,
    /// In the order of their arrival.
    tickets: Vec<(Urgency, &'static str, Arc<Ticket>)>,
    /// When calls passed, and their operations.
    passed: Vec<(Instant, &'static str)>,
}

impl Watched {
    fn happen(&mut self, event: &Event) -> Result<(), TestCaseError> {
        match *event {
            Event::Pass { milliseconds } => self.now += Duration::from_millis(milliseconds),
            Event::Arrive { urgency, operation } => {
                let arrival = self.queue.arrive(urgency, operation, self.now);
                // Calls whose turn came before it arrived were not overtaken.
                self.note_granted()?;
                match arrival {
                    Arrival::Admitted => self.passed.push((self.now, operation)),
                    Arrival::Waits(ticket) => self.tickets.push((urgency, operation, ticket)),
                    Arrival::Refused(refused) => prop_assert!(!refused.retry_after.is_zero()),
                }
            }
            Event::Ask { which } if !self.tickets.is_empty() => {
                let ticket = self.tickets[which % self.tickets.len()].2.clone();
                let turn = self.queue.ask(&ticket, self.now);
                self.note_granted()?;
                match turn {
                    Turn::Waits(wait) => {
                        prop_assert!(!wait.is_zero(), "it would check in an endless loop")
                    }
                    Turn::Admitted => {}
                    Turn::Refused(_) => self.tickets.retain(|(_, _, it)| !Arc::ptr_eq(it, &ticket)),
                }
            }
            Event::Leave { which } if !self.tickets.is_empty() => {
                let which = which % self.tickets.len();
                let (_, _, ticket) = self.tickets.remove(which);
                self.queue.leave(&ticket);
            }
            Event::Ask { .. } | Event::Leave { .. } => {}
        }
        self.note_granted()
    }

    /// Records which calls were admitted just now, and checks that none was overtaken.
    fn note_granted(&mut self) -> Result<(), TestCaseError> {
        let (granted, waiting): (Vec<_>, Vec<_>) =
            self.tickets.drain(..).enumerate().partition(|(_, (_, _, it))| is_granted(it));
        for (at, (urgency, operation, _)) in &granted {
            self.passed.push((self.now, operation));
            for (other_at, (other_urgency, other_operation, _)) in &waiting {
                let is_before = match (other_urgency, urgency) {
                    (Urgency::First, Urgency::Last) => true,
                    (Urgency::Last, Urgency::First) => false,
                    (Urgency::First, Urgency::First) | (Urgency::Last, Urgency::Last) => {
                        other_at < at
                    }
                };
                // A call that waits for its own operation may be overtaken by other operations.
                prop_assert!(
                    !is_before || (*other_operation == "limited" && *operation != "limited"),
                    "{operation} ({urgency:?}) overtook {other_operation} ({other_urgency:?})"
                );
            }
        }
        self.tickets = waiting.into_iter().map(|(_, ticket)| ticket).collect();
        Ok(())
    }
}

/// No more than `burst` calls plus one more for every `interval`, over any period.
fn fits(passed: &[Instant], burst: u32, interval: Duration) -> bool {
    passed.iter().enumerate().all(|(index, from)| {
        passed[index..].iter().enumerate().all(|(more, to)| {
            let back = to.duration_since(*from).as_nanos() / interval.as_nanos();
            (more as u128) < u128::from(burst) + back
        })
    })
}

proptest! {
    #[test]
    fn no_rate_is_exceeded_and_no_call_is_overtaken_or_waits_forever(
        count in 1u32..20,
        burst in 1u32..6,
        own_count in 1u32..5,
        events in prop::collection::vec(event(), 1..200),
    ) {
        let start = instant();
        let account = limits(Some(per_second(count)), burst, OnExcess::Wait, 2 * SECOND);
        let limits = with_operation(account, "limited", per_second(own_count), 1);
        let queue = Queue::new(&limits, start);
        let mut watched = Watched { queue, now: start, tickets: vec![], passed: vec![] };
        for event in &events {
            watched.happen(event)?;
            let waiting = watched.queue.first.len() + watched.queue.last.len();
            prop_assert_eq!(waiting, watched.tickets.len(), "no call should be forgotten");
        }
        let all: Vec<Instant> = watched.passed.iter().map(|(at, _)| *at).collect();
        prop_assert!(fits(&all, burst, SECOND / count), "the account's rate was exceeded");
        let own = watched.passed.iter().filter(|(_, operation)| *operation == "limited");
        let own: Vec<Instant> = own.map(|(at, _)| *at).collect();
        prop_assert!(fits(&own, 1, SECOND / own_count), "the operation's rate was exceeded");

        let later = watched.now + 3 * SECOND;
        for (_, _, ticket) in &watched.tickets {
            let turn = watched.queue.ask(ticket, later);
            prop_assert!(!matches!(turn, Turn::Waits(_)), "its time was over: {turn:?}");
        }
        prop_assert!(watched.queue.first.is_empty() && watched.queue.last.is_empty());
    }
}
