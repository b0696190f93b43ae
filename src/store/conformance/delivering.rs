//! Outgoing deliveries: in order and one at a time, whatever happens to clocks and processes.

use super::super::{EventState, Settled, Settlement};
use super::*;

pub(in crate::store) async fn events_of_one_reference_are_handed_out_one_by_one_in_order(
    place: &dyn Place,
) {
    let store = place.open();
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(stored(&*store, &format!("k{n}"), Some("A")).await);
    }
    for id in ids {
        let claimed = claim_one(&store, T0).await;
        assert_eq!(claimed.lease.id, id, "events come in the order in which they were received");
        store.at(T0).settle(&claimed.lease, retry(500), T0).await.expect("settled");
        assert!(claim(&store, T0 + 499).await.is_empty(), "the next one waits for a retry too");
        let claimed = claim_one(&store, T0 + 500).await;
        assert_eq!((&claimed.lease.id, claimed.attempts), (&id, 2));
        store.at(T0).settle(&claimed.lease, delivered(), T0).await.expect("settled");
        assert_eq!(row(&*store, &id).await.state, EventState::Delivered);
    }
    assert!(claim(&store, T0 + HOUR_MS).await.is_empty(), "all were delivered");
}

pub(in crate::store) async fn events_without_a_reference_do_not_wait(place: &dyn Place) {
    let store = place.open();
    let first = stored(&*store, "k1", None).await;
    let second = stored(&*store, "k2", None).await;
    assert_eq!(claim_ids(&store, T0).await, [first, second]);
}

pub(in crate::store) async fn other_references_and_accounts_are_not_held_up(place: &dyn Place) {
    let store = place.open();
    stored(&*store, "a1", Some("A")).await;
    stored(&*store, "a2", Some("A")).await;
    let held = claim_one(&store, T0).await;
    store.at(T0).settle(&held.lease, retry(HOUR_MS), T0).await.expect("settled");
    let other = stored(&*store, "b1", Some("B")).await;
    assert_eq!(claim_ids(&store, T0 + 1).await, [other]);
}

pub(in crate::store) async fn a_dead_letter_lets_the_next_event_go(place: &dyn Place) {
    let store = place.open();
    let first = stored(&*store, "k1", Some("A")).await;
    let second = stored(&*store, "k2", Some("A")).await;
    let claimed = claim_one(&store, T0).await;
    store.at(T0).settle(&claimed.lease, dead(), T0).await.expect("settled");
    assert_eq!(claim_ids(&store, T0).await, [second]);
    let row = row(&*store, &first).await;
    assert_eq!(row.state, EventState::Dead);
    assert_eq!(row.last_error.as_deref(), Some("connection refused"));
    assert_eq!(row.closed_at_ms, Some(T0));
}

pub(in crate::store) async fn the_longest_due_event_is_handed_out_first(place: &dyn Place) {
    let store = place.open();
    for (key, at_ms) in [("late", T0 + 20), ("early", T0), ("middle", T0 + 10)] {
        store.at(at_ms).receive(event_at(key, Some(key), at_ms)).await.expect("stored");
    }
    let mut order = Vec::new();
    for _ in 0..3 {
        let claimed = store.at(T0 + 50).claim("shop", 1, LEASE_MS).await.expect("a claim");
        order.extend(claimed.into_iter().filter_map(|claimed| claimed.reference));
    }
    assert_eq!(order, ["early", "middle", "late"]);
}

pub(in crate::store) async fn a_claimed_event_is_not_handed_out_twice_before_its_lease_ends(
    place: &dyn Place,
) {
    let store = place.open();
    stored(&*store, "k", Some("A")).await;
    claim_one(&store, T0).await;
    assert!(claim(&store, T0).await.is_empty());
    assert!(claim(&store, T0 + LEASE_MS - 1).await.is_empty());
    let again = claim_one(&store, T0 + LEASE_MS).await;
    assert_eq!(again.attempts, 2, "a delivery without a reported result counts");
    assert_eq!(again.first_attempt_at_ms, T0);
}

