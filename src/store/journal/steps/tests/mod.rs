//! What steps decide, without any store: each test is a row, an input and what changes.

mod notifications;

use super::*;
use crate::payment::{Fingerprint, Input, Rules, Ruling};
use crate::provider::{CodeMeaning, EventStatus};
use crate::store::conformance::outcome_event;
use crate::store::observe::{Change, Subject, change, uncertain_change};
use crate::store::{
    Begun, Closure, Conclusion, Leave, NewPayment, PaymentId, QueryAnswer, QueryTimes, Recovered,
};

const NOW: i64 = 1_000_000;
const RULES: Rules = Rules::new(10_000, 2);
const AT: Moment = Moment { time_ms: NOW, date_ms: 7 };

fn new(reference: &str) -> NewPayment {
    NewPayment {
        id: PaymentId::from_parts(1, [7; 10]),
        account: "shop".into(),
        provider: "bluepay".into(),
        operation: "payout_create".into(),
        kind: Some("payout".into()),
        reference: reference.into(),
        fingerprint: Fingerprint::from_bytes([1; 32]),
        parameters: "{}".into(),
        place: None,
        amount_minor: Some(100),
        currency: Some("THB".into()),
        notice_within_ms: Some(3_000),
        trace: None,
        now_ms: 7,
        lease_ms: 40_000,
    }
}

/// A payment that was begun, and what `inputs` made of it.
fn view(inputs: &[Input]) -> PaymentView {
    let Begun::Fresh(view) = begin(&new("A"), vec![], None, "me", NOW) else { panic!("it is new") };
    let payment = inputs.iter().fold(view.row.payment, |payment, input| {
        crate::payment::step(&payment, *input, NOW).expect("allowed").payment
    });
    PaymentView { row: PaymentRow { payment, sequence: 1, ..view.row }, ..view }
}

const LOST: [Input; 2] = [Input::FirstAttempt, Input::InDoubt { attempt: 1 }];

fn changes(step: Step, view: &PaymentView, facts: Facts) -> Changes {
    decide(&step, view, facts, NOW).expect("allowed").expect("something changes")
}

fn conclude(conclusion: Conclusion) -> Step {
    let event = Some(Box::new(outcome_event()));
    Step::Conclude { attempt: 1, conclusion, query_after_ms: 500, event, now_ms: 7 }
}

fn answered(meaning: CodeMeaning, body: &'static str) -> Conclusion {
    Conclusion::Answered {
        code: 10_000,
        meaning,
        provider_reference: Some("D1".into()),
        answer: StoredAnswer { status: 200, body: body.into() },
    }
}

fn asked(answer: QueryAnswer, event: Option<Box<OutcomeEvent>>) -> Step {
    let times = QueryTimes { queried_at_ms: NOW, query_after_ms: Some(900), now_ms: 7 };
    Step::Queried { answer, rules: RULES, times, event }
}

fn found(provider_reference: &str) -> QueryAnswer {
    QueryAnswer::Found {
        status: Some(EventStatus::Succeeded),
        provider_reference: Some(provider_reference.into()),
        amount_minor: Some(100),
        amount_unreadable: false,
        currency: None,
        answer: Some(StoredAnswer { status: 200, body: "query".into() }),
    }
}

fn words(changes: &Changes) -> (&str, &str, Option<&str>) {
    let entry = changes.entry.as_ref().expect("an entry of the history");
    (&entry.what, &entry.state, entry.detail.as_deref())
}

