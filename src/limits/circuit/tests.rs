//! The circuit as callers meet it, and its rules under any order of events.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::state::{Machine, Permit};
use super::*;
use crate::clock::instant;

const LIMITS: CircuitLimits = CircuitLimits { failures: 3, open_for: Duration::from_secs(10) };

fn circuit(class: CallClass, metrics: &Arc<Metrics>, now: Instant) -> Arc<Circuit> {
    Arc::new(Circuit::new("shop", class, LIMITS, metrics, now))
}

fn fail(circuit: &Arc<Circuit>, times: usize, now: Instant) {
    for _ in 0..times {
        circuit.enter(now).expect("closed").settle(Sample::Failed, now);
    }
}

#[test]
fn failures_in_a_row_open_the_circuit_of_their_class_only() {
    let (metrics, now) = (Metrics::new("0", "0"), instant());
    let creates = circuit(CallClass::Create, &metrics, now);
    let queries = circuit(CallClass::Query, &metrics, now);
    fail(&creates, 2, now);
    assert!(creates.enter(now).is_ok(), "two failures are not too much");
    fail(&creates, 1, now);
    let refused = creates.enter(now + Duration::from_secs(4)).err();
    assert_eq!(refused, Some(CircuitOpen { retry_after: Duration::from_secs(6) }));
    assert_eq!(metrics.circuit_state("shop", CallClass::Create).get(), 2);
    assert!(queries.enter(now).is_ok(), "queries must go on, or nothing is ever resolved");
    assert_eq!(metrics.circuit_state("shop", CallClass::Query).get(), 0);
}

#[test]
fn refusals_never_open_it() {
    let now = instant();
    let creates = circuit(CallClass::Create, &Metrics::new("0", "0"), now);
    for _ in 0..100 {
        fail(&creates, 2, now);
        creates.enter(now).expect("closed").settle(Sample::Answered, now);
        // Keeps the share of failures low.
        for _ in 0..3 {
            creates.enter(now).expect("closed").settle(Sample::Answered, now);
        }
    }
    assert_eq!(creates.state(), CircuitState::Closed);
}

#[test]
fn many_recent_failures_among_answers_open_it_too() {
    let start = instant();
    let limits = CircuitLimits { failures: 1000, ..LIMITS };
    let mut machine = Machine::new(limits, start);
    let mut settle = |samples: &[Sample], now| {
        for sample in samples {
            let permit = machine.enter(now).expect("closed");
            machine.settle(permit, *sample, now);
        }
        machine.state()
    };
    assert_eq!(settle(&[Sample::Failed; 19], start), CircuitState::Closed, "too few to judge");
    let later = start + Duration::from_secs(10);
    assert_eq!(settle(&[Sample::Answered; 10], later), CircuitState::Closed);
    assert_eq!(settle(&[Sample::Failed; 9], later), CircuitState::Closed, "9 of 19 is not half");
    assert_eq!(settle(&[Sample::Failed], later), CircuitState::Open, "10 of 20 is");
}

#[test]
fn one_call_at_a_time_tests_it_and_decides() {
    let (metrics, start) = (Metrics::new("0", "0"), instant());
    let creates = circuit(CallClass::Create, &metrics, start);
    fail(&creates, 3, start);
    let now = start + LIMITS.open_for;
    let probe = creates.enter(now).expect("one may try");
    assert_eq!(metrics.circuit_state("shop", CallClass::Create).get(), 1);
    let retry_after = Duration::from_secs(1);
    assert_eq!(creates.enter(now).err(), Some(CircuitOpen { retry_after }), "but only one");
    probe.settle(Sample::Failed, now);
    assert!(creates.enter(now).is_err(), "a failed try opens it again");
    let now = now + LIMITS.open_for;
    creates.enter(now).expect("one may try").settle(Sample::Answered, now);
    assert_eq!(creates.state(), CircuitState::Closed);
    fail(&creates, 2, now);
    assert!(creates.enter(now).is_ok(), "earlier failures are forgotten");
}

#[test]
fn a_test_that_ends_without_a_result_makes_room_for_the_next() {
    let start = instant();
    let creates = circuit(CallClass::Create, &Metrics::new("0", "0"), start);
    fail(&creates, 3, start);
    let now = start + LIMITS.open_for;
    drop(creates.enter(now).expect("one may try"));
    assert!(creates.enter(now).is_ok(), "the next one may try");
}

#[test]
fn results_from_before_it_opened_neither_close_nor_open_it() {
    let start = instant();
    let creates = circuit(CallClass::Create, &Metrics::new("0", "0"), start);
    let (early, late) = (creates.enter(start).expect("closed"), creates.enter(start));
    fail(&creates, 3, start);
    early.settle(Sample::Answered, start);
    assert_eq!(creates.state(), CircuitState::Open, "an old answer should not close it");
    let now = start + LIMITS.open_for;
    creates.enter(now).expect("one may try").settle(Sample::Answered, now);
    fail(&creates, 2, now);
    late.expect("closed").settle(Sample::Failed, now);
    assert_eq!(creates.state(), CircuitState::Closed, "an old failure should not count");
}