pub(in crate::store) async fn a_claim_of_a_dead_process_becomes_due_again(place: &dyn Place) {
    let store = place.open();
    let id = stored(&*store, "k", Some("A")).await;
    claim_one(&store, T0).await;
    drop(store);
    let store = place.open();
    assert_eq!(store.next_due("shop").await.expect("a read"), Some(T0 + LEASE_MS));
    assert_eq!(claim_ids(&store, T0 + LEASE_MS).await, [id]);
}

pub(in crate::store) async fn a_claim_of_a_living_process_is_respected_by_another_one(
    place: &dyn Place,
) {
    let (old, new) = (place.open(), place.open());
    stored(&*old, "k", Some("A")).await;
    let claimed = claim_one(&old, T0).await;
    assert!(claim(&new, T0 + 1).await.is_empty(), "two processes do not deliver the same event");
    let settled =
        old.at(T0 + 2).settle(&claimed.lease, delivered(), T0 + 2).await.expect("settled");
    assert_eq!(settled, Settled::Done);
    assert!(claim(&new, T0 + HOUR_MS).await.is_empty());
}

pub(in crate::store) async fn a_late_answer_under_an_old_lease_changes_nothing(place: &dyn Place) {
    let store = place.open();
    let id = stored(&*store, "k1", Some("A")).await;
    stored(&*store, "k2", Some("A")).await;
    let old = claim_one(&store, T0).await;
    let new = claim_one(&store, T0 + LEASE_MS).await;
    for late in [dead(), retry(0), delivered(), Settlement::Released] {
        let settled = store
            .at(T0 + LEASE_MS)
            .settle(&old.lease, late, T0 + LEASE_MS)
            .await
            .expect("answered");
        assert_eq!(settled, Settled::Superseded);
    }
    assert_eq!(row(&*store, &id).await.state, EventState::Pending);
    assert!(claim(&store, T0 + LEASE_MS).await.is_empty(), "its successor still waits");
    let settled = store
        .at(T0 + LEASE_MS)
        .settle(&new.lease, delivered(), T0 + LEASE_MS)
        .await
        .expect("settled");
    assert_eq!(settled, Settled::Done);
    let twice =
        store.at(T0 + LEASE_MS).settle(&new.lease, dead(), T0 + LEASE_MS).await.expect("answered");
    assert_eq!(twice, Settled::Superseded, "a lease settles once");
    assert_eq!(row(&*store, &id).await.state, EventState::Delivered);
}

pub(in crate::store) async fn a_renewed_lease_holds_longer(place: &dyn Place) {
    let store = place.open();
    stored(&*store, "k", Some("A")).await;
    let claimed = claim_one(&store, T0).await;
    let leases = [claimed.lease.clone()];
    assert_eq!(store.at(T0 + 5_000).renew(&leases, LEASE_MS).await.expect("renewed"), 1);
    assert!(claim(&store, T0 + LEASE_MS).await.is_empty());
    claim_one(&store, T0 + 5_000 + LEASE_MS).await;
    let held = store.at(T0 + 5_001 + LEASE_MS).renew(&leases, LEASE_MS).await.expect("answered");
    assert_eq!(held, 0, "a lease that another claim took over is not renewed");
}

pub(in crate::store) async fn a_released_claim_does_not_count_as_an_attempt(place: &dyn Place) {
    let store = place.open();
    let id = stored(&*store, "k", Some("A")).await;
    let claimed = claim_one(&store, T0).await;
    store.at(T0 + 1).settle(&claimed.lease, Settlement::Released, T0 + 1).await.expect("released");
    assert!(store.show(&id).await.expect("a read").expect("there").attempts.is_empty());
    let again = claim_one(&store, T0 + 1).await;
    assert_eq!((again.attempts, again.first_attempt_at_ms), (1, T0 + 1));
}