#[test]
fn a_reference_is_taken_until_its_call_came_to_nothing() {
    let freeze = Freeze { account: "shop".into(), reason: "r".into(), since_ms: 0 };
    let view = |inputs: &[Input], sequence, generation| {
        let view = view(inputs);
        PaymentView { row: PaymentRow { sequence, generation, ..view.row }, ..view }
    };
    let (open, ended) = (view(&LOST, 1, 1), view(&[Input::GaveUp], 2, 4));
    let begin =
        |latest: &[PaymentView], freeze| begin(&new("A"), latest.to_vec(), freeze, "me", NOW);
    let Begun::Fresh(fresh) = begin(std::slice::from_ref(&ended), None) else {
        panic!("it is free")
    };
    assert_eq!((fresh.row.generation, fresh.row.leased_until_ms), (5, NOW + 40_000));
    let entry = begun(&fresh.row);
    assert_eq!((entry.what.as_str(), entry.state.as_str(), entry.at_ms), ("begun", "ready", 7));
    let both = [open.clone(), ended.clone()];
    assert!(matches!(begin(&both, Some(freeze.clone())), Begun::Known(known) if known == open));
    assert_eq!(standing(both.to_vec()), Some(open.clone()), "what may be made counts");
    let fingerprint = Fingerprint::from_bytes([2; 32]);
    let other = PaymentView { row: PaymentRow { fingerprint, ..open.row.clone() }, ..open };
    assert!(matches!(begin(&[other], None), Begun::Reused(_)));
    assert!(matches!(begin(&[ended], Some(freeze)), Begun::Frozen(_)));
}

#[test]
fn a_lease_is_a_day_at_most() {
    let long = NewPayment { lease_ms: i64::MAX, ..new("A") };
    let Begun::Fresh(view) = begin(&long, vec![], None, "me", NOW) else { panic!("it is new") };
    assert_eq!(view.row.leased_until_ms, NOW + 24 * 60 * 60 * 1000);
}

#[test]
fn what_never_left_is_recorded_late_only_where_the_reference_was_not_used_since() {
    let begun = |inputs: &[Input], begun_at_ms| {
        let view = view(inputs);
        [PaymentView { row: PaymentRow { begun_at_ms, ..view.row }, ..view }]
    };
    assert!(may_be_begun_late(&new("A"), &begun(&[Input::GaveUp], 6)));
    assert!(!may_be_begun_late(&new("A"), &begun(&[Input::GaveUp], 7)));
    assert!(!may_be_begun_late(&new("A"), &begun(&LOST, 6)));
    let done = end_unsent(&view(&[]).row, "no room", AT).expect("allowed").expect("it ends");
    assert_eq!(words(&done), ("gave_up", "not_sent", Some("no room")));
    assert!(done.row.owes_event);
    assert!(end_unsent(&view(&LOST).row, "no room", AT).expect("allowed").is_none());
}

#[test]
fn an_attempt_is_announced_for_its_owner_unless_the_account_is_frozen() {
    let step = Step::AboutToSend { rules: RULES, now_ms: 7 };
    let ready = view(&[Input::FirstAttempt, Input::NotSent { attempt: 1 }]);
    let facts = Facts { owner: Some("other".into()), ..Facts::default() };
    let done = changes(step.clone(), &ready, facts);
    assert_eq!((done.row.owner.as_str(), done.row.payment.attempts), ("other", 2));
    assert_eq!(words(&done), ("sending", "sending", None));
    let sending = Change::Sending { id: &done.row.id, attempt: Some(2) };
    assert_eq!(change(&step, &done.row), Some(sending));
    let uncertain = Change::Sending { id: &done.row.id, attempt: None };
    assert_eq!(uncertain_change(&step, &done.row.id), Some(uncertain));
    let freeze = Freeze { account: "shop".into(), reason: "r".into(), since_ms: 0 };
    let frozen = Facts { freeze: Some(freeze), ..Facts::default() };
    let refused = decide(&step, &ready, frozen, NOW);
    assert!(matches!(refused, Err(JournalError::Frozen(_))), "{refused:?}");
    let early = decide(&step, &view(&LOST), Facts::default(), NOW);
    assert!(matches!(early, Err(JournalError::Forbidden { .. })), "{early:?}");
}