#[test]
fn calls_that_waited_while_it_opened_are_not_all_sent() {
    let start = instant();
    let creates = circuit(CallClass::Create, &Metrics::new("0", "0"), start);
    let waiting: Vec<_> = (0..5).map(|_| creates.enter(start).expect("closed")).collect();
    fail(&creates, 3, start);
    let mut waiting = waiting.into_iter();
    let open = waiting.next().and_then(|permit| permit.still_good(start).err());
    assert_eq!(open, Some(CircuitOpen { retry_after: LIMITS.open_for }));
    let now = start + LIMITS.open_for;
    let tries: Vec<_> = waiting.map(|permit| permit.still_good(now)).collect();
    assert_eq!(tries.iter().filter(|tried| tried.is_ok()).count(), 1, "one of them tries");
    let probe = tries.into_iter().find_map(Result::ok).expect("one");
    probe.still_good(now).expect("nothing changed").settle(Sample::Answered, now);
    assert_eq!(creates.state(), CircuitState::Closed);
}

#[test]
fn zero_failures_switch_it_off() {
    let now = instant();
    let mut machine = Machine::new(CircuitLimits { failures: 0, ..LIMITS }, now);
    for _ in 0..100 {
        let permit = machine.enter(now).expect("always closed");
        machine.settle(permit, Sample::Failed, now);
    }
    assert_eq!(machine.state(), CircuitState::Closed);
}

#[derive(Clone, Debug)]
enum Event {
    Pass { milliseconds: u64 },
    Enter,
    Settle { which: usize, sample: Sample },
}

fn event() -> impl Strategy<Value = Event> {
    let sample = prop_oneof![1 => Just(Sample::Answered), 3 => Just(Sample::Failed), 1 => Just(Sample::Silent)];
    prop_oneof![
        1 => (0u64..15_000).prop_map(|milliseconds| Event::Pass { milliseconds }),
        4 => Just(Event::Enter),
        4 => (0usize..16, sample).prop_map(|(which, sample)| Event::Settle { which, sample }),
    ]
}

proptest! {
    #[test]
    fn the_circuit_keeps_its_promises_in_any_order_of_events(
        events in prop::collection::vec(event(), 1..300)
    ) {
        let mut now = instant();
        let mut machine = Machine::new(LIMITS, now);
        let mut under_way: Vec<Permit> = Vec::new();
        let mut probe: Option<Permit> = None;
        let mut opened_at: Option<Instant> = None;
        let mut failures_since_closed = 0;
        for event in events {
            let before = machine.state();
            match event {
                Event::Pass { milliseconds } => now += Duration::from_millis(milliseconds),
                Event::Enter => match machine.enter(now) {
                    Ok(permit) if before == CircuitState::Closed => under_way.push(permit),
                    Ok(permit) => {
                        prop_assert!(probe.is_none(), "two calls try at once");
                        let open_for = now.duration_since(opened_at.expect("it was open"));
                        prop_assert!(open_for >= LIMITS.open_for, "it opened early: {open_for:?}");
                        prop_assert_eq!(machine.state(), CircuitState::HalfOpen);
                        probe = Some(permit);
                        under_way.push(permit);
                    }
                    Err(retry_after) => {
                        prop_assert!(before != CircuitState::Closed, "closed circuits let all pass");
                        prop_assert!(!retry_after.is_zero() && retry_after <= LIMITS.open_for);
                    }
                },
                Event::Settle { which, sample } if !under_way.is_empty() => {
                    let permit = under_way.remove(which % under_way.len());
                    let is_probe = probe == Some(permit);
                    machine.settle(permit, sample, now);
                    if is_probe {
                        probe = None;
                        let expected = match sample {
                            Sample::Answered => CircuitState::Closed,
                            Sample::Failed => CircuitState::Open,
                            Sample::Silent => CircuitState::HalfOpen,
                        };
                        prop_assert_eq!(machine.state(), expected, "the try decides");
                        failures_since_closed = 0;
                    } else if before == CircuitState::Closed {
                        failures_since_closed += usize::from(sample == Sample::Failed);
                        if machine.state() == CircuitState::Open {
                            prop_assert!(sample == Sample::Failed, "only a failure opens it");
                            prop_assert!(failures_since_closed >= 3, "it opened too early");
                        }
                    } else {
                        prop_assert_eq!(machine.state(), before, "an old result changes nothing");
                    }
                    if machine.state() == CircuitState::Open && before != CircuitState::Open {
                        opened_at = Some(now);
                    }
                }
                Event::Settle { .. } => {}
            }
        }
    }
}
