//! Money-moving calls: one at a time per reference, recorded before they leave, and never claiming an outcome that is not known.

use super::super::{
    Begun, Conclusion, JournalError, NewPayment, PaymentFilter, PaymentId, PaymentView,
    QueryAnswer, QueryTimes, StoreError, StoredAnswer,
};
use super::*;
use crate::json::parse_object;
use crate::outcome::Outcome;
use crate::payment::{Final, Fingerprint, Forbidden, Next, Rules, State};
use crate::provider::{CodeMeaning, EventStatus, Flag, Provider};

pub(in crate::store) const HOLD_MS: i64 = 40_000;
pub(in crate::store) const GRACE_MS: i64 = 10_000;

pub(in crate::store) fn rules() -> Rules {
    Rules::new(GRACE_MS, 2)
}

/// A payout of account `shop`.
pub(in crate::store) fn payout(reference: &str) -> NewPayment {
    payout_of(reference, 10_000, T0)
}

pub(in crate::store) fn payout_of(reference: &str, amount_minor: i64, now_ms: i64) -> NewPayment {
    let parameters = format!(r#"{{"mchOrderId":"{reference}","amount":{amount_minor}}}"#);
    let provider = Provider::builtin("bluepay").expect("built in");
    let operation = provider.operation("payout_create").expect("an operation");
    let object = parse_object(parameters.as_bytes()).expect("JSON");
    NewPayment {
        id: PaymentId::generate(now_ms).expect("randomness"),
        account: "shop".into(),
        provider: "bluepay".into(),
        operation: "payout_create".into(),
        kind: Some("payout".into()),
        reference: reference.into(),
        fingerprint: Fingerprint::of(operation, &object),
        parameters,
        place: None,
        amount_minor: Some(amount_minor),
        currency: Some("THB".into()),
        notice_within_ms: Some(HOUR_MS),
        trace: None,
        now_ms,
        lease_ms: HOLD_MS,
    }
}

/// A payout whose attempt 1 is on its way.
pub(in crate::store) async fn sending(store: &dyn Store, reference: &str) -> PaymentId {
    let new = payout(reference);
    let id = new.id.clone();
    let begun = store.begin(new).await.expect("written down");
    assert!(matches!(begun, Begun::Fresh(_)), "`{reference}` was new: {begun:?}");
    assert_eq!(store.about_to_send(&id, rules(), T0).await, Ok(1));
    id
}

/// A payout whose attempt 1 was lost at `T0`.
pub(in crate::store) async fn lost(store: &dyn Store, reference: &str) -> PaymentId {
    let id = sending(store, reference).await;
    conclude(store, &id, Conclusion::InDoubt { reason: "reset".into() }).await;
    id
}

pub(in crate::store) async fn conclude(
    store: &dyn Store,
    id: &PaymentId,
    conclusion: Conclusion,
) -> PaymentView {
    store.conclude(id, 1, conclusion, 0, None, T0).await.expect("written down")
}

pub(in crate::store) fn answered(code: i64, meaning: CodeMeaning) -> Conclusion {
    let body = format!("{{\"code\": {code},\"data\":{{ \"x\":1.10}} }}");
    Conclusion::Answered {
        code,
        meaning,
        provider_reference: Some("D1".into()),
        answer: StoredAnswer { status: 200, body: body.into() },
    }
}

/// A query that is sent and answered at `now_ms`.
pub(in crate::store) fn times(now_ms: i64, next_query_at_ms: Option<i64>) -> QueryTimes {
    let query_after_ms = next_query_at_ms.map(|at_ms| at_ms - now_ms);
    QueryTimes { queried_at_ms: now_ms, query_after_ms, now_ms }
}

pub(in crate::store) async fn view(store: &dyn Store, id: &PaymentId) -> PaymentView {
    store.payment(id).await.expect("a read").expect("the payment is there")
}

pub(in crate::store) async fn state(store: &dyn Store, id: &PaymentId) -> State {
    view(store, id).await.row.payment.state
}

fn why<T: std::fmt::Debug>(result: Result<T, JournalError>) -> Forbidden {
    match result {
        Err(JournalError::Forbidden { why, .. }) => why,
        other => panic!("it must be forbidden: {other:?}"),
    }
}

pub(in crate::store) async fn forty_callers_of_one_reference_make_one_payment(place: &dyn Place) {
    let store = place.open();
    let callers: Vec<_> = (0..40)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.begin_sending(payout("A")).await })
        })
        .collect();
    let (mut fresh, mut known) = (0, 0);
    for caller in callers {
        match caller.await.expect("no panic").expect("answered") {
            Begun::Fresh(view) => {
                assert_eq!(view.row.payment.state, State::Sending { attempt: 1 });
                fresh += 1;
            }
            Begun::Known(_) => known += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((fresh, known), (1, 39), "exactly one of them may send");
}

pub(in crate::store) async fn the_same_call_again_gets_the_stored_answer(place: &dyn Place) {
    let store = place.open();
    let id = sending(&*store, "A").await;
    conclude(&*store, &id, answered(10_000, CodeMeaning::Accepted)).await;
    let Begun::Known(view) = store.begin(payout("A")).await.expect("known") else {
        panic!("it was made already");
    };
    let answer = view.answer.expect("an answer to repeat");
    assert_eq!(&answer.body[..], b"{\"code\": 10000,\"data\":{ \"x\":1.10} }", "byte for byte");
    assert_eq!((answer.status, view.answer_from_query), (200, false));
    assert_eq!(view.parameters, r#"{"mchOrderId":"A","amount":10000}"#);
    assert_eq!((view.row.id, view.row.provider_code), (id, Some(10_000)));
}

pub(in crate::store) async fn a_reference_with_other_parameters_is_recognised_as_different(
    place: &dyn Place,
) {
    let store = place.open();
    let id = sending(&*store, "A").await;
    let begun = store.begin(payout_of("A", 9, T0)).await.expect("answered");
    assert!(matches!(begun, Begun::Reused(view) if view.row.id == id));
    let mut elsewhere = payout_of("A", 9, T0);
    elsewhere.account = "shop-2".into();
    let begun = store.begin(elsewhere).await.expect("answered");
    assert!(matches!(begun, Begun::Fresh(_)), "another account has its own references");
    let mut refund = payout_of("A", 9, T0);
    refund.operation = "refund_create".into();
    let begun = store.begin(refund).await.expect("answered");
    assert!(matches!(begun, Begun::Fresh(_)), "another operation has its own references");
}

pub(in crate::store) async fn a_rejected_or_unsent_reference_may_be_used_again(place: &dyn Place) {
    let store = place.open();
    let rejected = sending(&*store, "A").await;
    let view = conclude(&*store, &rejected, answered(21_014, CodeMeaning::Refused)).await;
    assert_eq!(view.row.end(), Some(Final::Rejected));
    let begun = store.begin(payout_of("A", 9, T0)).await.expect("answered");
    let Begun::Fresh(second) = begun else { panic!("the reference is free: {begun:?}") };
    assert_eq!(second.row.generation, 2, "with other parameters too");
    let given_up =
        store.at(T0).give_up(&second.row.id, "no connection", T0).await.expect("allowed");
    assert_eq!(given_up.row.end(), Some(Final::NotSent));
    let begun = store.begin(payout("A")).await.expect("answered");
    assert!(matches!(begun, Begun::Fresh(view) if view.row.generation == 3));
    let found = store.find_payment("shop", "payout_create", "A").await.expect("a read");
    assert_eq!(found.map(|view| view.row.generation), Some(3), "the latest one counts");
}

pub(in crate::store) async fn a_forbidden_step_is_an_error_and_changes_nothing(place: &dyn Place) {
    let store = place.open();
    let id = lost(&*store, "A").await;
    let before = view(&*store, &id).await;
    assert_eq!(why(store.at(T0).about_to_send(&id, rules(), T0).await), Forbidden::QueryFirst);
    let never =
        store.at(T0).conclude(&id, 7, answered(10_000, CodeMeaning::Accepted), 0, None, T0).await;
    assert!(matches!(why(never), Forbidden::NeverAnnounced { attempt: 7, last: 1 }));
    assert_eq!(view(&*store, &id).await, before);
    let nobody = PaymentId::generate(T0).expect("randomness");
    let nothing = store.at(T0).about_to_send(&nobody, rules(), T0).await;
    assert_eq!(nothing, Err(JournalError::NoSuchPayment(nobody)));
}

pub(in crate::store) async fn a_lost_payment_is_sent_again_only_when_it_is_provably_absent(
    place: &dyn Place,
) {
    let store = place.open();
    let id = lost(&*store, "A").await;
    let ask = |at_ms: i64| {
        let (store, id) = (store.clone(), id.clone());
        async move {
            let asked = store.at(at_ms).asked(
                &id,
                QueryAnswer::NotFound,
                rules(),
                times(at_ms, Some(at_ms)),
                None,
            );
            asked.await.expect("written down").row
        }
    };
    assert_eq!(ask(T0 + 1_000).await.payment.next(&rules()), Next::Query);
    let again = store.at(T0 + 1_000).about_to_send(&id, rules(), T0 + 1_000).await;
    assert_eq!(why(again), Forbidden::QueryFirst, "not found once is not proof");
    let row = ask(T0 + GRACE_MS).await;
    assert_eq!((row.queries, row.payment.next(&rules())), (2, Next::Send));
    let resends: Vec<_> = (0..10)
        .map(|_| {
            let (store, id) = (store.clone(), id.clone());
            tokio::spawn(async move {
                store.at(T0 + GRACE_MS).about_to_send(&id, rules(), T0 + GRACE_MS).await
            })
        })
        .collect();
    let mut sent = 0;
    for resend in resends {
        sent += usize::from(resend.await.expect("no panic").is_ok());
    }
    assert_eq!(sent, 1, "ten callers who want to resend it send one attempt");
}

pub(in crate::store) async fn a_lost_payment_is_handed_out_once_and_again_when_it_is_due(
    place: &dyn Place,
) {
    let store = place.open();
    let id = lost(&*store, "A").await;
    let claim = |now_ms| store.at(now_ms).claim_unknown("shop", 10, LEASE_MS);
    let elsewhere = store.at(T0).claim_unknown("shop-2", 10, LEASE_MS).await.expect("a claim");
    assert!(elsewhere.is_empty(), "it is another account's");
    let claimed = claim(T0).await.expect("a claim");
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].parameters, r#"{"mchOrderId":"A","amount":10000}"#, "for the query");
    assert!(claim(T0).await.expect("a claim").is_empty(), "somebody asks already");
    let unclear = QueryAnswer::Unclear { reason: "status 500".into() };
    let next = Some(T0 + 90_000);
    store.at(T0).asked(&id, unclear, rules(), times(T0, next), None).await.expect("written down");
    assert!(claim(T0 + 89_999).await.expect("a claim").is_empty(), "not before it is due");
    assert_eq!(claim(T0 + 90_000).await.expect("a claim").len(), 1);
    let dead = T0 + 90_000 + LEASE_MS;
    assert_eq!(claim(dead).await.expect("a claim").len(), 1, "whoever asked has died");
}

pub(in crate::store) async fn a_found_payment_is_settled_and_its_answer_kept(place: &dyn Place) {
    let store = place.open();
    let id = lost(&*store, "A").await;
    let found = |status| QueryAnswer::Found {
        status: Some(status),
        provider_reference: Some("D9".into()),
        amount_minor: Some(10_000),
        amount_unreadable: false,
        currency: None,
        answer: Some(StoredAnswer { status: 200, body: "{}".into() }),
    };
    let asked = store.at(T0).asked(
        &id,
        found(EventStatus::Pending),
        rules(),
        times(T0, Some(T0 + 5)),
        None,
    );
    let row = asked.await.expect("written down").row;
    assert_eq!((row.end(), row.settled_at_ms), (Some(Final::Accepted), Some(T0)));
    assert_eq!(row.next_query_at_ms, Some(T0 + 5), "its outcome is still to be queried");
    let view = view(&*store, &id).await;
    assert_eq!((view.answer.is_some(), view.answer_from_query), (true, true));
    let asked = store.at(T0 + 5).asked(
        &id,
        found(EventStatus::Succeeded),
        rules(),
        times(T0 + 5, Some(T0 + 9)),
        None,
    );
    let row = asked.await.expect("written down").row;
    let unnoticed = Some(T0 + 5 + HOUR_MS);
    assert_eq!(
        row.next_query_at_ms, unnoticed,
        "only its caller knows, unless the provider sends a notification"
    );
    assert_eq!(row.payment.status, Some(EventStatus::Succeeded));
    let late = conclude(&*store, &id, answered(10_000, CodeMeaning::Accepted)).await;
    assert!(!late.answer_from_query, "the create's own answer is preferred to a query's");
}

pub(in crate::store) async fn a_payment_found_with_other_values_settles_nothing(place: &dyn Place) {
    let store = place.open();
    let found = |amount_minor, amount_unreadable, id: &str| QueryAnswer::Found {
        status: Some(EventStatus::Succeeded),
        provider_reference: Some(id.into()),
        amount_minor,
        amount_unreadable,
        currency: Some("THB".into()),
        answer: Some(StoredAnswer { status: 200, body: "{}".into() }),
    };
    let id = lost(&*store, "A").await;
    for (found, flag) in [
        (found(Some(30_000), false, "D1"), Flag::AmountMismatch),
        (found(None, true, "D1"), Flag::AmountUnreadable),
    ] {
        let asked = store.asked(&id, found, rules(), times(T0, Some(T0 + 5)), None).await;
        let view = asked.expect("written down");
        assert_eq!(view.row.payment.outcome(), Some(Outcome::Unknown), "{flag:?}");
        assert_eq!(view.row.just_flagged, [flag]);
        assert_eq!((view.row.provider_reference, view.answer), (None, None));
        assert_eq!(view.row.next_query_at_ms, Some(T0 + 5), "it is asked about again");
    }
    for at in [T0 + GRACE_MS, T0 + 2 * GRACE_MS] {
        let asked = store.asked(&id, QueryAnswer::NotFound, rules(), times(at, None), None).await;
        assert_eq!(asked.expect("written down").row.payment.next(&rules()), Next::Query);
    }
    let ours = found(Some(10_000), false, "D1");
    let asked = store.asked(&id, ours, rules(), times(T0 + 90_000, Some(T0)), None).await;
    let row = asked.expect("written down").row;
    assert_eq!(
        (row.end(), row.amount_differs),
        (Some(Final::Accepted), true),
        "it stays on record"
    );
    let second = found(Some(10_000), false, "D2");
    let asked = store.asked(&id, second, rules(), times(T0 + 90_001, None), None).await;
    let row = asked.expect("written down").row;
    assert_eq!(row.just_flagged, [Flag::ConflictingReference]);
    assert_eq!(row.provider_reference.as_deref(), Some("D1"));
    assert_eq!(row.conflicting_reference.as_deref(), Some("D2"));
}

pub(in crate::store) async fn an_accepted_payment_without_a_notification_is_queried(
    place: &dyn Place,
) {
    let store = place.open();
    let id = sending(&*store, "A").await;
    conclude(&*store, &id, answered(10_000, CodeMeaning::Accepted)).await;
    let mut silent = payout("B");
    silent.notice_within_ms = None;
    let silent_id = silent.id.clone();
    store.begin_sending(silent).await.expect("written down");
    conclude(&*store, &silent_id, answered(10_000, CodeMeaning::Accepted)).await;
    let claim = |now_ms| store.at(now_ms).claim_unnoticed("shop", 10, LEASE_MS);
    assert!(claim(T0 + HOUR_MS - 1).await.expect("a claim").is_empty(), "there is time");
    let claimed = claim(T0 + HOUR_MS).await.expect("a claim");
    let ids: Vec<_> = claimed.into_iter().map(|view| view.row.id).collect();
    assert_eq!(ids, [id], "only payments that expect a notification");
}

pub(in crate::store) async fn waiting_callers_are_woken_when_the_payment_takes_a_step(
    place: &dyn Place,
) {
    let store = place.open();
    let id = sending(&*store, "A").await;
    let mut changes = store.payment_changes(&id);
    let mut unknown = store.unknown_changes("shop");
    conclude(&*store, &id, Conclusion::InDoubt { reason: "time-out".into() }).await;
    changes.changed().await.expect("the store lives");
    unknown.changed().await.expect("the store lives");
    assert_eq!(state(&*store, &id).await, State::Unknown { attempt: 1, since_ms: T0 });
}

pub(in crate::store) async fn a_frozen_account_begins_and_sends_nothing(place: &dyn Place) {
    let store = place.open();
    let new = payout("A");
    let id = new.id.clone();
    store.begin(new).await.expect("written down");
    let paid = sending(&*store, "P").await;
    conclude(&*store, &paid, answered(10_000, CodeMeaning::Accepted)).await;
    // By another process, as `countersign freeze` does it.
    place.open().at(T0).freeze("shop", "fraud?", T0).await.expect("frozen");
    let sent = store.at(T0).about_to_send(&id, rules(), T0).await;
    assert!(matches!(sent, Err(JournalError::Frozen(freeze)) if freeze.reason == "fraud?"));
    let begun = store.begin(payout("B")).await.expect("answered");
    assert!(matches!(begun, Begun::Frozen(_)), "{begun:?}");
    let begun = store.begin(payout("P")).await.expect("answered");
    assert!(matches!(begun, Begun::Known(_)), "an earlier answer is still repeated");
    assert_eq!(store.freezes().await.expect("a read").len(), 1);
    assert_eq!(store.unfreeze("shop").await, Ok(true));
    assert_eq!(store.unfreeze("shop").await, Ok(false));
    assert_eq!(store.at(T0).about_to_send(&id, rules(), T0).await, Ok(1));
}

pub(in crate::store) async fn a_closed_journal_begins_nothing(place: &dyn Place) {
    let store = place.open();
    store.close().await.expect("closed");
    assert_eq!(store.begin(payout("A")).await.err(), Some(StoreError::Closed));
    let none = PaymentFilter::default();
    assert_eq!(store.list_payments(&none, None, 10).await.err(), Some(StoreError::Closed));
}

pub(in crate::store) async fn recent_payments_are_added_up_and_those_without_effect_are_not(
    place: &dyn Place,
) {
    let store = place.open();
    sending(&*store, "A").await;
    lost(&*store, "B").await;
    let accepted = sending(&*store, "C").await;
    conclude(&*store, &accepted, answered(10_000, CodeMeaning::Accepted)).await;
    let rejected = sending(&*store, "D").await;
    conclude(&*store, &rejected, answered(21_014, CodeMeaning::Refused)).await;
    let unsent = sending(&*store, "E").await;
    conclude(&*store, &unsent, Conclusion::NotSent { reason: "refused".into() }).await;
    store.begin(payout("F")).await.expect("recorded, and not attempted");
    let mut void = payout("G");
    (void.operation, void.amount_minor) = ("payment_void".into(), None);
    store.begin_sending(void).await.expect("written down");
    let mut huge = payout_of("H", i64::MAX, T0);
    huge.account = "shop-2".into();
    store.at(T0 + 600_000).begin_sending(huge).await.expect("written down");
    let mut huge = payout_of("I", i64::MAX, T0);
    huge.account = "shop-2".into();
    store.at(T0 + 600_001).begin_sending(huge).await.expect("written down");
    let spent = async |since_ms| {
        let mut spent = store.spendings(since_ms).await.expect("a read");
        spent.sort_by_key(|spending| spending.at_ms);
        spent.into_iter().map(|spending| (spending.account, spending.amount_minor, spending.at_ms))
    };
    let twice = i64::MAX.unsigned_abs() * 2;
    let late = ("shop-2".to_owned(), twice, T0 + 600_001);
    let all = spent(T0).await.collect::<Vec<_>>();
    assert_eq!(all, [("shop".to_owned(), 30_000, T0), late.clone()]);
    assert_eq!(spent(T0 + 1).await.collect::<Vec<_>>(), [late], "what left before is over");
}
