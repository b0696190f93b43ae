//! After a crash, and years later: what dead processes leave behind, what operators see and what is removed.

use super::super::{
    Begun, Conclusion, PaymentCounts, PaymentFilter, Received, Recovered, Retention,
};
use super::paying::{
    HOLD_MS, answered, conclude, lost, payout, payout_of, rules, sending, state, view,
};
use super::*;
use crate::payment::{Final, State};
use crate::provider::CodeMeaning;
use crate::store::journal::PAYMENTS_KEPT_MIN_MS;

pub(in crate::store) async fn a_payment_that_a_dead_process_was_sending_is_unknown(
    place: &dyn Place,
) {
    let store = place.open();
    let on_its_way = sending(&*store, "A").await;
    let new = payout("B");
    let begun = new.id.clone();
    store.begin(new).await.expect("written down");
    store.close().await.expect("closed");
    drop(store);

    let store = place.open();
    let recovered = store.at(T0 + 1).recover(T0 + 1).await.expect("recovered");
    assert_eq!(recovered, Recovered { unknown: 1, closed: 1, under_way: 0 });
    assert_eq!(state(&*store, &on_its_way).await, State::Unknown { attempt: 1, since_ms: T0 + 1 });
    assert_eq!(state(&*store, &begun).await, State::Settled(Final::NotSent));
    let claimed = store.at(T0 + 1).claim_unknown("shop", 10, LEASE_MS).await.expect("a claim");
    assert_eq!(claimed.len(), 1, "it is to be queried at once");
    let begun = store.begin(payout("B")).await.expect("answered");
    assert!(matches!(begun, Begun::Fresh(_)), "a payment that was never sent may be begun again");
    let begun = store.begin(payout("A")).await.expect("answered");
    assert!(matches!(begun, Begun::Known(_)), "one that may have been sent may not");
}

pub(in crate::store) async fn a_payment_that_a_dead_process_was_querying_is_queried_at_once(
    place: &dyn Place,
) {
    let store = place.open();
    lost(&*store, "A").await;
    let claimed = store.at(T0).claim_unknown("shop", 10, HOUR_MS).await.expect("a claim");
    assert_eq!(claimed.len(), 1);
    let living = place.open();
    living.at(T0 + 1).recover(T0 + 1).await.expect("recovered");
    let claimed = living.at(T0 + 1).claim_unknown("shop", 10, HOUR_MS).await.expect("a claim");
    assert!(claimed.is_empty(), "the other process lives, and is querying");
    store.close().await.expect("closed");
    drop(store);
    living.at(T0 + 1).recover(T0 + 1).await.expect("recovered");
    let claimed = living.at(T0 + 1).claim_unknown("shop", 10, HOUR_MS).await.expect("a claim");
    assert_eq!(claimed.len(), 1, "nobody else will");
    living.at(T0 + 2).recover(T0 + 2).await.expect("recovered");
    let claimed = living.at(T0 + 2).claim_unknown("shop", 10, HOUR_MS).await.expect("a claim");
    assert!(claimed.is_empty(), "it is ours now, and claimed");
}

pub(in crate::store) async fn a_payment_that_a_living_process_is_sending_is_left_alone(
    place: &dyn Place,
) {
    let (old, new) = (place.open(), place.open());
    let id = sending(&*old, "A").await;
    let recovered = new.at(T0 + HOLD_MS - 1).recover(T0 + HOLD_MS - 1).await.expect("recovered");
    assert_eq!(recovered, Recovered { under_way: 1, ..Recovered::default() });
    assert_eq!(state(&*new, &id).await, State::Sending { attempt: 1 });
    let recovered = new.at(T0 + HOLD_MS).recover(T0 + HOLD_MS).await.expect("recovered");
    assert_eq!(recovered.unknown, 1, "it lives, but has given no sign for too long");
    let view = conclude(&*old, &id, answered(10_000, CodeMeaning::Accepted)).await;
    assert_eq!(view.row.end(), Some(Final::Accepted), "its late answer still counts");
}

