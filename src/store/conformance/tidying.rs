//! Counting, sweeping, closing.

use super::super::{AccountCounts, EventState, Received, Retention, Selection, StoreError};
use super::*;

const DAY_MS: i64 = 24 * HOUR_MS;

const RETENTION: Retention =
    Retention { delivered_ms: 10 * DAY_MS, dead_ms: 30 * DAY_MS, seen_ms: 90 * DAY_MS };

pub(in crate::store) async fn counts_follow_every_change(place: &dyn Place) {
    let store = place.open();
    assert!(store.counts().await.expect("a read").is_empty());
    for n in 0..5 {
        let key = format!("k{n}");
        store.at(T0 + n).receive(event_at(&key, Some(&key), T0 + n)).await.expect("stored");
    }
    let mut settlements = [delivered(), retry(100), dead()].into_iter();
    for claimed in store.at(T0 + 9).claim("shop", 3, LEASE_MS).await.expect("a claim") {
        let settlement = settlements.next().expect("three claims");
        store.at(T0 + 9).settle(&claimed.lease, settlement, T0 + 9).await.expect("settled");
    }
    let counts = only(&*store).await;
    assert_eq!((counts.pending, counts.retrying, counts.delivered, counts.dead), (2, 1, 1, 1));
    assert_eq!(counts.oldest_open_at_ms, Some(T0 + 1), "the one being retried");

    let open =
        Filter { states: vec![EventState::Pending, EventState::Retrying], ..Filter::default() };
    store.at(T0 + 9).discard(&Selection::Matching(open), "x", T0 + 9).await.expect("discarded");
    let counts = only(&*store).await;
    assert_eq!((counts.pending, counts.retrying, counts.discarded), (0, 0, 3));
    assert_eq!(counts.oldest_open_at_ms, None);

    store.at(T0 + 365 * DAY_MS).sweep(RETENTION).await.expect("swept");
    let expected = AccountCounts { account: "shop".into(), ..AccountCounts::default() };
    assert_eq!(only(&*store).await, expected);
}

pub(in crate::store) async fn a_sweep_removes_only_old_closed_events(place: &dyn Place) {
    let store = place.open();
    let settled = [delivered(), dead(), retry(1)];
    let mut ids = Vec::new();
    for (n, settlement) in settled.into_iter().enumerate() {
        ids.push(stored(&*store, &format!("k{n}"), None).await);
        let claimed = claim_one(&store, T0).await;
        store.at(T0).settle(&claimed.lease, settlement, T0).await.expect("settled");
    }
    let open = stored(&*store, "open", None).await;

    let swept = store.at(T0 + 10 * DAY_MS).sweep(RETENTION).await.expect("swept");
    assert_eq!(swept.events, 0, "nothing is older than its retention");
    let swept = store.at(T0 + 10 * DAY_MS + 1).sweep(RETENTION).await.expect("swept");
    assert_eq!(swept.events, 1, "the delivered one is");
    assert!(store.show(&ids[0]).await.expect("a read").is_none());
    let swept = store.at(T0 + 1000 * DAY_MS).sweep(RETENTION).await.expect("swept");
    assert_eq!(swept.events, 1, "the dead letter is kept longer");
    let left = listed(&*store, &Filter::default()).await;
    assert_eq!(left, [open, ids[2].clone()], "an undelivered event stays, however old it is");
}

pub(in crate::store) async fn a_removed_event_is_still_a_duplicate_until_its_key_is_forgotten(
    place: &dyn Place,
) {
    let store = place.open();
    let id = stored(&*store, "k", Some("A")).await;
    let claimed = claim_one(&store, T0).await;
    store.at(T0).settle(&claimed.lease, delivered(), T0).await.expect("settled");
    assert_eq!(store.at(T0 + 11 * DAY_MS).sweep(RETENTION).await.expect("swept").events, 1);

    let late = event_at("k", Some("A"), T0 + 50 * DAY_MS);
    let received = store.at(T0 + 50 * DAY_MS).receive(late).await.expect("acknowledged");
    assert_eq!(received, Received::Duplicate { id, same_text: true });
    assert!(claim(&store, T0 + 50 * DAY_MS).await.is_empty(), "it is not delivered again");

    let swept = store.at(T0 + 140 * DAY_MS).sweep(RETENTION).await.expect("swept");
    assert_eq!(swept.keys, 0, "seen 90 days ago, not longer");
    let swept = store.at(T0 + 140 * DAY_MS + 1).sweep(RETENTION).await.expect("swept");
    assert_eq!(swept.keys, 1);
    let received = store.receive(event("k", Some("A"))).await.expect("acknowledged");
    assert_eq!(received, Received::Stored, "a forgotten key is a new one");
}

pub(in crate::store) async fn a_closed_store_reports_that_it_is_closed(place: &dyn Place) {
    let store = place.open();
    stored(&*store, "k", None).await;
    store.close().await.expect("closed");
    store.close().await.expect("closing twice is fine");
    let refused = store.receive(event("k2", None)).await;
    assert_eq!(refused, Err(StoreError::Closed));
    assert_eq!(store.counts().await, Err(StoreError::Closed));
    assert_eq!(store.probe().await, Err(StoreError::Closed));
}

pub(in crate::store) async fn a_probe_says_that_the_store_can_be_written(place: &dyn Place) {
    let store = place.open();
    for _ in 0..3 {
        assert_eq!(store.probe().await, Ok(()));
    }
}

async fn only(store: &dyn Store) -> AccountCounts {
    let mut counts = store.counts().await.expect("a read");
    assert_eq!(counts.len(), 1, "one account is known: {counts:?}");
    counts.remove(0)
}
