//! Notifications about payments: the event and the settlement are one write.

use super::super::{
    Begun, Closure, Conclusion, JournalError, Noticed, Notification, NotificationEvent,
    PaymentFilter, PaymentId, QueryAnswer, Received, StoreError, StoredAnswer,
};
use super::paying::{
    answered, conclude, lost, payout, payout_of, rules, sending, state, times, view,
};
use super::*;
use crate::outcome::Outcome;
use crate::payment::{Final, Ruling, State};
use crate::provider::{CodeMeaning, EventStatus, Flag};

pub(in crate::store) fn notice(reference: &str) -> Notification {
    Notification {
        account: "shop".into(),
        kind: "payout".into(),
        reference: Some(reference.into()),
        provider_reference: Some("D1".into()),
        status: Some(EventStatus::Succeeded),
        amount_minor: Some(10_000),
        amount_unreadable: false,
        currency: Some("THB".into()),
        created_at_ms: None,
        is_journalled: true,
        names_another: false,
        neighbours: vec!["shop-2".into()],
        event_id: EventId::generate(T0).expect("randomness"),
        dedupe_key: String::new(),
        received_at_ms: T0,
    }
}

/// Lets the store receive `notice` together with `event`.
pub(in crate::store) async fn notify(
    store: &dyn Store,
    event: NewEvent,
    notice: Notification,
) -> Result<(Received, Noticed), StoreError> {
    let notice = Notification {
        event_id: event.id.clone(),
        dedupe_key: event.dedupe_key.clone(),
        received_at_ms: event.received_at_ms,
        ..notice
    };
    let mut reported = normalised(&event.param);
    reported.reference.clone_from(&event.reference);
    let (body, verified_by) = (event.body, event.verified_by);
    let event = NotificationEvent { event: reported, body, verified_by, is_traced: false };
    store.receive_notification(notice, event).await
}

/// Under a key of its own.
async fn told(store: &dyn Store, notice: Notification) -> Noticed {
    let key = EventId::generate(T0).expect("randomness");
    let mut event = event(key.as_str(), notice.reference.as_deref());
    event.account.clone_from(&notice.account);
    let (received, noticed) = notify(store, event, notice).await.expect("stored");
    assert_eq!(received, Received::Stored);
    noticed
}

pub(in crate::store) async fn a_notification_settles_a_payment_whatever_its_state(
    place: &dyn Place,
) {
    let store = place.open();
    let on_its_way = sending(&*store, "A").await;
    let lost = lost(&*store, "B").await;
    for (id, reference) in [(on_its_way, "A"), (lost, "B")] {
        let received = notify(&*store, event(reference, Some(reference)), notice(reference));
        let (received, settled) = received.await.expect("stored");
        assert_eq!((received, &settled.flags[..]), (Received::Stored, &[][..]));
        let row = settled.row.expect("it is in the journal");
        assert_eq!((&row.id, row.end()), (&id, Some(Final::Accepted)));
        assert_eq!(row.payment.status, Some(EventStatus::Succeeded));
        assert_eq!((row.notified_at_ms, row.next_query_at_ms), (Some(T0), None));
    }
    assert_eq!(claim(&store, T0).await.len(), 2, "both events are to be delivered");
}

pub(in crate::store) async fn a_repeated_notification_settles_nothing_again(place: &dyn Place) {
    let store = place.open();
    let id = sending(&*store, "A").await;
    notify(&*store, event("k", Some("A")), notice("A")).await.expect("stored");
    let before = view(&*store, &id).await;
    let again = notify(&*store, event_at("k", Some("A"), T0 + 9), notice("A")).await;
    let (received, settled) = again.expect("acknowledged");
    assert!(matches!(received, Received::Duplicate { .. }));
    assert_eq!(settled, Noticed::default());
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
    notify(&*store, clash, notice("A")).await.expect_err("the id is taken");
    assert_eq!(view(&*store, &id).await.row.payment.state, State::Sending { attempt: 1 });
}

