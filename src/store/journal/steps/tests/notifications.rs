//! A notification is judged, and the payment takes its step.

use super::*;
use crate::store::Notification;

fn notice() -> Notification {
    Notification {
        account: "shop".into(),
        kind: "payout".into(),
        reference: Some("A".into()),
        provider_reference: Some("D1".into()),
        status: Some(EventStatus::Succeeded),
        amount_minor: Some(100),
        amount_unreadable: false,
        currency: Some("THB".into()),
        created_at_ms: None,
        is_journalled: true,
        names_another: false,
        neighbours: Vec::new(),
        event_id: EventId::from_parts(1, [1; 10]),
        dedupe_key: "k".into(),
        received_at_ms: 7,
    }
}

#[test]
fn a_notification_is_of_the_generation_that_it_names_or_fits() {
    let row = |sequence, provider_reference: Option<&str>, inputs: &[Input]| PaymentRow {
        sequence,
        begun_at_ms: sequence * 100_000,
        provider_reference: provider_reference.map(str::to_owned),
        ..view(inputs).row
    };
    let chosen = |notice: &Notification, candidates: &[PaymentRow]| {
        let noticed = judge(notice, candidates.to_vec(), &[]);
        (noticed.row.map(|row| row.sequence), noticed.flags)
    };
    let lost = [row(1, None, &LOST), row(2, Some("D1"), &LOST), row(3, None, &LOST)];
    assert_eq!(chosen(&notice(), &lost), (Some(2), vec![]), "the one with its id");
    let unnamed = Notification { provider_reference: None, ..notice() };
    assert_eq!(chosen(&unnamed, &lost), (Some(3), vec![]), "else the latest");
    let created = Notification { created_at_ms: Some(120_000), ..unnamed.clone() };
    assert_eq!(chosen(&created, &lost), (Some(1), vec![Flag::EarlierCall]), "made before it began");
    let ready = [row(1, None, &LOST), row(2, None, &[])];
    assert_eq!(chosen(&unnamed, &ready), (Some(1), vec![Flag::EarlierCall]), "it has not left");
    assert_eq!(chosen(&unnamed, &[]), (None, vec![Flag::Unexpected]));
    let gone = [row(1, None, &[Input::GaveUp])];
    assert_eq!(chosen(&unnamed, &gone), (Some(1), vec![Flag::Contradicted]));
}

#[test]
fn a_notification_may_be_a_neighbour_s() {
    let ours = PaymentRow { provider_reference: Some("D1".into()), ..view(&LOST).row };
    let unknown = PaymentRow { provider_reference: None, ..ours.clone() };
    let payment = |provider_reference: Option<&str>| {
        let provider_reference = provider_reference.map(str::to_owned);
        Neighbour { payment: Some(NeighbourPayment { provider_reference }), has_event: false }
    };
    let event = || Neighbour { payment: None, has_event: true };
    let is_theirs = |row: Option<&PaymentRow>, neighbour, notice: Notification| {
        let noticed = judge(&notice, row.cloned().into_iter().collect(), &[neighbour]);
        noticed.flags.contains(&Flag::OtherAccount)
    };
    assert!(is_theirs(Some(&unknown), payment(None), notice()));
    assert!(is_theirs(Some(&unknown), payment(Some("D1")), notice()));
    assert!(!is_theirs(Some(&unknown), payment(Some("D2")), notice()), "another payment");
    assert!(!is_theirs(Some(&ours), payment(None), notice()), "its id is known as ours");
    assert!(is_theirs(None, event(), notice()) && !is_theirs(Some(&unknown), event(), notice()));
    assert!(is_theirs(
        Some(&ours),
        payment(Some("D2")),
        Notification { names_another: true, ..notice() }
    ));
}

#[test]
fn a_contradicted_rejection_stops_what_was_begun_since_and_passes_its_debt_on() {
    let row = |generation, inputs: &[Input]| PaymentRow {
        generation,
        sequence: i64::from(generation),
        ..view(inputs).row
    };
    let made = row(1, &[Input::GaveUp]);
    let waiting = PaymentRow { owes_event: true, ..row(2, &[]) };
    let younger = vec![waiting, row(3, &LOST)];
    let is_ours = Notification { amount_minor: None, ..notice() };
    let done =
        notified(&made, younger.clone(), &is_ours, &[Flag::Contradicted], AT).expect("taken");
    assert_eq!((done.row.end(), done.row.contradicted), (Some(Final::Accepted), true));
    let states: Vec<&str> =
        done.siblings.iter().map(|sibling| sibling.row.payment.state.as_str()).collect();
    assert_eq!(states, ["not_sent", "unknown"]);
    assert!(done.siblings.iter().all(|sibling| !sibling.row.owes_event));
    assert!(!done.row.owes_event, "the notification is the event of both");
    let detail = words(&done.siblings[0]).2;
    assert_eq!(detail, Some("call 1 under this reference was made after all"));

    let refused =
        view(&[Input::FirstAttempt, Input::Answered { attempt: 1, meaning: CodeMeaning::Refused }]);
    let facts = Facts { younger, ..Facts::default() };
    let late = changes(conclude(answered(CodeMeaning::Accepted, "yes")), &refused, facts);
    assert!(
        late.event.is_some() && late.row.owes_event,
        "who waited for the other is told of this"
    );
}

#[test]
fn a_notification_of_something_else_is_kept_on_record() {
    let lost = view(&LOST).row;
    let differs = Notification { amount_minor: Some(1), ..notice() };
    let done = notified(&lost, Vec::new(), &differs, &[Flag::AmountMismatch], AT).expect("taken");
    assert!(done.row.amount_differs && done.row.notified_at_ms.is_none());
    assert_eq!(done.row.payment.state.as_str(), "unknown");
    let detail = format!("succeeded, event {}, {}", differs.event_id, Flag::AmountMismatch.word());
    assert_eq!(words(&done), ("notified", "unknown", Some(detail.as_str())));
}