pub(in crate::store) async fn the_next_due_time_is_known(place: &dyn Place) {
    let store = place.open();
    assert_eq!(store.next_due("shop").await.expect("a read"), None);
    stored(&*store, "k", Some("A")).await;
    assert_eq!(store.next_due("shop").await.expect("a read"), Some(T0));
    let claimed = claim_one(&store, T0).await;
    store.at(T0 + 5).settle(&claimed.lease, retry(772), T0 + 5).await.expect("settled");
    assert_eq!(store.next_due("shop").await.expect("a read"), Some(T0 + 777));
    assert_eq!(store.next_due("another").await.expect("a read"), None);
}

pub(in crate::store) async fn workers_are_woken_when_something_becomes_due(place: &dyn Place) {
    let store = place.open();
    let mut changes = store.changes("shop");
    let mut other = store.changes("another");
    stored(&*store, "k1", Some("A")).await;
    changes.changed().await.expect("woken by a new event");
    let claimed = claim_one(&store, T0).await;
    stored(&*store, "k2", Some("A")).await;
    changes.mark_unchanged();
    store.at(T0).settle(&claimed.lease, delivered(), T0).await.expect("settled");
    changes.changed().await.expect("woken by its successor");
    other.mark_unchanged();
    stored(&*store, "k3", None).await;
    assert!(!other.has_changed().expect("open"), "another account's worker sleeps on");
}

pub(in crate::store) async fn a_jumping_wall_clock_changes_no_pause_and_no_lease(
    place: &dyn Place,
) {
    const YEAR_MS: i64 = 365 * 24 * HOUR_MS;
    let mut store = place.open();
    let id = stored(&*store, "k1", Some("A")).await;
    let waiting = claim_one(&store, T0).await;
    store.at(T0).settle(&waiting.lease, retry(30_000), T0).await.expect("settled");
    stored(&*store, "k2", Some("B")).await;
    let claimed = claim_one(&store, T0).await;
    for jump_ms in [YEAR_MS, -2 * YEAR_MS, 3 * YEAR_MS] {
        store.clocks().jump(jump_ms);
        assert_eq!(store.next_due("shop").await.expect("a read"), Some(T0 + LEASE_MS));
        assert!(claim(&store, T0 + LEASE_MS - 1).await.is_empty(), "a lease keeps its length");
        store = place.open();
        assert!(claim(&store, T0).await.is_empty(), "a restart changes nothing");
    }
    store.at(T0).settle(&claimed.lease, delivered(), T0).await.expect("settled");
    assert!(claim(&store, T0 + 29_999).await.is_empty(), "a pause keeps its length");
    let again = claim_one(&store, T0 + 30_000).await;
    assert_eq!((again.lease.id, again.first_attempt_at_ms), (id, T0), "it is tried as long");
}

pub(in crate::store) async fn absurd_times_and_texts_do_no_harm(place: &dyn Place) {
    let store = place.open();
    for (key, at_ms) in [("min", i64::MIN), ("max", i64::MAX)] {
        let _ = store.receive(event_at(key, Some(key), at_ms)).await;
        for lease_ms in [i64::MIN, 0, i64::MAX] {
            for claimed in store.claim("shop", 10, lease_ms).await.unwrap_or_default() {
                let mut odd = retry(i64::MAX);
                if let Settlement::Retry { error, .. } = &mut odd {
                    *error = "x".repeat(1_000_000);
                }
                let _ = store.settle(&claimed.lease, odd, at_ms).await;
            }
        }
    }
    let listing = store.list(&Filter::default(), None, usize::MAX).await.expect("a listing");
    for row in listing.events {
        assert!(row.last_error.is_none_or(|error| error.len() < 1_000), "errors are cut short");
    }
    stored(&*store, "after", Some("after")).await;
}
