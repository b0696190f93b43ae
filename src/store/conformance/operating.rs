//! What an operator sees and does.

use super::super::{Cursor, EventState, Selection, Settlement, Tally};
use super::*;

pub(in crate::store) async fn events_are_listed_newest_first_in_pages(place: &dyn Place) {
    let store = place.open();
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(stored(&*store, &format!("k{n}"), Some("A")).await);
    }
    ids.reverse();
    let (mut seen, mut cursor): (Vec<_>, Option<Cursor>) = (Vec::new(), None);
    loop {
        let page = store.list(&Filter::default(), cursor, 3).await.expect("a page");
        assert!(page.events.len() <= 3);
        seen.extend(page.events.into_iter().map(|row| row.id));
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, ids);
}

pub(in crate::store) async fn events_are_found_by_account_state_reference_and_time(
    place: &dyn Place,
) {
    let store = place.open();
    let a = event_at("a", Some("A"), T0);
    let b = event_at("b", Some("B"), T0 + 1_000);
    let mut c = event_at("c", Some("A"), T0 + 2_000);
    c.account = "shop-2".into();
    let ids = [a.id.clone(), b.id.clone(), c.id.clone()];
    for event in [a, b, c] {
        store.receive(event).await.expect("stored");
    }
    let claimed = store.at(T0).claim("shop", 1, LEASE_MS).await.expect("a claim").remove(0);
    store.at(T0).settle(&claimed.lease, delivered(), T0).await.expect("settled");

    let by = |filter: Filter| {
        let store = store.clone();
        async move { listed(&*store, &filter).await }
    };
    let [a, b, c] = ids;
    let account = Filter { account: Some("shop".into()), ..Filter::default() };
    assert_eq!(by(account).await, [b.clone(), a.clone()]);
    let reference = Filter { reference: Some("A".into()), ..Filter::default() };
    assert_eq!(by(reference).await, [c.clone(), a.clone()]);
    assert_eq!(by(in_state(EventState::Delivered)).await, [a]);
    let open = vec![EventState::Pending, EventState::Retrying];
    assert_eq!(by(Filter { states: open, ..Filter::default() }).await, [c.clone(), b.clone()]);
    let (from_ms, until_ms) = (Some(T0 + 1_000), Some(T0 + 2_000));
    assert_eq!(by(Filter { from_ms, until_ms, ..Filter::default() }).await, [b]);
    assert_eq!(by(Filter { from_ms: until_ms, ..Filter::default() }).await, [c]);
}

pub(in crate::store) async fn an_unknown_id_is_not_an_error(place: &dyn Place) {
    let store = place.open();
    let unknown = EventId::from_parts(T0, [9; 10]);
    assert!(store.show(&unknown).await.expect("a read").is_none());
    let selection = Selection::Ids(vec![unknown]);
    let expected = Tally { unknown: 1, ..Tally::default() };
    assert_eq!(store.at(T0).replay(&selection).await.expect("answered"), expected);
    assert_eq!(store.at(T0).discard(&selection, "x", T0).await.expect("answered"), expected);
}

pub(in crate::store) async fn a_replay_keeps_the_id_and_says_that_it_is_one(place: &dyn Place) {
    let store = place.open();
    let id = stored(&*store, "k", Some("A")).await;
    let claimed = claim_one(&store, T0).await;
    store.at(T0).settle(&claimed.lease, retry(0), T0).await.expect("settled");
    let claimed = claim_one(&store, T0).await;
    store.at(T0).settle(&claimed.lease, delivered(), T0).await.expect("settled");

    let tally = replay(&store, &id, T0 + 100).await;
    assert_eq!(tally, Tally { changed: 1, ..Tally::default() });
    let again = claim_one(&store, T0 + 100).await;
    assert_eq!((&again.lease.id, again.replays), (&id, 1));
    assert_eq!((again.attempts, again.first_attempt_at_ms), (1, T0 + 100), "a round of its own");
    store.at(T0 + 101).settle(&again.lease, delivered(), T0 + 101).await.expect("settled");
    assert_eq!(row(&*store, &id).await.delivered_at_ms, Some(T0 + 101));
}