pub(in crate::store) async fn a_step_renews_the_lease(place: &dyn Place) {
    let store = place.open();
    let id = sending(&*store, "A").await;
    let not_sent = Conclusion::NotSent { reason: "refused".into() };
    store
        .at(T0 + 30_000)
        .conclude(&id, 1, not_sent, 0, None, T0 + 30_000)
        .await
        .expect("written down");
    assert_eq!(store.at(T0 + 60_000).about_to_send(&id, rules(), T0 + 60_000).await, Ok(2));
    let recovered = store
        .at(T0 + 60_000 + HOLD_MS - 1)
        .recover(T0 + 60_000 + HOLD_MS - 1)
        .await
        .expect("recovered");
    assert_eq!(recovered.under_way, 1);
}

pub(in crate::store) async fn hundreds_of_payments_of_a_dead_process_are_recovered(
    place: &dyn Place,
) {
    let store = place.open();
    for n in 0..450 {
        store.begin_sending(payout(&format!("A{n}"))).await.expect("written down");
    }
    store.close().await.expect("closed");
    let store = place.open();
    assert_eq!(store.at(T0).recover(T0).await.expect("recovered").unknown, 450);
    assert_eq!(store.at(T0).recover(T0).await.expect("recovered"), Recovered::default(), "once");
}

pub(in crate::store) async fn every_unresolved_payment_is_listed_with_its_history(
    place: &dyn Place,
) {
    let store = place.open();
    let paid = sending(&*store, "A").await;
    conclude(&*store, &paid, answered(10_000, CodeMeaning::Accepted)).await;
    let open = lost(&*store, "B").await;
    let newest = sending(&*store, "C").await;
    let listed = |filter: PaymentFilter| {
        let store = store.clone();
        async move {
            let page = store.list_payments(&filter, None, 10).await.expect("a page");
            page.payments.into_iter().map(|row| row.id).collect::<Vec<_>>()
        }
    };
    assert_eq!(
        listed(PaymentFilter::default()).await,
        [newest.clone(), open.clone(), paid.clone()],
        "newest first"
    );
    let unknown = PaymentFilter { states: vec!["unknown".into()], ..PaymentFilter::default() };
    assert_eq!(listed(unknown).await, std::slice::from_ref(&open));
    let by_reference = PaymentFilter {
        account: Some("shop".into()),
        operation: Some("payout_create".into()),
        reference: Some("A".into()),
        from_ms: Some(T0),
        until_ms: Some(T0 + 1),
        ..PaymentFilter::default()
    };
    assert_eq!(listed(by_reference).await, [paid]);
    let page = store.list_payments(&PaymentFilter::default(), None, 2).await.expect("a page");
    let rest = store.list_payments(&PaymentFilter::default(), page.next, 2).await.expect("a page");
    assert_eq!((page.payments.len(), rest.payments.len(), rest.next), (2, 1, None));

    let shown = store.show_payment(&open).await.expect("a read").expect("it is there");
    let history: Vec<_> = shown
        .history
        .iter()
        .map(|entry| {
            (entry.what.as_str(), entry.attempt, entry.state.as_str(), entry.detail.as_deref())
        })
        .collect();
    assert_eq!(
        history,
        [
            ("begun", None, "ready", None),
            ("sending", Some(1), "sending", None),
            ("in_doubt", Some(1), "unknown", Some("reset")),
        ]
    );
    let counts = store.payment_counts().await.expect("a read");
    let expected = PaymentCounts {
        account: "shop".into(),
        under_way: 1,
        unknown: 1,
        oldest_unknown_at_ms: Some(T0),
    };
    assert_eq!(counts, [expected]);
}