#[test]
fn an_attempt_leaves_only_while_it_is_its_owner_s_and_nothing_is_frozen() {
    let row = view(&[Input::FirstAttempt]).row;
    let freeze = Freeze { account: "shop".into(), reason: "r".into(), since_ms: 0 };
    let until_ms = row.leased_until_ms;
    for (attempt, owner, beyond_ms, freeze, expected) in [
        (1, "me", until_ms - 1, None, Leave::Granted),
        (1, "me", until_ms - 1, Some(freeze.clone()), Leave::Frozen(freeze.clone())),
        (1, "me", until_ms, None, Leave::Withdrawn),
        (1, "other", until_ms - 1, None, Leave::Withdrawn),
        (2, "me", until_ms - 1, Some(freeze), Leave::Withdrawn),
    ] {
        assert_eq!(may_leave(Some(&row), freeze, attempt, owner, beyond_ms), expected);
    }
    assert_eq!(may_leave(None, None, 1, "me", 0), Leave::Withdrawn);
}

#[test]
fn the_answer_that_decides_is_kept_and_one_of_a_query_never_replaces_it() {
    let sending = view(&[Input::FirstAttempt]);
    let done =
        changes(conclude(answered(CodeMeaning::Accepted, "yes")), &sending, Facts::default());
    assert_eq!(done.row.next_query_at_ms, Some(NOW + 3_000), "a notification is expected");
    assert_eq!(done.row.provider_reference.as_deref(), Some("D1"));
    assert!(done.event.is_none(), "its caller is told");
    let step = conclude(answered(CodeMeaning::Accepted, "yes"));
    assert_eq!(change(&step, &done.row), Some(Change::Settled(&done.row)));
    assert_eq!(uncertain_change(&step, &done.row.id), None);
    let kept = done.into_view(sending.clone());
    assert_eq!(kept.answer.as_ref().map(|answer| &answer.body[..]), Some(&b"yes"[..]));

    let later = changes(asked(found("D1"), None), &kept, Facts::default());
    assert_eq!(later.answer, None);
    let lost = changes(asked(found("D1"), None), &view(&LOST), Facts::default());
    assert!(lost.answer.is_some_and(|kept| kept.is_from_query));
    let long = "x".repeat(ANSWER_BYTES_MAX + 1).leak();
    let done = changes(conclude(answered(CodeMeaning::Refused, long)), &sending, Facts::default());
    assert_eq!((done.answer, done.row.end()), (None, Some(Final::Rejected)));
    let throttled =
        changes(conclude(answered(CodeMeaning::Throttled, "no")), &sending, Facts::default());
    assert_eq!(throttled.answer, None, "it decides nothing");
}

#[test]
fn an_attempt_in_doubt_is_queried_later_and_its_lease_begins_anew() {
    let sending = view(&[Input::FirstAttempt]);
    let sending =
        PaymentView { row: PaymentRow { leased_until_ms: 0, ..sending.row.clone() }, ..sending };
    let lost = Conclusion::InDoubt { reason: "reset".into() };
    let step = conclude(lost);
    let done = changes(step.clone(), &sending, Facts::default());
    assert_eq!(words(&done), ("in_doubt", "unknown", Some("reset")));
    assert_eq!(
        (done.row.next_query_at_ms, done.row.leased_until_ms),
        (Some(NOW + 500), NOW + 40_000)
    );
    assert_eq!(change(&step, &done.row), Some(Change::InDoubt { row: &done.row, attempt: 1 }));
    assert_eq!(done.woken().collect::<Vec<_>>(), [done.row.id.to_string(), resolver_key("shop")]);
}

