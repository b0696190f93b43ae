//! Events that are owed: to callers who were told to wait for a payment's outcome, or who could not receive it.

use super::super::{Begun, Conclusion, PaymentId, PaymentRow, Unsent};
use super::paying::{answered, conclude, lost, payout, sending, view};
use super::*;
use crate::payment::{Final, State};
use crate::provider::CodeMeaning;

async fn owed(store: &dyn Store) -> Vec<PaymentId> {
    let owed = store.owed_events("shop", 10).await.expect("a read");
    owed.into_iter().map(|view| view.row.id).collect()
}

async fn promise(store: &dyn Store, id: &PaymentId) -> PaymentRow {
    store.promise_event(id).await.expect("written").row
}

pub(in crate::store) async fn a_promised_event_is_owed_from_settlement_until_it_is_stored(
    place: &dyn Place,
) {
    let store = place.open();
    let id = sending(&*store, "A").await;
    assert_eq!(promise(&*store, &id).await.payment.state, State::Sending { attempt: 1 });
    assert_eq!(owed(&*store).await, [], "there is no outcome to report yet");
    conclude(&*store, &id, answered(10000, CodeMeaning::Accepted)).await;
    assert_eq!(owed(&*store).await, vec![id.clone()]);
    let store = place.open();
    assert_eq!(owed(&*store).await, vec![id.clone()], "a promise outlives its process");
    for _ in 0..2 {
        store.tell_owed(&id, outcome_event(), T0).await.expect("written");
    }
    assert_eq!(owed(&*store).await, []);
    assert_eq!(listed(&*store, &Filter::default()).await.len(), 1, "it is told once");
}

pub(in crate::store) async fn no_event_is_promised_for_a_settled_payment(place: &dyn Place) {
    let store = place.open();
    let id = sending(&*store, "A").await;
    conclude(&*store, &id, answered(21014, CodeMeaning::Refused)).await;
    assert_eq!(promise(&*store, &id).await.end(), Some(Final::Rejected), "it can be told at once");
    assert_eq!(owed(&*store).await, []);
}

pub(in crate::store) async fn a_notification_is_the_event_that_was_owed(place: &dyn Place) {
    let store = place.open();
    let id = lost(&*store, "A").await;
    promise(&*store, &id).await;
    notify(&*store, event("k", Some("A")), notice("A")).await.expect("stored");
    assert_eq!(owed(&*store).await, []);
    store.note_unheard(&id).await.expect("written");
    assert_eq!(owed(&*store).await, [], "the notification informed its caller too");
}

pub(in crate::store) async fn an_answer_that_reached_no_caller_is_owed(place: &dyn Place) {
    let store = place.open();
    let (accepted, open) = (sending(&*store, "A").await, sending(&*store, "B").await);
    conclude(&*store, &accepted, answered(10000, CodeMeaning::Accepted)).await;
    for id in [&accepted, &open] {
        store.note_unheard(id).await.expect("written");
    }
    assert_eq!(owed(&*store).await, [accepted]);
    conclude(&*store, &open, Conclusion::NotSent { reason: "no connection".into() }).await;
    store.give_up(&open, "no connection", T0).await.expect("written");
    assert!(owed(&*store).await.contains(&open), "even if it was not sent");
}

pub(in crate::store) async fn a_payment_that_a_dead_process_never_sent_is_reported(
    place: &dyn Place,
) {
    let store = place.open();
    let new = payout("A");
    let id = new.id.clone();
    store.begin(new).await.expect("written down");
    store.close().await.expect("closed");
    let store = place.open();
    store.recover(T0).await.expect("recovered");
    assert_eq!(view(&*store, &id).await.row.end(), Some(Final::NotSent));
    assert_eq!(owed(&*store).await, [id]);
}

pub(in crate::store) async fn a_payment_that_never_left_is_settled_and_reported_once(
    place: &dyn Place,
) {
    let store = place.open();
    let new = payout("A");
    let unsent = Unsent::MaybeBegun(Box::new(new.clone()));
    let ended = store.end_unsent(&unsent, "test", T0).await.expect("written").expect("settled");
    assert_eq!((ended.row.id, ended.row.payment.attempts), (new.id.clone(), 0));
    assert_eq!(view(&*store, &new.id).await.row.end(), Some(Final::NotSent));
    assert_eq!(owed(&*store).await, vec![new.id]);
    assert!(store.end_unsent(&unsent, "test", T0).await.expect("written").is_none());

    let Begun::Fresh(begun) = store.begin(payout("B")).await.expect("written") else {
        panic!("it is new")
    };
    let unsent = Unsent::Begun(begun.row.id);
    assert!(store.end_unsent(&unsent, "test", T0).await.expect("written").is_some());
    assert_eq!(owed(&*store).await.len(), 2);
}

pub(in crate::store) async fn a_payment_that_never_left_is_not_reported_beside_a_later_call(
    place: &dyn Place,
) {
    let store = place.open();
    let early = Unsent::MaybeBegun(Box::new(payout("A")));
    // The caller followed the answer and repeated it.
    let id = sending(&*store, "A").await;
    assert!(store.end_unsent(&early, "test", T0).await.expect("written").is_none());
    conclude(&*store, &id, answered(21014, CodeMeaning::Refused)).await;
    assert!(store.end_unsent(&early, "test", T0).await.expect("written").is_none());
    let unsent = Unsent::Begun(sending(&*store, "B").await);
    assert!(store.end_unsent(&unsent, "test", T0).await.expect("written").is_none(), "on its way");
    assert_eq!(owed(&*store).await, []);
}