pub(in crate::store) async fn a_notification_with_other_values_settles_nothing(place: &dyn Place) {
    let store = place.open();
    let other = |amount_minor, amount_unreadable, currency: Option<&str>| Notification {
        amount_minor,
        amount_unreadable,
        currency: currency.map(str::to_owned),
        ..notice("A")
    };
    let cases = [
        (other(Some(10_001), false, Some("THB")), Flag::AmountMismatch),
        (other(Some(10_000), false, Some("USD")), Flag::AmountMismatch),
        (other(None, true, Some("THB")), Flag::AmountUnreadable),
    ];
    for (number, (differs, flag)) in cases.into_iter().enumerate() {
        let reference = format!("A{number}");
        let id = lost(&*store, &reference).await;
        let noticed = told(&*store, Notification { reference: Some(reference), ..differs }).await;
        assert_eq!(noticed.flags, [flag]);
        let row = view(&*store, &id).await.row;
        assert_eq!(row.payment.outcome(), Some(Outcome::Unknown), "{flag:?}");
        assert_eq!(row.amount_differs, flag == Flag::AmountMismatch, "it stays on record");
        assert_eq!((row.provider_reference, row.notified_at_ms), (None, None));
        let late = conclude(&*store, &id, answered(21_014, CodeMeaning::Refused)).await;
        assert_eq!(
            late.row.payment.outcome(),
            Some(Outcome::Unknown),
            "the provider has a payment"
        );
    }
    sending(&*store, "S").await;
    let silent = Notification { amount_minor: None, currency: None, ..notice("S") };
    assert_eq!(told(&*store, silent).await.flags, [], "a missing member contradicts nothing");
    for stranger in [
        notice("B"),
        Notification { kind: "refund".into(), ..notice("S") },
        Notification { account: "shop-3".into(), neighbours: Vec::new(), ..notice("S") },
        Notification { reference: None, provider_reference: Some("D9".into()), ..notice("S") },
        Notification { reference: None, provider_reference: None, ..notice("S") },
    ] {
        let noticed = told(&*store, stranger.clone()).await;
        assert_eq!(
            (noticed.row, &noticed.flags[..]),
            (None, &[Flag::Unexpected][..]),
            "{stranger:?}"
        );
    }
}

pub(in crate::store) async fn a_second_transaction_of_one_reference_is_seen_and_settles_nothing(
    place: &dyn Place,
) {
    let store = place.open();
    let id = lost(&*store, "A").await;
    assert_eq!(told(&*store, notice("A")).await.flags, []);
    let second = Notification {
        provider_reference: Some("D2".into()),
        status: Some(EventStatus::Failed),
        ..notice("A")
    };
    let noticed = told(&*store, second.clone()).await;
    assert_eq!(noticed.flags, [Flag::ConflictingReference]);
    let row = view(&*store, &id).await.row;
    assert_eq!(row.provider_reference.as_deref(), Some("D1"), "the first is not forgotten");
    assert_eq!(row.conflicting_reference.as_deref(), Some("D2"), "and the second is on record");
    assert_eq!(row.payment.status, Some(EventStatus::Succeeded), "it did not fail");
    let history = store.show_payment(&id).await.expect("a read").expect("it is there").history;
    let detail = history.last().and_then(|entry| entry.detail.clone()).unwrap_or_default();
    assert!(detail.ends_with("conflicting-reference"), "{detail}");
    let filter = PaymentFilter { conflicting: true, ..PaymentFilter::default() };
    let listed = store.list_payments(&filter, None, 10).await.expect("a listing").payments;
    assert_eq!(listed.iter().map(|row| &row.id).collect::<Vec<_>>(), [&id]);
}

pub(in crate::store) async fn a_notification_for_another_account_settles_nothing(
    place: &dyn Place,
) {
    let store = place.open();
    let at = |account: &str| Notification {
        account: account.into(),
        neighbours: ["shop", "shop-2"]
            .into_iter()
            .filter(|it| *it != account)
            .map(Into::into)
            .collect(),
        ..notice("A")
    };
    let id = lost(&*store, "A").await;
    let noticed = told(&*store, at("shop-2")).await;
    assert_eq!(noticed.flags, [Flag::Unexpected, Flag::OtherAccount], "only `shop` knows it");
    let named = Notification { names_another: true, ..at("shop") };
    assert_eq!(told(&*store, named).await.flags, [Flag::OtherAccount], "it says so itself");
    assert_eq!(view(&*store, &id).await.row.payment.outcome(), Some(Outcome::Unknown));

    // Both have a payment under that reference, and nothing shows which one is meant.
    let mut theirs = payout("A");
    theirs.account = "shop-2".into();
    let their_id = theirs.id.clone();
    store.begin_sending(theirs).await.expect("written down");
    for account in ["shop", "shop-2"] {
        let noticed = told(&*store, at(account)).await;
        assert_eq!((noticed.row, &noticed.flags[..]), (None, &[Flag::OtherAccount][..]));
    }
    // A status query decides: it is sent in the account's own name.
    let found = QueryAnswer::Found {
        status: Some(EventStatus::Pending),
        provider_reference: Some("D1".into()),
        amount_minor: Some(10_000),
        amount_unreadable: false,
        currency: None,
        answer: None,
    };
    store.asked(&id, found, rules(), times(T0, None), None).await.expect("written down");
    assert_eq!(told(&*store, at("shop")).await.flags, []);
    assert_eq!(view(&*store, &id).await.row.payment.status, Some(EventStatus::Succeeded));
    assert_eq!(told(&*store, at("shop-2")).await.flags, [Flag::OtherAccount]);
    assert_eq!(state(&*store, &their_id).await, State::Sending { attempt: 1 });

    // Payments that are in no journal are distinguished by where their notifications arrived earlier.
    let first = stored(&*store, "ticket", None).await;
    let mut again = event("ticket", None);
    again.account = "shop-2".into();
    let stranger = Notification { is_journalled: false, reference: None, ..at("shop-2") };
    let (_, noticed) = notify(&*store, again, stranger).await.expect("stored");
    assert_eq!(noticed.flags, [Flag::OtherAccount], "{first} came for `shop`");
}