#[test]
fn what_is_news_brings_its_event_once_and_the_history_names_it() {
    let lost =
        PaymentView { row: PaymentRow { owes_event: true, ..view(&LOST).row }, ..view(&LOST) };
    let event = Some(Box::new(outcome_event()));
    let mut done = changes(asked(found("D1"), event.clone()), &lost, Facts::default());
    let told = done.event.clone().expect("an event");
    assert_eq!((told.status.as_deref(), told.reference.as_deref()), (Some("succeeded"), Some("A")));
    assert_eq!(
        told.id,
        outcome_event().complete(&done.row).id,
        "a repeated transaction makes the same"
    );
    assert!(!done.row.owes_event && done.row.just_resolved);
    done.event_stored(&told.id);
    let detail = format!("found, succeeded, event {}", told.id);
    assert_eq!(words(&done), ("asked", "accepted", Some(detail.as_str())));
    let unclear = QueryAnswer::Unclear { reason: "x".repeat(400) };
    let done = changes(asked(unclear, event), &lost, Facts::default());
    assert!(done.event.is_none() && done.row.owes_event);
    assert_eq!(words(&done).2.map(str::len), Some(DETAIL_CHARS_MAX));
}

#[test]
fn a_payment_found_with_other_values_settles_nothing() {
    let known = PaymentRow { provider_reference: Some("D1".into()), ..view(&LOST).row };
    let lost = PaymentView { row: known, ..view(&LOST) };
    let event = || Some(Box::new(outcome_event()));
    let done = changes(asked(found("D2"), event()), &lost, Facts::default());
    assert_eq!(done.row.payment.state, lost.row.payment.state);
    assert_eq!(done.row.conflicting_reference.as_deref(), Some("D2"));
    assert_eq!(done.row.just_flagged, [Flag::ConflictingReference]);
    assert!(done.event.is_none() && done.answer.is_none());
    let sibling = || Facts { is_of_a_sibling: true, ..Facts::default() };
    let done = changes(asked(found("D1"), event()), &lost, sibling());
    assert_eq!(done.row.just_flagged, [Flag::EarlierCall]);
    let refused = answered(CodeMeaning::Landed, "");
    let nothing_open = changes(conclude(refused), &view(&[Input::FirstAttempt]), Facts::default());
    let duplicate = nothing_open.into_view(view(&[]));
    let done = changes(asked(found("D9"), event()), &duplicate, sibling());
    assert_eq!(done.row.end(), Some(Final::Rejected), "it was the earlier call");
}

#[test]
fn a_person_or_the_resolver_closes_a_case() {
    let event = Some(Box::new(outcome_event()));
    let by_hand = Closure::ByHand { ruling: Ruling::Rejected, reason: "the bank".into() };
    let step = Step::Close { closure: by_hand, event: event.clone(), now_ms: 7 };
    let done = changes(step.clone(), &view(&LOST), Facts::default());
    assert_eq!(words(&done), ("settled_by_hand", "rejected", Some("rejected: the bank")));
    assert_eq!(done.event.as_ref().and_then(|event| event.status.as_deref()), Some("failed"));
    let closed = Change::Closed { payment: Subject::Row(&done.row), reason: "the bank" };
    assert_eq!(change(&step, &done.row), Some(closed));
    let closure = Closure::Abandoned { reason: "in vain".into(), rules: RULES };
    let step = Step::Close { closure, event, now_ms: 7 };
    assert!(decide(&step, &view(&LOST), Facts::default(), NOW).is_err(), "absence is not proved");
}

#[test]
fn an_event_is_owed_to_those_who_wait_and_told_once() {
    let decided = |step, view: &PaymentView| {
        decide(&step, view, Facts::default(), NOW).expect("allowed").map(|changes| changes.row)
    };
    let owing = decided(Step::PromiseEvent, &view(&LOST)).expect("it is promised");
    assert!(owing.owes_event);
    let tell = || Step::TellOwed { event: Box::new(outcome_event()), now_ms: 7 };
    let owing = PaymentView { row: owing, ..view(&LOST) };
    assert_eq!(decided(Step::PromiseEvent, &owing), None, "once is enough");
    assert_eq!(decided(tell(), &owing), None, "there is no end to tell");
    let settled = view(&[Input::GaveUp]);
    assert_eq!(decided(Step::PromiseEvent, &settled), None, "its end can be told at once");
    let unheard = decided(Step::NoteUnheard, &settled).expect("owed");
    let unheard = PaymentView { row: unheard, ..settled.clone() };
    let mut told = changes(tell(), &unheard, Facts::default());
    assert!(told.event.is_some() && !told.row.owes_event);
    told.event_stored(&outcome_event().complete(&told.row).id);
    assert!(words(&told).2.is_some_and(|detail| detail.starts_with("event evt_")));
    let notified = PaymentRow { notified_at_ms: Some(1), ..settled.row.clone() };
    let notified = PaymentView { row: notified, ..settled };
    assert_eq!(decided(Step::NoteUnheard, &notified), None, "the notification is its event");
}

