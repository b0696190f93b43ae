//! The steps of an event, one by one.

use strum::VariantArray;

use super::steps::*;
use super::*;
use crate::store::conformance::{LEASE_MS, T0, attempt, dead, delivered, event, retry};

const TOKEN: i64 = 7;

/// Event number 5, due at `T0`.
fn due() -> Progress {
    receive(&event("k", Some("A")), false, T0)
}

fn claimed() -> Progress {
    claim(due(), TOKEN, LEASE_MS, T0)
}

fn closed() -> Progress {
    settled(claimed(), &delivered(), None).progress
}

fn settled(progress: Progress, settlement: &Settlement, earliest: Option<Neighbour>) -> Stepped {
    let lease = Lease { id: event("k", None).id, token: TOKEN };
    settle(progress, 5, &lease, settlement, earliest, T0 + 10, 42).expect("its lease")
}

fn replayed(progress: Progress, earliest: Option<Neighbour>, head: Option<Neighbour>) -> Operated {
    operate(progress, 5, &Operation::Replay, earliest, head, T0 + 20)
}

fn discarded(progress: Progress, earliest: Option<Neighbour>) -> Operated {
    let discard = Operation::Discard { reason: "wrong".into(), now_ms: 43 };
    operate(progress, 5, &discard, earliest, None, T0 + 20)
}

fn waiting(sequence: i64) -> Option<Neighbour> {
    Some(Neighbour { sequence, due_ms: None, is_leased: false })
}

fn leased(sequence: i64, due_ms: i64) -> Option<Neighbour> {
    Some(Neighbour { sequence, due_ms: Some(due_ms), is_leased: true })
}

fn changed(operated: Operated) -> Stepped {
    match operated {
        Operated::Changed(stepped) => stepped,
        other => panic!("nothing changed: {other:?}"),
    }
}

#[test]
fn a_new_event_is_due_unless_it_waits_behind_another_or_is_parked() {
    let new = event("k", Some("A"));
    assert_eq!(receive(&new, false, T0 + 1).due_ms, Some(T0 + 1));
    let behind = receive(&new, true, T0 + 1);
    assert_eq!((behind.state, behind.due_ms), (EventState::Pending, None));
    let parked = NewEvent { intake: Intake::Park { reason: "no JSON".into() }, ..new };
    let parked = receive(&parked, false, T0 + 1);
    assert_eq!((parked.state, parked.due_ms), (EventState::Dead, None));
    assert_eq!((parked.closed_at_ms, parked.closed_tick), (Some(T0), Some(T0 + 1)));
    assert_eq!(parked.last_error.as_deref(), Some("no JSON"));
}

#[test]
fn only_a_state_that_may_not_be_the_last_of_a_reference_can_be_late() {
    let interim = |reference| NewEvent {
        intake: Intake::DeliverInterim { if_late: "late".into() },
        ..event("k", reference)
    };
    assert_eq!(text_if_late(&interim(Some("A"))), Some("late"));
    assert_eq!(text_if_late(&interim(None)), None);
    assert_eq!(text_if_late(&event("k", Some("A"))), None);
}

#[test]
fn a_round_begins_with_its_first_claim_and_a_lease_never_ends_as_it_begins() {
    let first = claimed();
    assert_eq!((first.attempts, first.first_attempt_at_ms), (1, Some(T0)));
    assert_eq!((first.due_ms, first.lease), (Some(T0 + LEASE_MS), Some(TOKEN)));
    let second = claim(first, 8, LEASE_MS, T0 + 99);
    assert_eq!((second.attempts, second.first_attempt_at_ms), (2, Some(T0)));
    for (lease_ms, end_ms) in [(i64::MIN, T0 + 1), (0, T0 + 1), (i64::MAX, i64::MAX)] {
        assert_eq!(lease_end(lease_ms, T0), end_ms);
    }
}

#[test]
fn an_old_lease_settles_nothing_and_its_attempt_is_on_record() {
    let lease = Lease { id: event("k", None).id, token: 6 };
    for progress in [claimed(), closed(), due()] {
        assert_eq!(settle(progress, 5, &lease, &dead(), None, T0, T0), None);
    }
    let record = super::steps::attempt(&dead()).expect("an attempt");
    assert_eq!(record.error.as_deref(), Some("connection refused"));
    assert_eq!(super::steps::attempt(&delivered()).map(|it| it.error), Some(None));
    assert_eq!(super::steps::attempt(&Settlement::Released), None);
}

#[test]
fn a_closed_event_lets_the_one_that_waits_go() {
    let next = Some(Nudge { sequence: 6, due_ms: Some(T0 + 10) });
    for (settlement, state) in [(delivered(), EventState::Delivered), (dead(), EventState::Dead)] {
        let Stepped { progress, nudge } = settled(claimed(), &settlement, waiting(6));
        assert_eq!((progress.state, nudge), (state, next));
        assert_eq!((progress.lease, progress.due_ms), (None, None));
        assert_eq!((progress.closed_at_ms, progress.closed_tick), (Some(42), Some(T0 + 10)));
    }
    assert_eq!(closed().delivered_at_ms, Some(42));
    assert_eq!(settled(claimed(), &dead(), leased(6, T0)).nudge, None, "it is on its way already");
}

