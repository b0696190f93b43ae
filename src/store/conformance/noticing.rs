//! Notifications that tell of payments: the event and the settlement are one write.

use super::super::{Begun, Conclusion, Expectation, Notice, Received};
use super::paying::{answered, conclude, lost, payout_of, sending, view};
use super::*;
use crate::payment::{Final, State};
use crate::provider::{CodeMeaning, EventStatus};

fn notice(reference: &str) -> Notice {
    Notice {
        account: "shop".into(),
        kind: "payout".into(),
        reference: Some(reference.into()),
        provider_reference: Some("D1".into()),
        status: Some(EventStatus::Succeeded),
        amount_minor: Some(10_000),
        currency: Some("THB".into()),
    }
}

pub(in crate::store) async fn a_notification_settles_a_payment_whatever_its_state(
    place: &dyn Place,
) {
    let store = place.open();
    let on_its_way = sending(&*store, "A").await;
    let lost = lost(&*store, "B").await;
    for (id, reference) in [(on_its_way, "A"), (lost, "B")] {
        let received = store.receive_notice(event(reference, Some(reference)), notice(reference));
        let (received, settled) = received.await.expect("stored");
        assert_eq!(received, Received::Stored);
        let row = settled.expect("it is in the journal");
        assert_eq!((&row.id, row.end()), (&id, Some(Final::Accepted)));
        assert_eq!(row.payment.status, Some(EventStatus::Succeeded));
        assert_eq!((row.notified_at_ms, row.next_ask_at_ms), (Some(T0), None));
    }
    assert_eq!(claim(&store, T0).await.len(), 2, "both events are to be delivered");
}

pub(in crate::store) async fn a_repeated_notification_settles_nothing_again(place: &dyn Place) {
    let store = place.open();
    let id = sending(&*store, "A").await;
    store.receive_notice(event("k", Some("A")), notice("A")).await.expect("stored");
    let before = view(&*store, &id).await;
    let again = store.receive_notice(event_at("k", Some("A"), T0 + 9), notice("A")).await;
    let (received, settled) = again.expect("acknowledged");
    assert!(matches!(received, Received::Duplicate { .. }));
    assert_eq!(settled, None);
    assert_eq!(view(&*store, &id).await, before);
}

pub(in crate::store) async fn a_notification_that_cannot_be_stored_settles_nothing(
    place: &dyn Place,
) {
    let store = place.open();
    let id = sending(&*store, "A").await;
    let first = event("k", None);
    let mut clash = event("another key", None);
    clash.id = first.id.clone();
    store.receive(first).await.expect("stored");
    store.receive_notice(clash, notice("A")).await.expect_err("the id is taken");
    assert_eq!(view(&*store, &id).await.row.payment.state, State::Sending { attempt: 1 });
}

pub(in crate::store) async fn what_was_sent_is_compared_with_what_came_back(place: &dyn Place) {
    let store = place.open();
    sending(&*store, "A").await;
    let known = store.expectation(&notice("A")).await.expect("a read");
    assert!(matches!(known, Expectation::Expected(row) if row.reference == "A"));
    for other in [
        Notice { amount_minor: Some(10_001), ..notice("A") },
        Notice { currency: Some("USD".into()), ..notice("A") },
    ] {
        let known = store.expectation(&other).await.expect("a read");
        assert!(matches!(known, Expectation::AmountDiffers(_)), "{other:?}");
    }
    let silent = Notice { amount_minor: None, currency: None, ..notice("A") };
    let known = store.expectation(&silent).await.expect("a read");
    assert!(matches!(known, Expectation::Expected(_)), "what is not said contradicts nothing");
    for stranger in [
        notice("B"),
        Notice { kind: "refund".into(), ..notice("A") },
        Notice { account: "shop-2".into(), ..notice("A") },
        Notice { reference: None, ..notice("A") },
        Notice { reference: None, provider_reference: None, ..notice("A") },
    ] {
        let known = store.expectation(&stranger).await.expect("a read");
        assert_eq!(known, Expectation::Unexpected, "{stranger:?}");
    }
    let differs = Notice { amount_minor: Some(1), ..notice("A") };
    let (_, row) = store.receive_notice(event("k", Some("A")), differs).await.expect("stored");
    assert!(row.expect("known").amount_differs, "it stays on record");
}

pub(in crate::store) async fn a_notification_finds_the_generation_it_is_about(place: &dyn Place) {
    let store = place.open();
    let first = sending(&*store, "A").await;
    conclude(&*store, &first, answered(21_014, CodeMeaning::Refused)).await;
    let begun = store.begin_sending(payout_of("A", 9, T0)).await.expect("written down");
    let Begun::Fresh(second) = begun else { panic!("the reference is free") };
    let of_neither = Notice { provider_reference: Some("D2".into()), ..notice("A") };
    let (_, row) = store.receive_notice(event("k1", None), of_neither).await.expect("stored");
    assert_eq!(row.expect("known").id, second.row.id, "the latest, where nothing else tells");
    let (_, row) = store.receive_notice(event("k2", None), notice("A")).await.expect("stored");
    let row = row.expect("known");
    assert_eq!(row.id, first, "the one with the provider's own reference");
    assert!(row.contradicted, "it was rejected, and the provider has it");
    assert_eq!(row.end(), Some(Final::Accepted));
}

pub(in crate::store) async fn a_settled_payment_takes_the_late_end_of_its_attempt(
    place: &dyn Place,
) {
    let store = place.open();
    let id = sending(&*store, "A").await;
    store.receive_notice(event("k", Some("A")), notice("A")).await.expect("stored");
    let late = Conclusion::InDoubt { reason: "time-out".into() };
    let view = conclude(&*store, &id, late).await;
    assert_eq!(view.row.end(), Some(Final::Accepted));
    assert_eq!(view.row.next_ask_at_ms, None, "there is nothing to ask");
}