/// A refused call, and the next one under its reference, begun `later_ms` afterwards.
async fn refused_and_begun_anew(
    store: &dyn Store,
    reference: &str,
    later_ms: i64,
) -> [PaymentId; 2] {
    refused_and_begun_anew_with(store, reference, 10_000, later_ms).await
}

/// The same, with another amount for the second one.
async fn refused_and_begun_anew_with(
    store: &dyn Store,
    reference: &str,
    amount_minor: i64,
    later_ms: i64,
) -> [PaymentId; 2] {
    let first = sending(store, reference).await;
    let refused = Conclusion::Answered {
        code: 21_014,
        meaning: CodeMeaning::Refused,
        provider_reference: None,
        answer: StoredAnswer { status: 200, body: "{}".into() },
    };
    conclude(store, &first, refused).await;
    let begun = store.begin_sending(payout_of(reference, amount_minor, T0 + later_ms)).await;
    let Ok(Begun::Fresh(second)) = begun else { panic!("the reference is free") };
    [first, second.row.id]
}

pub(in crate::store) async fn a_notification_finds_its_generation(place: &dyn Place) {
    let store = place.open();
    let [first, second] = refused_and_begun_anew(&*store, "A", 0).await;
    let noticed = told(&*store, notice("A")).await;
    assert_eq!(noticed.row.expect("known").id, second, "the latest, where nothing else decides");
    let other = Notification { provider_reference: Some("D2".into()), ..notice("A") };
    let noticed = told(&*store, other).await;
    assert_eq!(noticed.flags, [Flag::ConflictingReference], "and not the earlier one");
    assert_eq!(state(&*store, &first).await, State::Settled(Final::Rejected));

    let [first, second] = refused_and_begun_anew(&*store, "B", 600_000).await;
    let old = Notification { created_at_ms: Some(T0 + 1_000), ..notice("B") };
    let noticed = told(&*store, old.clone()).await;
    assert_eq!(noticed.flags, [Flag::EarlierCall, Flag::Contradicted]);
    let row = noticed.row.expect("known");
    assert_eq!((&row.id, row.end(), row.contradicted), (&first, Some(Final::Accepted), true));
    assert_eq!(view(&*store, &second).await.row.payment.outcome(), Some(Outcome::Unknown));

    let [_, second] = refused_and_begun_anew(&*store, "C", 600_000).await;
    let new = Notification { created_at_ms: Some(T0 + 599_000), ..notice("C") };
    let noticed = told(&*store, new).await;
    assert_eq!(noticed.row.expect("known").id, second, "clocks differ by a second");

    let [first, _] = refused_and_begun_anew_with(&*store, "D", 20_000, 0).await;
    let noticed = told(&*store, notice("D")).await;
    assert_eq!(noticed.flags, [Flag::EarlierCall, Flag::Contradicted], "only it was of 100.00");
    assert_eq!(noticed.row.expect("known").id, first);
}

