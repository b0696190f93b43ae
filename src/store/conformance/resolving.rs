//! Steps that resolve an unknown outcome, and the event that is stored with them.

use super::super::{Closure, Conclusion, JournalError, Notification, OutcomeEvent, QueryAnswer};
use super::noticing::{notice, notify};
use super::paying::{
    GRACE_MS, HOLD_MS, answered, conclude, lost, rules, sending, state, times, view,
};
use super::*;
use crate::payment::{Final, Forbidden, Next, Ruling, State};
use crate::provider::{CodeMeaning, EventStatus};

fn found() -> QueryAnswer {
    QueryAnswer::Found {
        status: Some(EventStatus::Succeeded),
        provider_reference: None,
        amount_minor: None,
        amount_unreadable: false,
        currency: None,
        answer: None,
    }
}

fn telling() -> Option<OutcomeEvent> {
    Some(outcome_event())
}

/// The flags of the newest event.
async fn flags_of_newest(store: &dyn Store) -> Vec<String> {
    let newest = listed(store, &Filter::default()).await.remove(0);
    let event = store.show(&newest).await.expect("a read").expect("it is there").event;
    let event: serde_json::Value = serde_json::from_str(&event.expect("a text")).expect("JSON");
    let flags = event["data"]["flags"].as_array().expect("flags");
    flags.iter().map(|flag| flag.as_str().expect("a word").to_owned()).collect()
}

pub(in crate::store) async fn an_event_is_flagged_for_its_own_payment_only(place: &dyn Place) {
    let store = place.open();
    let pending = || {
        let mut event = outcome_event();
        event.reported.status = Some(EventStatus::Pending);
        Some(event)
    };
    let found_pending = QueryAnswer::Found {
        status: Some(EventStatus::Pending),
        provider_reference: None,
        amount_minor: Some(10_000),
        amount_unreadable: false,
        currency: None,
        answer: None,
    };

    // The end of an earlier call under the reference is not this one's.
    let first = lost(&*store, "A").await;
    store.close_case(&first, by_hand(Ruling::Rejected), telling(), T0).await.expect("settled");
    let second = lost(&*store, "A").await;
    assert_ne!(first, second);
    let asked = store.asked(&second, found_pending.clone(), rules(), times(T0, None), pending());
    asked.await.expect("stored");
    assert!(!flags_of_newest(&*store).await.contains(&"stale".to_owned()));

    // Nor is a notification that settled nothing, and its amount is not this event's.
    let payment = lost(&*store, "B").await;
    let wrong = Notification { amount_minor: Some(10_007), ..notice("B") };
    notify(&*store, event("wrong", Some("B")), wrong).await.expect("stored");
    assert!(flags_of_newest(&*store).await.contains(&"amount-mismatch".to_owned()));
    let asked = store.asked(&payment, found_pending, rules(), times(T0, None), pending()).await;
    assert!(asked.expect("stored").row.amount_differs, "it stays on record");
    let flags = flags_of_newest(&*store).await;
    assert!(!flags.iter().any(|flag| flag == "stale" || flag == "amount-mismatch"), "{flags:?}");

    // An earlier status of the same payment after its final one is.
    let payment = sending(&*store, "C").await;
    notify(&*store, event("final", Some("C")), notice("C")).await.expect("stored");
    let late = Notification { status: Some(EventStatus::Pending), ..notice("C") };
    let mut reported = event("late", Some("C"));
    reported.param =
        r#"{"eventName":"disbursement.success","transactionStatus":"PENDING","mchOrderId":"C"}"#
            .into();
    notify(&*store, reported, late).await.expect("stored");
    assert_eq!(view(&*store, &payment).await.row.payment.status, Some(EventStatus::Succeeded));
    assert!(flags_of_newest(&*store).await.contains(&"stale".to_owned()));
}

async fn events(store: &dyn Store) -> usize {
    listed(store, &Filter::default()).await.len()
}

fn by_hand(ruling: Ruling) -> Closure {
    Closure::ByHand { ruling, reason: "the bank says so".into() }
}

pub(in crate::store) async fn the_event_of_a_resolved_payment_is_stored_with_the_step(
    place: &dyn Place,
) {
    let store = place.open();
    let asked = lost(&*store, "ASKED").await;
    let row = store.at(T0).asked(&asked, found(), rules(), times(T0, None), telling()).await;
    assert!(row.expect("written down").row.just_resolved);
    let answered_late = lost(&*store, "ANSWERED").await;
    let accepted = answered(10_000, CodeMeaning::Accepted);
    let row = store.at(T0).conclude(&answered_late, 1, accepted, 0, telling(), T0).await;
    assert!(row.expect("written down").row.just_resolved);
    let ruled = lost(&*store, "RULED").await;
    let closure = by_hand(Ruling::Rejected);
    let row = store.at(T0).close_case(&ruled, closure, telling(), T0).await;
    assert!(row.expect("written down").row.just_resolved);
    // An acknowledged step is there after a kill: it depends on no later write.
    store.close().await.expect("closed");
    let store = place.open();
    assert_eq!(events(&*store).await, 3);
    let history = store.show_payment(&asked).await.expect("a read").expect("it is there").history;
    let detail = history.last().and_then(|entry| entry.detail.clone()).unwrap_or_default();
    assert!(detail.contains("event evt_"), "the history names the event: {detail}");
    assert!(!view(&*store, &asked).await.row.just_resolved, "it was resolved before this read");
}