pub(in crate::store) async fn a_sweep_removes_only_settled_payments_and_none_for_a_week(
    place: &dyn Place,
) {
    let store = place.open();
    let paid = sending(&*store, "A").await;
    conclude(&*store, &paid, answered(10_000, CodeMeaning::Accepted)).await;
    let open = lost(&*store, "B").await;
    let week = T0 + PAYMENTS_KEPT_MIN_MS;
    assert_eq!(store.at(week).sweep_payments(0).await, Ok(0), "a week is promised");
    view(&*store, &paid).await;
    assert_eq!(store.at(week + 1).sweep_payments(0).await, Ok(1));
    assert!(store.payment(&paid).await.expect("a read").is_none());
    view(&*store, &open).await;
    let begun = store.begin(payout_of("A", 7, week)).await.expect("answered");
    assert!(matches!(begun, Begun::Fresh(view) if view.row.generation == 1), "it is forgotten");
}

pub(in crate::store) async fn a_jumping_wall_clock_makes_nothing_old(place: &dyn Place) {
    const DAY_MS: i64 = 24 * HOUR_MS;
    const KEPT: Retention =
        Retention { delivered_ms: DAY_MS, dead_ms: 2 * DAY_MS, seen_ms: 3 * DAY_MS };
    let mut store = place.open();
    let paid = sending(&*store, "A").await;
    conclude(&*store, &paid, answered(10_000, CodeMeaning::Accepted)).await;
    let event = stored(&*store, "k", None).await;
    let claimed = claim_one(&store, T0).await;
    store.at(T0).settle(&claimed.lease, delivered(), T0).await.expect("settled");
    for jump_ms in [400 * DAY_MS, -800 * DAY_MS, 1_200 * DAY_MS] {
        store.clocks().jump(jump_ms);
        for _ in 0..2 {
            assert_eq!(store.sweep_payments(0).await, Ok(0));
            assert_eq!(store.sweep(KEPT).await.map(|swept| (swept.events, swept.keys)), Ok((0, 0)));
            store.close().await.expect("closed");
            store = place.open();
        }
        let begun = store.begin(payout("A")).await.expect("answered");
        assert!(matches!(begun, Begun::Known(_)), "it was paid: {begun:?}");
        assert_eq!(store.spendings(T0).await.expect("a read").len(), 1, "it left just now");
    }
    // Events received after the jump carry the new date, and are kept as long.
    let later = store.clock.unix_ms();
    assert_eq!(later, T0 + 800 * DAY_MS);
    assert_eq!(store.at(T0 + DAY_MS + 1).sweep(KEPT).await.map(|swept| swept.events), Ok(1));
    let again = store.receive(event_at("k", None, later)).await.expect("acknowledged");
    assert_eq!(again, Received::Duplicate { id: event, same_text: true });
    let until = T0 + DAY_MS + 1 + KEPT.seen_ms;
    assert_eq!(store.at(until).sweep(KEPT).await.map(|swept| swept.keys), Ok(0));
    assert_eq!(store.at(until + 1).sweep(KEPT).await.map(|swept| swept.keys), Ok(1));
}

pub(in crate::store) async fn odd_texts_come_back_unchanged(place: &dyn Place) {
    let store = place.open();
    let mut odd = payout("A");
    odd.reference = "ord'er; -- \u{0}💳".into();
    odd.parameters = "{\n \"mchOrderId\" : \"\\u0041\" }".into();
    odd.amount_minor = Some(i64::MIN);
    odd.lease_ms = i64::MAX;
    odd.notice_within_ms = Some(i64::MAX);
    let sent = odd.clone();
    store.begin_sending(odd).await.expect("written down");
    let reason = "x".repeat(100_000);
    let view = conclude(&*store, &sent.id, Conclusion::InDoubt { reason }).await;
    assert_eq!((view.parameters, view.row.reference), (sent.parameters, sent.reference));
    assert_eq!((view.row.fingerprint, view.row.kind), (sent.fingerprint, sent.kind));
    let shown = store.show_payment(&sent.id).await.expect("a read").expect("it is there");
    let detail = shown.history.last().and_then(|entry| entry.detail.clone()).expect("a reason");
    assert_eq!(detail.len(), 300, "a reason must not hold a whole body");
}