pub(in crate::store) async fn a_contradicted_rejection_stops_a_call_that_has_not_left(
    place: &dyn Place,
) {
    let store = place.open();
    let old =
        |reference: &str| Notification { created_at_ms: Some(T0 + 1_000), ..notice(reference) };

    // Announced: it may have left.
    let [first, second] = refused_and_begun_anew(&*store, "A", 600_000).await;
    assert_eq!(told(&*store, old("A")).await.flags, [Flag::EarlierCall, Flag::Contradicted]);
    let row = view(&*store, &second).await.row;
    assert_eq!(row.payment.outcome(), Some(Outcome::Unknown), "its attempt is no longer allowed");
    assert_eq!(row.next_query_at_ms, Some(T0));
    let resend = store.about_to_send(&second, rules(), T0 + 700_000).await;
    assert!(matches!(resend, Err(JournalError::Forbidden { .. })), "{resend:?}");
    // It had not left, and the payment that the provider has is the first.
    let unsent = Conclusion::NotSent { reason: "no longer allowed".into() };
    conclude(&*store, &second, unsent).await;
    let found = QueryAnswer::Found {
        status: Some(EventStatus::Succeeded),
        provider_reference: Some("D1".into()),
        amount_minor: Some(10_000),
        amount_unreadable: false,
        currency: None,
        answer: None,
    };
    let asked = store.asked(&second, found.clone(), rules(), times(T0 + 700_000, None), None).await;
    assert_eq!(asked.expect("written down").row.end(), Some(Final::Rejected));
    let begun = store.begin_sending(payout_of("A", 10_000, T0 + 700_000)).await;
    assert!(matches!(begun, Ok(Begun::Known(known)) if known.row.id == first));
    let begun = store.begin_sending(payout_of("A", 1, T0 + 700_000)).await;
    assert!(matches!(begun, Ok(Begun::Reused(known)) if known.row.id == first));
    let standing = store.find_payment("shop", "payout_create", "A").await.expect("a read");
    assert_eq!(standing.expect("there").row.id, first);

    // It may have left, so a payment found under its ids may be its own or the other one.
    let [_, second] = refused_and_begun_anew(&*store, "B", 600_000).await;
    told(&*store, old("B")).await;
    let asked = store.asked(&second, found.clone(), rules(), times(T0 + 700_000, None), None).await;
    let row = asked.expect("written down").row;
    assert_eq!(row.payment.outcome(), Some(Outcome::Unknown), "that is the first one's");
    assert_eq!(row.just_flagged, [Flag::EarlierCall]);

    // Only recorded.
    let first = sending(&*store, "C").await;
    let nothing = answered(21_014, CodeMeaning::Refused);
    conclude(&*store, &first, nothing).await;
    let waiting = payout_of("C", 10_000, T0 + 1);
    let second = waiting.id.clone();
    store.begin(waiting).await.expect("written down");
    let noticed = told(&*store, notice("C")).await;
    assert_eq!(noticed.row.expect("known").id, first);
    assert_eq!(state(&*store, &second).await, State::Settled(Final::NotSent));
    let sent = store.about_to_send(&second, rules(), T0 + 2).await;
    assert!(matches!(sent, Err(JournalError::Forbidden { .. })), "{sent:?}");

    // By the late answer to an attempt that was given up.
    let first = lost(&*store, "D").await;
    let by_hand = Closure::ByHand { ruling: Ruling::Rejected, reason: "the bank says so".into() };
    store.close_case(&first, by_hand.clone(), None, T0).await.expect("settled");
    let waiting = payout_of("D", 10_000, T0 + 1);
    let second = waiting.id.clone();
    store.begin(waiting).await.expect("written down");
    let late = conclude(&*store, &first, answered(21_007, CodeMeaning::Landed)).await;
    assert_eq!(late.row.payment.outcome(), Some(Outcome::Unknown));
    assert_eq!(
        (late.row.contradicted, &late.row.just_flagged[..]),
        (true, &[Flag::Contradicted][..])
    );
    assert_eq!(state(&*store, &second).await, State::Settled(Final::NotSent));

    // By the answer to a query that was under way while it was settled.
    let first = lost(&*store, "E").await;
    store.close_case(&first, by_hand, None, T0).await.expect("settled");
    let waiting = payout_of("E", 10_000, T0 + 1);
    let second = waiting.id.clone();
    store.begin(waiting).await.expect("stored");
    let late =
        store.asked(&first, found, rules(), times(T0 + 2, None), None).await.expect("stored");
    assert_eq!((late.row.end(), late.row.contradicted), (Some(Final::Accepted), true));
    assert_eq!(state(&*store, &second).await, State::Settled(Final::NotSent));
}

pub(in crate::store) async fn a_settled_payment_records_the_late_end_of_its_attempt(
    place: &dyn Place,
) {
    let store = place.open();
    let id = sending(&*store, "A").await;
    notify(&*store, event("k", Some("A")), notice("A")).await.expect("stored");
    let late = Conclusion::InDoubt { reason: "time-out".into() };
    let view = conclude(&*store, &id, late).await;
    assert_eq!(view.row.end(), Some(Final::Accepted));
    assert_eq!(view.row.next_query_at_ms, None, "there is nothing to ask");
}