pub(in crate::store) async fn a_replayed_event_goes_before_later_ones_of_its_reference(
    place: &dyn Place,
) {
    let store = place.open();
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(stored(&*store, &format!("k{n}"), Some("A")).await);
    }
    for _ in 0..2 {
        let claimed = claim_one(&store, T0).await;
        store.at(T0).settle(&claimed.lease, dead(), T0).await.expect("settled");
    }
    // The third is waiting for a retry, the fourth behind it.
    let claimed = claim_one(&store, T0).await;
    store.at(T0).settle(&claimed.lease, retry(50), T0).await.expect("settled");
    // In the wrong order, to check that each keeps its old place in line.
    replay(&store, &ids[1], T0 + 100).await;
    replay(&store, &ids[0], T0 + 100).await;
    for id in ids {
        let claimed = claim_one(&store, T0 + 100).await;
        assert_eq!(claimed.lease.id, id);
        store.at(T0 + 100).settle(&claimed.lease, delivered(), T0 + 100).await.expect("settled");
    }
}

pub(in crate::store) async fn a_replay_does_not_interrupt_a_delivery(place: &dyn Place) {
    for ending in [delivered(), retry(3), dead(), Settlement::Released] {
        let store = place.open();
        store.at(T0);
        let (first, second) = (format!("first {ending:?}"), format!("second {ending:?}"));
        let reference = format!("A {ending:?}");
        let first = stored(&*store, &first, Some(&reference)).await;
        let second = stored(&*store, &second, Some(&reference)).await;
        let claimed = claim_one(&store, T0).await;
        store.at(T0).settle(&claimed.lease, dead(), T0).await.expect("settled");
        let in_flight = claim_one(&store, T0).await;
        assert_eq!(in_flight.lease.id, second);

        assert_eq!(replay(&store, &first, T0 + 1).await.changed, 1);
        assert!(claim(&store, T0 + 1).await.is_empty(), "one delivery at a time per reference");
        let closes = matches!(ending, Settlement::Delivered(_) | Settlement::Dead { .. });
        store.at(T0 + 2).settle(&in_flight.lease, ending, T0 + 2).await.expect("settled");
        let claimed = claim_one(&store, T0 + 9).await;
        assert_eq!(claimed.lease.id, first, "the replayed one is next");
        store.at(T0 + 10).settle(&claimed.lease, delivered(), T0 + 10).await.expect("settled");
        let rest = claim(&store, T0 + 10).await;
        assert_eq!(rest.len(), usize::from(!closes), "then the interrupted one, if it is open");
        for claimed in rest {
            store.at(T0 + 10).settle(&claimed.lease, delivered(), T0 + 10).await.expect("settled");
        }
    }
}

pub(in crate::store) async fn a_replay_makes_a_waiting_event_due_at_once(place: &dyn Place) {
    let store = place.open();
    let id = stored(&*store, "k", Some("A")).await;
    let behind = stored(&*store, "k2", Some("A")).await;
    let claimed = claim_one(&store, T0).await;
    assert_eq!(replay(&store, &id, T0).await.in_flight, 1, "it is under way already");
    store.at(T0).settle(&claimed.lease, retry(HOUR_MS), T0).await.expect("settled");
    assert_eq!(replay(&store, &behind, T0 + 1).await.unchanged, 1, "it still has to wait");
    assert_eq!(replay(&store, &id, T0 + 1).await.changed, 1);
    let claimed = claim_one(&store, T0 + 1).await;
    assert_eq!((claimed.lease.id, claimed.replays), (id, 0), "an early attempt is not a replay");
}

pub(in crate::store) async fn hundreds_of_dead_letters_are_replayed_by_filter(place: &dyn Place) {
    const LETTERS: usize = 450;
    let store = place.open();
    let mut waiting = Vec::new();
    for n in 0..LETTERS {
        let mut letter = event(&format!("k{n}"), Some(&format!("R{}", n % 7)));
        letter.intake = Intake::Park { reason: "parked".into() };
        let store = store.clone();
        waiting.push(tokio::spawn(async move { store.receive(letter).await }));
    }
    for receive in waiting {
        receive.await.expect("no panic").expect("stored");
    }
    let untouched = stored(&*store, "other", None).await;
    let selection = Selection::Matching(in_state(EventState::Dead));
    let tally = store.at(T0).replay(&selection).await.expect("replayed");
    assert_eq!(tally, Tally { changed: LETTERS as u64, ..Tally::default() });
    assert_eq!(row(&*store, &untouched).await.replays, 0);

    let mut last_of = std::collections::HashMap::new();
    let mut count = 0;
    loop {
        let claimed = claim(&store, T0).await;
        if claimed.is_empty() {
            break;
        }
        for claimed in claimed {
            if let Some(reference) = &claimed.reference {
                let sequence = row(&*store, &claimed.lease.id).await.sequence;
                let last = last_of.insert(reference.clone(), sequence);
                assert!(last.is_none_or(|last| last < sequence), "out of order in {reference}");
                count += 1;
            }
            store.at(T0).settle(&claimed.lease, delivered(), T0).await.expect("settled");
        }
    }
    assert_eq!(count, LETTERS);
}