#[test]
fn a_restart_takes_over_what_nobody_works_on() {
    let row = view(&[Input::FirstAttempt]).row;
    assert!(!is_abandoned(&row, NOW, |_| true));
    assert!(is_abandoned(&row, NOW, |_| false), "its process is dead");
    assert!(is_abandoned(&row, row.leased_until_ms, |_| true), "its lease ran out");
    let mut recovered = Recovered::default();
    let done = restart(&row, AT, &mut recovered).expect("taken over");
    assert_eq!(words(&done), ("restarted", "unknown", None));
    assert!(done.row.owes_event && done.row.next_query_at_ms == Some(NOW));
    restart(&view(&[]).row, AT, &mut recovered).expect("taken over");
    assert_eq!((recovered.unknown, recovered.closed), (1, 1));
}

#[test]
fn payments_to_be_queried_are_handed_out_and_handed_over() {
    let row = PaymentRow { next_query_at_ms: Some(NOW), ..view(&LOST).row };
    let claimed = claim(&row, "other", 0, NOW);
    assert_eq!((claimed.next_query_at_ms, claimed.owner.as_str()), (Some(NOW + 1), "other"));
    assert_eq!(take_over(&claimed, "me", AT).row, PaymentRow { owner: "me".into(), ..row });
    let later = PaymentView { row: claimed, ..view(&LOST) };
    let done = changes(Step::HandOver, &later, Facts::default());
    assert_eq!(done.row.next_query_at_ms, Some(NOW));
    assert_eq!(done.woken().collect::<Vec<_>>(), [resolver_key("shop")]);
    let nothing = decide(&Step::HandOver, &view(&[]), Facts::default(), NOW);
    assert!(nothing.expect("allowed").is_none(), "it is not to be queried");
}

#[test]
fn queries_that_change_nothing_are_listed_up_to_a_limit() {
    let unclear = QueryAnswer::Unclear { reason: "no answer".into() };
    let entry = changes(asked(unclear, None), &view(&LOST), Facts::default()).entry;
    let entry = entry.expect("an entry");
    assert!(is_listed(&entry, QUERIES_LISTED_MAX - 1) && !is_listed(&entry, QUERIES_LISTED_MAX));
    let told = HistoryEntry { state: "accepted".into(), ..entry };
    assert!(is_listed(&told, QUERIES_LISTED_MAX));
}

#[test]
fn nothing_is_removed_before_its_time() {
    assert_eq!(kept_since_ms(0, NOW), NOW - PAYMENTS_KEPT_MIN_MS);
    assert_eq!(kept_since_ms(i64::MAX, NOW), NOW - i64::MAX);
}

#[test]
fn what_left_is_added_up_by_minute() {
    let mut spent = Spent::default();
    for (at_ms, amount) in [(60_000, 5), (119_999, 7), (120_000, i64::MAX), (120_001, -1)] {
        spent.add("shop".into(), "payout_create".into(), at_ms, amount);
    }
    let spendings: Vec<_> =
        spent.into_spendings().iter().map(|it| (it.at_ms, it.amount_minor)).collect();
    assert_eq!(spendings, [(119_999, 12), (120_001, i64::MAX.unsigned_abs())]);
}