pub(in crate::store) async fn a_step_whose_event_cannot_be_stored_is_not_taken(place: &dyn Place) {
    let store = place.open();
    let id = lost(&*store, "A").await;
    let mut row = view(&*store, &id).await.row;
    row.payment.state = State::Settled(Final::Accepted);
    row.payment.status = Some(EventStatus::Succeeded);
    // Another event already has the id of this one.
    let taken = NewEvent { id: outcome_event().complete(&row).id, ..event("other", None) };
    store.receive(taken).await.expect("stored");
    let asked = store.at(T0).asked(&id, found(), rules(), times(T0, Some(T0)), telling()).await;
    assert!(matches!(asked, Err(JournalError::Store(_))), "{asked:?}");
    assert_eq!(state(&*store, &id).await, State::Unknown { attempt: 1, since_ms: T0 });
    // An event made at another time has another id.
    let other = OutcomeEvent { at: Timestamp::UNIX_EPOCH, ..outcome_event() };
    let again = store.at(T0).asked(&id, found(), rules(), times(T0, None), Some(other)).await;
    assert!(again.expect("written down").row.just_resolved, "the next query resolves it");
    assert_eq!(events(&*store).await, 2);
}

pub(in crate::store) async fn a_step_that_resolves_nothing_makes_no_event(place: &dyn Place) {
    let store = place.open();
    let id = sending(&*store, "A").await;
    let accepted = answered(10_000, CodeMeaning::Accepted);
    let view = store.at(T0).conclude(&id, 1, accepted, 0, telling(), T0).await.expect("written");
    assert!(!view.row.just_resolved, "its caller got the answer, it was never in doubt");
    let id = lost(&*store, "B").await;
    let unclear = QueryAnswer::Unclear { reason: "no answer".into() };
    for answer in [QueryAnswer::NotFound, unclear] {
        let asked = store.at(T0).asked(&id, answer, rules(), times(T0, Some(T0)), telling()).await;
        assert!(!asked.expect("written down").row.just_resolved);
    }
    assert_eq!(events(&*store).await, 0);
    for _ in 0..2 {
        let asked = store.at(T0).asked(&id, found(), rules(), times(T0, None), telling()).await;
        asked.expect("written down");
    }
    assert_eq!(events(&*store).await, 1, "the second answer says nothing new");
}

pub(in crate::store) async fn a_notification_resolves_what_is_in_doubt_once(place: &dyn Place) {
    let store = place.open();
    lost(&*store, "A").await;
    let notice = notice("A");
    for (key, expected) in [("k1", true), ("k2", false)] {
        let received = notify(&*store, event(key, Some("A")), notice.clone()).await;
        let (_, noticed) = received.expect("stored");
        assert_eq!(noticed.row.expect("in the journal").just_resolved, expected, "{key}");
    }
}

pub(in crate::store) async fn only_a_payment_in_doubt_is_settled_by_hand(place: &dyn Place) {
    let store = place.open();
    let settle = async |id, ruling| {
        store.at(T0).close_case(id, by_hand(ruling), None, T0).await.map(|view| view.row.end())
    };
    let under_way = sending(&*store, "A").await;
    // As the command does it: another process, which first looks for dead ones.
    let elsewhere = place.open();
    elsewhere.at(T0).recover(T0).await.expect("looked through");
    let refused = elsewhere.at(T0).close_case(&under_way, by_hand(Ruling::Rejected), None, T0);
    let on_its_way = Forbidden::OnItsWay { attempt: 1 };
    assert!(
        matches!(refused.await, Err(JournalError::Forbidden { why, .. }) if why == on_its_way),
        "a living process is sending it"
    );
    conclude(&*store, &under_way, Conclusion::InDoubt { reason: "reset".into() }).await;
    assert_eq!(settle(&under_way, Ruling::Rejected).await, Ok(Some(Final::Rejected)));
    let again = settle(&under_way, Ruling::Accepted).await;
    assert!(matches!(again, Err(JournalError::Forbidden { .. })), "{again:?}");
    let history = store.show_payment(&under_way).await.expect("a read").expect("there").history;
    let last = history.last().expect("an entry");
    assert_eq!(last.what, "settled_by_hand");
    assert_eq!(last.detail.as_deref(), Some("rejected: the bank says so"));
}

pub(in crate::store) async fn a_jumping_wall_clock_brings_no_resend_and_no_query_forward(
    place: &dyn Place,
) {
    let store = place.open();
    let id = lost(&*store, "A").await;
    let ask = async |at_ms| {
        let asked = store.at(at_ms).asked(
            &id,
            QueryAnswer::NotFound,
            rules(),
            times(at_ms, Some(at_ms + 60_000)),
            None,
        );
        asked.await.expect("written down").row.payment.next(&rules())
    };
    assert_eq!(ask(T0 + 2_000).await, Next::Query);
    for jump_ms in [HOUR_MS, -5 * HOUR_MS, 400 * 24 * HOUR_MS] {
        store.clocks().jump(jump_ms);
        assert_eq!(ask(T0 + 2_800).await, Next::Query, "the grace period is not over");
        let claimed = store.at(T0 + 62_799).claim_unknown("shop", 10, LEASE_MS).await;
        assert!(claimed.expect("a claim").is_empty(), "its pause is not over");
        let found = place.open().at(T0 + HOLD_MS - 1).recover(T0).await.expect("looked through");
        assert_eq!(found.unknown, 0);
    }
    assert_eq!(ask(T0 + GRACE_MS).await, Next::Send);
    let due = store.at(T0 + GRACE_MS + 60_000).claim_unknown("shop", 10, LEASE_MS).await;
    assert_eq!(due.expect("a claim").len(), 1, "nor is it longer");
}