pub(in crate::store) async fn a_discarded_event_lets_the_next_one_go(place: &dyn Place) {
    let store = place.open();
    let first = stored(&*store, "k1", Some("A")).await;
    let second = stored(&*store, "k2", Some("A")).await;
    let third = stored(&*store, "k3", Some("A")).await;
    assert_eq!(discard(&store, &second, T0).await.changed, 1, "one that waits in line");
    assert_eq!(discard(&store, &first, T0).await.changed, 1, "the head of the line");
    assert_eq!(discard(&store, &first, T0).await.unchanged, 1, "only once");
    assert_eq!(claim_ids(&store, T0).await, [third]);
    let row = row(&*store, &first).await;
    assert_eq!(row.state, EventState::Discarded);
    assert_eq!(row.discard_reason.as_deref(), Some("test order"));
}

pub(in crate::store) async fn an_event_being_delivered_is_not_discarded(place: &dyn Place) {
    let store = place.open();
    let id = stored(&*store, "k", Some("A")).await;
    let claimed = claim_one(&store, T0).await;
    assert_eq!(discard(&store, &id, T0).await.in_flight, 1);
    store.at(T0).settle(&claimed.lease, delivered(), T0).await.expect("settled");
    assert_eq!(discard(&store, &id, T0).await.unchanged, 1, "it is delivered");
    assert_eq!(row(&*store, &id).await.state, EventState::Delivered);
}

pub(in crate::store) async fn an_operator_in_another_process_is_seen_by_the_worker(
    place: &dyn Place,
) {
    let (sidecar, command) = (place.open(), place.open());
    let id = stored(&*sidecar, "k", Some("A")).await;
    let claimed = claim_one(&sidecar, T0).await;
    sidecar.at(T0).settle(&claimed.lease, dead(), T0).await.expect("settled");
    let mut changes = sidecar.changes("shop");
    changes.mark_unchanged();
    assert_eq!(replay(&command, &id, T0 + 1).await.changed, 1);
    command.close().await.expect("closed");
    changes.changed().await.expect("the worker is told");
    assert_eq!(claim_ids(&sidecar, T0 + 1).await, [id]);
}

pub(in crate::store) async fn every_attempt_is_recorded(place: &dyn Place) {
    let store = place.open();
    let id = stored(&*store, "k", Some("A")).await;
    for ending in [retry(0), dead(), delivered()] {
        replay(&store, &id, T0).await;
        let claimed = claim_one(&store, T0).await;
        store.at(T0).settle(&claimed.lease, ending, T0).await.expect("settled");
    }
    let attempts = store.show(&id).await.expect("a read").expect("there").attempts;
    let told: Vec<_> = attempts
        .iter()
        .map(|record| (record.attempt.http_status, record.error.as_deref()))
        .collect();
    let expected =
        [(Some(503), Some("status 503")), (None, Some("connection refused")), (Some(204), None)];
    assert_eq!(told, expected);
    assert_eq!((attempts[0].attempt.started_at_ms, attempts[0].attempt.duration_ms), (T0, 12));
}

async fn replay(store: &Timed, id: &EventId, now_ms: i64) -> Tally {
    store.at(now_ms).replay(&Selection::Ids(vec![id.clone()])).await.expect("replayed")
}

async fn discard(store: &Timed, id: &EventId, now_ms: i64) -> Tally {
    let selection = Selection::Ids(vec![id.clone()]);
    store.at(now_ms).discard(&selection, "test order", now_ms).await.expect("discarded")
}
