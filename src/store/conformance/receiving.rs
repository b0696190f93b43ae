//! Incoming notifications: stored once, complete and durable.

use super::super::{EventState, Intake, Received};
use super::*;

pub(in crate::store) async fn a_repeated_notification_is_stored_once_and_counted(
    place: &dyn Place,
) {
    let store = place.open();
    let first = stored(&*store, "k", Some("A")).await;
    for n in 1..=3 {
        let again =
            store.at(T0 + n).receive(event_at("k", Some("A"), T0 + n)).await.expect("a repetition");
        assert_eq!(again, Received::Duplicate { id: first.clone(), same_text: true });
    }
    let row = row(&*store, &first).await;
    assert_eq!((row.duplicates, row.last_seen_at_ms), (3, T0 + 3));
    assert_eq!(row.received_at_ms, T0, "the first one counts");
    assert_eq!(claim_ids(&store, T0 + 9).await, [first], "it is delivered once");
}

pub(in crate::store) async fn the_same_key_with_another_text_is_recognised_as_different(
    place: &dyn Place,
) {
    let store = place.open();
    let first = stored(&*store, "k", None).await;
    let mut other = event("k", None);
    other.param.push(' ');
    let received = store.receive(other).await.expect("a repetition");
    assert_eq!(received, Received::Duplicate { id: first, same_text: false });
}

pub(in crate::store) async fn two_accounts_do_not_share_their_keys(place: &dyn Place) {
    let store = place.open();
    stored(&*store, "k", Some("A")).await;
    let mut other = event("k", Some("A"));
    other.account = "shop-2".into();
    assert_eq!(store.receive(other).await.expect("stored"), Received::Stored);
    let claimed = store.at(T0).claim("shop-2", 10, LEASE_MS).await.expect("a claim");
    assert_eq!(claimed.len(), 1, "another account's event with this reference does not block it");
}

pub(in crate::store) async fn a_hundred_copies_at_once_are_one_event(place: &dyn Place) {
    let store = place.open();
    let copies: Vec<_> = (0..100)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.receive(event("k", Some("A"))).await })
        })
        .collect();
    let mut new = 0;
    for copy in copies {
        let received = copy.await.expect("no panic").expect("acknowledged");
        new += usize::from(received == Received::Stored);
    }
    assert_eq!(new, 1, "exactly one of the copies is new");
    assert_eq!(listed(&*store, &Filter::default()).await.len(), 1);
}

pub(in crate::store) async fn a_parked_event_is_a_dead_letter_and_is_not_delivered(
    place: &dyn Place,
) {
    let store = place.open();
    let mut parked = event("k", Some("A"));
    parked.event = None;
    parked.intake = Intake::Park { reason: "param is not JSON".into() };
    let id = parked.id.clone();
    assert_eq!(store.receive(parked).await.expect("stored"), Received::Stored);
    let next = stored(&*store, "k2", Some("A")).await;
    assert_eq!(claim_ids(&store, T0).await, [next], "it does not block the next event");
    let row = row(&*store, &id).await;
    assert_eq!(row.state, EventState::Dead);
    assert_eq!(row.last_error.as_deref(), Some("param is not JSON"));
}

pub(in crate::store) async fn everything_received_is_shown_unchanged(place: &dyn Place) {
    let store = place.open();
    let mut odd = event("ключ\u{0}💳", Some("ord'er; --"));
    odd.body = bytes::Bytes::from_static(b"\x00\xff{\"param\"");
    odd.param = "{\"a\": 1.00,\n \"b\":\"\\u0041\"}".into();
    odd.verified_by = None;
    let sent = odd.clone();
    store.receive(odd).await.expect("stored");
    let shown = store.show(&sent.id).await.expect("a read").expect("it is there");
    assert_eq!(shown.body, sent.body, "the body is kept byte for byte");
    assert_eq!((shown.param, shown.event), (sent.param, sent.event));
    let row = shown.row;
    assert_eq!(row.id, sent.id);
    assert_eq!((row.account, row.provider), (sent.account, sent.provider));
    assert_eq!((row.event_name, row.kind), (sent.event_name, sent.kind));
    assert_eq!((row.event_type, row.status), (sent.event_type, sent.status));
    assert_eq!(row.reference, sent.reference);
    assert_eq!(row.provider_reference, sent.provider_reference);
    assert_eq!((row.verified_by, row.received_at_ms), (None, T0));
    assert_eq!((row.state, row.attempts, row.replays), (EventState::Pending, 0, 0));
    assert!(shown.attempts.is_empty(), "nothing was tried yet");
}

pub(in crate::store) async fn acknowledged_events_are_there_after_a_restart(place: &dyn Place) {
    let store = place.open();
    let first = stored(&*store, "k1", Some("A")).await;
    let second = stored(&*store, "k2", Some("A")).await;
    store.close().await.expect("closed");
    drop(store);
    let store = place.open();
    assert_eq!(listed(&*store, &Filter::default()).await, [second, first.clone()]);
    assert_eq!(claim_ids(&store, T0).await, [first], "and the order is still known");
    let again = store.receive(event("k1", Some("A"))).await.expect("a repetition");
    assert!(matches!(again, Received::Duplicate { .. }), "and the keys are");
}

pub(in crate::store) async fn a_state_that_comes_after_a_final_one_is_stored_as_late(
    place: &dyn Place,
) {
    let store = place.open();
    let interim = |key: &str| {
        let mut event = event(key, Some("A"));
        event.status = Some("pending".into());
        event.intake = Intake::DeliverInterim { if_late: "late".into() };
        event
    };
    let mut other_kind = event("other kind", Some("A"));
    other_kind.kind = Some("refund".into());
    let mut other_account = event("other account", Some("A"));
    other_account.account = "shop-2".into();
    let not_late = interim("before");
    let still_pending = interim("pending again");
    let late = interim("after");
    let expected = [
        (not_late.id.clone(), not_late.event.clone()),
        (still_pending.id.clone(), still_pending.event.clone()),
        (late.id.clone(), Some("late".to_owned())),
    ];
    for event in
        [other_kind, other_account, not_late, still_pending, event("final", Some("A")), late]
    {
        store.receive(event).await.expect("stored");
    }
    for (id, text) in expected {
        let shown = store.show(&id).await.expect("a read").expect("it is there");
        assert_eq!(shown.event, text, "{}", shown.row.provider_reference.unwrap_or_default());
    }
}