#[test]
fn an_event_that_stays_open_waits_its_pause_or_behind_one_that_was_replayed() {
    let Stepped { progress, nudge } = settled(claimed(), &retry(500), waiting(6));
    assert_eq!((progress.state, progress.due_ms), (EventState::Retrying, Some(T0 + 510)));
    assert_eq!((progress.lease, nudge), (None, None), "what came later goes on waiting");
    for settlement in [retry(500), Settlement::Released] {
        let Stepped { progress, nudge } = settled(claimed(), &settlement, waiting(4));
        assert_eq!(progress.due_ms, None);
        assert_eq!(nudge, Some(Nudge { sequence: 4, due_ms: Some(T0 + 10) }));
    }
    let negative = settled(claimed(), &retry(i64::MIN), None).progress.due_ms;
    assert_eq!(negative, Some(T0 + 10));
    let forever = settled(claimed(), &retry(i64::MAX), None).progress.due_ms;
    assert!(forever.is_some_and(|due_ms| due_ms < T0 + 11 * 366 * 24 * 3_600_000));
}

#[test]
fn a_released_claim_was_no_attempt() {
    assert_eq!(settled(claimed(), &Settlement::Released, None).progress, {
        Progress { due_ms: Some(T0 + 10), ..due() }
    });
    let second = claim(settled(claimed(), &retry(0), None).progress, TOKEN, LEASE_MS, T0 + 10);
    let released = settled(second, &Settlement::Released, None).progress;
    assert_eq!((released.attempts, released.first_attempt_at_ms), (1, Some(T0)));
}

#[test]
fn errors_are_cut_short() {
    let long = Settlement::Dead { attempt: attempt(None), error: "ä".repeat(1_000) };
    let kept = settled(claimed(), &long, None).progress.last_error;
    assert_eq!(kept.map(|error| error.chars().count()), Some(300));
}

#[test]
fn a_replay_opens_a_closed_event_in_its_old_place() {
    let alone = changed(replayed(closed(), None, None));
    let expected =
        Progress { replays: 1, delivered_at_ms: Some(42), due_ms: Some(T0 + 20), ..due() };
    assert_eq!(alone, Stepped { progress: expected, nudge: None });
    let behind = changed(replayed(closed(), leased(4, T0 + 99), None));
    assert_eq!((behind.progress.due_ms, behind.nudge), (None, None), "an earlier one goes first");
}

#[test]
fn a_replayed_event_takes_the_lead_unless_a_later_one_is_being_delivered() {
    let back = Some(Nudge { sequence: 6, due_ms: None });
    for head in [
        leased(6, T0 + 20),
        Some(Neighbour { sequence: 6, due_ms: Some(T0 + 999), is_leased: false }),
    ] {
        let lead = changed(replayed(closed(), head, None));
        assert_eq!((lead.progress.due_ms, lead.nudge), (Some(T0 + 20), back));
    }
    let in_flight = leased(6, T0 + 21);
    let behind = changed(replayed(closed(), in_flight, None));
    assert_eq!((behind.progress.due_ms, behind.nudge), (None, None));
    // The head is not the earliest: another replay waits for the end of its delivery too.
    assert!(needs_head(5, &Operation::Replay, waiting(6)));
    let behind = changed(replayed(closed(), waiting(6), leased(7, T0 + 21)));
    assert_eq!((behind.progress.due_ms, behind.nudge), (None, None));
    let lead = changed(replayed(closed(), waiting(6), None));
    assert_eq!((lead.progress.due_ms, lead.nudge), (Some(T0 + 20), None));
}

#[test]
fn a_replay_brings_a_waiting_event_forward_and_leaves_a_delivery_alone() {
    assert_eq!(replayed(claimed(), None, None), Operated::InFlight);
    assert_eq!(replayed(due(), None, None), Operated::Unchanged, "it is due already");
    let behind = receive(&event("k", Some("A")), true, T0);
    assert_eq!(replayed(behind, waiting(4), None), Operated::Unchanged);
    let paused = settled(claimed(), &retry(1_000), None).progress;
    let forward = changed(replayed(paused.clone(), None, None));
    let progress = Progress { due_ms: Some(T0 + 20), ..paused };
    assert_eq!(forward, Stepped { progress, nudge: None });
}

#[test]
fn a_discarded_head_lets_the_next_event_go_and_one_behind_it_does_not() {
    let head = changed(discarded(due(), waiting(6)));
    assert_eq!(head.nudge, Some(Nudge { sequence: 6, due_ms: Some(T0 + 20) }));
    assert_eq!(head.progress.state, EventState::Discarded);
    assert_eq!((head.progress.closed_at_ms, head.progress.closed_tick), (Some(43), Some(T0 + 20)));
    assert_eq!(head.progress.discard_reason.as_deref(), Some("wrong"));
    let behind = receive(&event("k", Some("A")), true, T0);
    assert_eq!(changed(discarded(behind, waiting(4))).nudge, None);
    assert_eq!(discarded(claimed(), None), Operated::InFlight);
    assert_eq!(discarded(closed(), None), Operated::Unchanged);
    let letter = settled(claimed(), &dead(), None).progress;
    assert_eq!(changed(discarded(letter, None)).progress.state, EventState::Discarded);
}

#[test]
fn open_events_are_never_old_and_no_retention_reaches_beyond_now() {
    let retention = Retention { delivered_ms: 10, dead_ms: 30, seen_ms: -1 };
    let states = EventState::VARIANTS.iter();
    let oldest: Vec<_> = states.map(|state| retention.oldest_kept_ms(*state, 100)).collect();
    assert_eq!(oldest, [None, None, Some(90), Some(70), Some(90)]);
    assert_eq!(retention.oldest_key_ms(100), 100);
    let absurd = Retention { delivered_ms: i64::MAX, dead_ms: i64::MIN, seen_ms: i64::MAX };
    assert_eq!(absurd.oldest_kept_ms(EventState::Dead, -5), Some(-5));
}
