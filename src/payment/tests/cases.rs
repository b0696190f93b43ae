//! Single histories, named by what an operator or an application would say about them.

use super::super::attempts::ATTEMPTS_MAX;
use super::super::*;
use crate::outcome::Outcome;
use crate::provider::{CodeMeaning, EventStatus};

/// Ten seconds of grace, two answers: queries count when they are 2.5 seconds apart.
const RULES: Rules = Rules::new(10_000, 2);

const SEND: Input = Input::AboutToSend { rules: RULES };

const ABANDON: Input = Input::Abandoned { rules: RULES };

const FOUND: Finding = Finding::Found { status: Some(EventStatus::Succeeded) };

fn answered(attempt: u32, meaning: CodeMeaning) -> Input {
    Input::Answered { attempt, meaning }
}

fn asked(queried_at_ms: i64, finding: Finding) -> Input {
    Input::Queried { queried_at_ms, finding, rules: RULES }
}

fn not_found(queried_at_ms: i64) -> Input {
    asked(queried_at_ms, Finding::NotFound)
}

/// `input`, under these rules.
fn by(rules: Rules, input: Input) -> Input {
    match input {
        Input::AboutToSend { .. } => Input::AboutToSend { rules },
        Input::Abandoned { .. } => Input::Abandoned { rules },
        Input::Queried { queried_at_ms, finding, .. } => {
            Input::Queried { queried_at_ms, finding, rules }
        }
        other => other,
    }
}

/// A new payment after these inputs; each with the milliseconds at which it happens.
fn after(inputs: &[(i64, Input)]) -> Payment {
    inputs.iter().fold(Payment::new(), |payment, (at_ms, input)| {
        let done = step(&payment, *input, *at_ms);
        done.unwrap_or_else(|why| panic!("{input:?} is forbidden: {why}")).payment
    })
}

fn refusal(payment: &Payment, input: Input) -> Forbidden {
    step(payment, input, 0).expect_err("it must be forbidden")
}

const LOST: [(i64, Input); 2] = [(0, SEND), (500, Input::InDoubt { attempt: 1 })];

fn lost_and(rest: &[(i64, Input)]) -> Payment {
    after(&[&LOST[..], rest].concat())
}

fn end(payment: &Payment) -> Option<Final> {
    match payment.state {
        State::Settled(end) => Some(end),
        State::Ready | State::Sending { .. } | State::Unknown { .. } => None,
    }
}

#[test]
fn nothing_is_sent_while_an_attempt_is_on_its_way() {
    let sending = after(&[(0, SEND)]);
    assert_eq!(refusal(&sending, SEND), Forbidden::OnItsWay { attempt: 1 });
    assert_eq!(refusal(&sending, Input::GaveUp), Forbidden::OnItsWay { attempt: 1 });
}

#[test]
fn nothing_is_sent_while_an_attempt_may_have_landed() {
    let lost = lost_and(&[]);
    assert_eq!(refusal(&lost, SEND), Forbidden::QueryFirst);
    assert_eq!(lost.outcome(), Some(Outcome::Unknown));
}

#[test]
fn not_found_is_not_believed_once_nor_early_nor_in_a_burst() {
    for (why, asks) in [
        ("once", vec![20_000]),
        ("early", vec![600, 5_000, 9_000]),
        ("in a burst", vec![10_600, 10_700, 10_800]),
        ("sent before the create was given up", vec![400, 20_000]),
    ] {
        let asks: Vec<_> = asks.into_iter().map(|at| (at.max(500), not_found(at))).collect();
        let payment = lost_and(&asks);
        assert_eq!(refusal(&payment, SEND), Forbidden::QueryFirst, "{why}");
    }
    let absent = lost_and(&[(600, not_found(600)), (10_500, not_found(10_500))]);
    assert_eq!(absent.next(&RULES), Next::Send, "twice, the last time after the grace period");
}

#[test]
fn after_a_clock_was_set_back_absence_is_proved_again_without_waiting_for_it() {
    const DAY_MS: i64 = 86_400_000;
    let lost = [(DAY_MS, SEND), (DAY_MS + 500, Input::InDoubt { attempt: 1 })];
    for before in [vec![], vec![(DAY_MS + 9_000, not_found(DAY_MS + 9_000))]] {
        let again = [(1_000, not_found(900)), (1_500, not_found(1_500))];
        let early = after(&[&lost[..], &before, &again].concat());
        assert_eq!(refusal(&early, SEND), Forbidden::QueryFirst, "{before:?}");
        let late = [(5_000, not_found(5_000)), (11_000, not_found(11_000))];
        let absent = after(&[&lost[..], &before, &again, &late].concat());
        assert_eq!(absent.next(&RULES), Next::Send, "a day too early otherwise: {before:?}");
    }
}

#[test]
fn a_second_loss_needs_its_own_proof_of_absence() {
    let payment = lost_and(&[
        (600, not_found(600)),
        (10_500, not_found(10_500)),
        (11_000, SEND),
        (12_000, Input::InDoubt { attempt: 2 }),
        (20_000, not_found(20_000)),
    ]);
    assert_eq!(refusal(&payment, SEND), Forbidden::QueryFirst);
}

#[test]
fn a_refused_resend_does_not_say_that_the_first_attempt_was_refused() {
    let refused = lost_and(&[
        (600, not_found(600)),
        (10_500, not_found(10_500)),
        (11_000, SEND),
        (12_000, answered(2, CodeMeaning::Refused)),
    ]);
    assert_eq!(refused.outcome(), Some(Outcome::Unknown), "attempt 1 may have taken the balance");
    assert_eq!(refusal(&refused, SEND), Forbidden::QueryFirst);
    let inputs = [(13_000, not_found(13_000)), (22_000, not_found(22_000))];
    let over = inputs.iter().fold(refused, |payment, (at, input)| {
        step(&payment, *input, *at).expect("allowed").payment
    });
    assert_eq!(end(&over), Some(Final::Rejected), "and it is not there either");
}

#[test]
fn a_duplicate_of_our_own_lost_attempt_is_queried_for_as_long_as_it_takes() {
    let mut inputs = vec![
        (600, not_found(600)),
        (10_500, not_found(10_500)),
        (11_000, SEND),
        (12_000, answered(2, CodeMeaning::Landed)),
    ];
    inputs.extend((1..50).map(|n| (12_000 + n * 10_000, not_found(12_000 + n * 10_000))));
    let payment = lost_and(&inputs);
    assert_eq!(payment.next(&RULES), Next::Query, "the provider has it and does not find it");
    assert_eq!(refusal(&payment, SEND), Forbidden::QueryFirst);
}

#[test]
fn a_duplicate_that_is_not_found_is_not_called_rejected() {
    let mut inputs = vec![(0, SEND), (100, answered(1, CodeMeaning::Landed))];
    inputs.extend((1..50).map(|n| (100 + n * 10_000, not_found(100 + n * 10_000))));
    let payment = after(&inputs);
    assert_eq!(payment.outcome(), Some(Outcome::Unknown), "a load balancer may have sent it twice");
    assert_eq!(payment.next(&RULES), Next::Query);
    assert_eq!(refusal(&payment, ABANDON), Forbidden::QueryFirst);
    let by_hand = step(&payment, Input::ByHand(Ruling::Rejected), 600_000);
    assert_eq!(end(&by_hand.expect("allowed").payment), Some(Final::Rejected));
}

/// Every order in which an earlier or later attempt is called a duplicate among other answers.
#[test]
fn no_other_answer_takes_a_duplicate_back() {
    let others = [CodeMeaning::Refused, CodeMeaning::NotFound, CodeMeaning::Throttled]
        .into_iter()
        .chain([CodeMeaning::StaleTimestamp, CodeMeaning::InDoubt]);
    for other in others {
        for said in [[CodeMeaning::Landed, other], [other, CodeMeaning::Landed]] {
            // Two attempts in doubt, answered late.
            let payment = lost_and(&[
                (600, not_found(600)),
                (10_500, not_found(10_500)),
                (11_000, SEND),
                (11_500, Input::InDoubt { attempt: 2 }),
                (12_000, answered(1, said[0])),
                (13_000, answered(2, said[1])),
                (30_000, not_found(30_000)),
                (60_000, not_found(60_000)),
            ]);
            assert_eq!(payment.outcome(), Some(Outcome::Unknown), "{said:?}");
            assert_eq!(payment.next(&RULES), Next::Query, "{said:?}");
            let given_up = step(&payment, Input::GaveUp, 70_000).expect("allowed");
            assert_eq!(given_up.payment.outcome(), Some(Outcome::Unknown), "{said:?}");
        }
    }
}

#[test]
fn a_duplicate_after_the_end_reopens_what_was_called_rejected() {
    let rejected = lost_and(&[
        (600, not_found(600)),
        (10_500, not_found(10_500)),
        (11_000, SEND),
        (11_500, answered(2, CodeMeaning::Refused)),
        (30_000, not_found(30_000)),
        (60_000, not_found(60_000)),
    ]);
    assert_eq!(end(&rejected), Some(Final::Rejected));
    for input in [answered(1, CodeMeaning::Landed), Input::Differs] {
        let done = step(&rejected, input, 70_000).expect("allowed");
        assert!(done.contradicts, "{input:?}");
        assert_eq!(done.payment.outcome(), Some(Outcome::Unknown), "{input:?}");
    }
}

#[test]
fn a_foreign_payment_under_our_ids_proves_nothing_and_stops_all_attempts() {
    for payment in [Payment::new(), lost_and(&[]), lost_and(&[(600, not_found(600))])] {
        let done = step(&payment, Input::Differs, 1_000).expect("allowed").payment;
        assert_eq!(done.outcome(), Some(Outcome::Unknown));
        let later = [(20_000, not_found(20_000)), (40_000, not_found(40_000))];
        let done = later.iter().fold(done, |payment, (at, input)| {
            step(&payment, *input, *at).expect("allowed").payment
        });
        assert_eq!(refusal(&done, SEND), Forbidden::QueryFirst);
        let found = asked(50_000, FOUND);
        let found = step(&done, found, 50_000).expect("allowed").payment;
        assert_eq!(end(&found), Some(Final::Accepted), "and then it finds ours");
    }
    let sending = after(&[(0, SEND), (9, Input::Differs)]);
    assert_eq!(sending.outcome(), Some(Outcome::Unknown), "it may have left, and must not now");
    let over = step(&sending, Input::NotSent { attempt: 1 }, 20).expect("allowed");
    assert_eq!(over.payment.outcome(), Some(Outcome::Unknown));
    let accepted = step(&sending, answered(1, CodeMeaning::Accepted), 20);
    assert_eq!(end(&accepted.expect("allowed").payment), Some(Final::Accepted), "its own end");
}

#[test]
fn after_an_earlier_call_turns_out_to_have_been_made_nothing_leaves() {
    let superseded =
        |payment: &Payment| step(payment, Input::Superseded, 5_000).expect("allowed").payment;
    assert_eq!(end(&superseded(&Payment::new())), Some(Final::NotSent));
    let told_later = after(&[(0, SEND), (1, answered(1, CodeMeaning::Throttled))]);
    assert_eq!(end(&superseded(&told_later)), Some(Final::Rejected));
    for payment in [after(&[(0, SEND)]), lost_and(&[(600, not_found(600))])] {
        let done = superseded(&payment);
        assert_eq!(done.outcome(), Some(Outcome::Unknown), "it may have left");
        let not_sent = step(&done, Input::NotSent { attempt: 1 }, 6_000);
        let not_sent = not_sent.expect("allowed").payment;
        assert_eq!(end(&superseded(&not_sent)), Some(Final::Rejected), "it did not leave");
    }
    let accepted = after(&[(0, SEND), (9, answered(1, CodeMeaning::Accepted))]);
    assert_eq!(superseded(&accepted), accepted);
}

#[test]
fn an_attempt_that_was_never_announced_cannot_end() {
    for input in [
        Input::NotSent { attempt: 1 },
        answered(1, CodeMeaning::Accepted),
        Input::InDoubt { attempt: 0 },
    ] {
        let why = refusal(&Payment::new(), input);
        assert!(matches!(why, Forbidden::NeverAnnounced { last: 0, .. }), "{input:?}: {why}");
    }
}

#[test]
fn attempts_come_to_an_end() {
    let mut payment = Payment::new();
    for attempt in 1..=ATTEMPTS_MAX {
        for input in [SEND, Input::NotSent { attempt }] {
            payment = step(&payment, input, 0).expect("allowed").payment;
        }
    }
    assert_eq!(refusal(&payment, SEND), Forbidden::TooManyAttempts);
}

#[test]
fn an_accepted_payment_stays_accepted() {
    let accepted = after(&[(0, SEND), (9, answered(1, CodeMeaning::Accepted))]);
    assert_eq!(refusal(&accepted, SEND), Forbidden::Over(Final::Accepted));
    for input in [
        answered(1, CodeMeaning::Refused),
        answered(1, CodeMeaning::Landed),
        Input::NotSent { attempt: 1 },
        Input::InDoubt { attempt: 1 },
        Input::GaveUp,
        not_found(60_000),
        Input::Notified { status: Some(EventStatus::Failed) },
        Input::Restarted,
    ] {
        let done = step(&accepted, input, 60_000).expect("it is only noted");
        assert_eq!(end(&done.payment), Some(Final::Accepted), "{input:?}");
    }
}

#[test]
fn a_final_status_is_not_replaced_by_an_older_one() {
    let payment = after(&[
        (0, SEND),
        (1, Input::Notified { status: Some(EventStatus::Succeeded) }),
        (2, Input::Notified { status: Some(EventStatus::Pending) }),
        (3, answered(1, CodeMeaning::Accepted)),
    ]);
    assert_eq!(payment.status, Some(EventStatus::Succeeded));
}

#[test]
fn a_late_answer_or_finding_or_notification_settles_a_lost_payment() {
    for (input, expected) in [
        (answered(1, CodeMeaning::Accepted), Final::Accepted),
        (answered(1, CodeMeaning::Refused), Final::Rejected),
        (asked(600, FOUND), Final::Accepted),
        (Input::Notified { status: Some(EventStatus::Failed) }, Final::Accepted),
    ] {
        assert_eq!(end(&lost_and(&[(700, input)])), Some(expected), "{input:?}");
    }
}

#[test]
fn a_payment_that_turns_up_after_it_was_given_up_is_called_a_contradiction() {
    let given_up = after(&[(0, SEND), (1, Input::NotSent { attempt: 1 }), (2, Input::GaveUp)]);
    assert_eq!(end(&given_up), Some(Final::NotSent));
    let done = step(&given_up, Input::Notified { status: None }, 3).expect("allowed");
    assert!(done.contradicts, "a person must look at it");
    assert_eq!(end(&done.payment), Some(Final::Accepted), "the reference is not free any more");
}

#[test]
fn a_provider_that_says_not_now_may_be_tried_again_and_then_counts_as_refusing() {
    for meaning in [CodeMeaning::Throttled, CodeMeaning::StaleTimestamp] {
        let told = after(&[(0, SEND), (1, answered(1, meaning))]);
        assert_eq!(told.next(&RULES), Next::Send, "{meaning:?}");
        let over = step(&told, Input::GaveUp, 2).expect("allowed").payment;
        assert_eq!(end(&over), Some(Final::Rejected), "{meaning:?}: it did reach the provider");
    }
}

#[test]
fn a_restart_leaves_open_what_was_on_its_way_and_closes_what_was_not() {
    let sending = after(&[(0, SEND), (5, Input::Restarted)]);
    assert_eq!(sending.state, State::Unknown { attempt: 1, since_ms: 5 });
    let ready = after(&[(5, Input::Restarted)]);
    assert_eq!(end(&ready), Some(Final::NotSent));
    let refused = Forbidden::Over(Final::NotSent);
    assert_eq!(refusal(&ready, SEND), refused, "its old process must not send it");
}

#[test]
fn a_resend_that_provably_did_not_leave_changes_nothing() {
    let payment = lost_and(&[
        (600, not_found(600)),
        (10_500, not_found(10_500)),
        (11_000, SEND),
        (11_001, Input::NotSent { attempt: 2 }),
    ]);
    assert_eq!(payment.state, State::Unknown { attempt: 2, since_ms: 500 }, "attempt 1 is open");
    assert_eq!(payment.next(&RULES), Next::Send, "its absence was established already");
    let given_up = step(&payment, Input::GaveUp, 12_000).expect("allowed").payment;
    assert_eq!(given_up.outcome(), Some(Outcome::Unknown), "it is not called not sent");
}

#[test]
fn only_a_payment_in_doubt_is_settled_by_hand() {
    let sending = after(&[(0, SEND)]);
    let accepted = after(&[(0, SEND), (9, answered(1, CodeMeaning::Accepted))]);
    for (payment, why) in [
        (Payment::new(), Forbidden::NotInDoubt),
        (sending, Forbidden::OnItsWay { attempt: 1 }),
        (accepted, Forbidden::Over(Final::Accepted)),
    ] {
        for ruling in [Ruling::Accepted, Ruling::Rejected] {
            assert_eq!(refusal(&payment, Input::ByHand(ruling)), why, "{payment:?}");
        }
    }
    let resending = lost_and(&[(600, not_found(600)), (10_500, not_found(10_500)), (11_000, SEND)]);
    let why = refusal(&resending, Input::ByHand(Ruling::Rejected));
    assert_eq!(why, Forbidden::OnItsWay { attempt: 2 }, "a resend may be arriving just now");
}

#[test]
fn a_person_s_word_settles_a_payment_in_doubt_and_is_news() {
    for (ruling, expected) in
        [(Ruling::Accepted, Final::Accepted), (Ruling::Rejected, Final::Rejected)]
    {
        let done = step(&lost_and(&[]), Input::ByHand(ruling), 700).expect("allowed");
        assert_eq!(end(&done.payment), Some(expected));
        assert!(done.resolves && done.is_news(), "{ruling:?}");
    }
    let rejected = lost_and(&[(700, Input::ByHand(Ruling::Rejected))]);
    let turned_up = Input::Notified { status: Some(EventStatus::Succeeded) };
    let done = step(&rejected, turned_up, 800).expect("allowed");
    assert!(done.contradicts, "the person was wrong, and that is shown");
}

#[test]
fn only_a_payment_proved_absent_is_called_off() {
    for payment in [lost_and(&[]), lost_and(&[(20_000, not_found(20_000))])] {
        assert_eq!(refusal(&payment, ABANDON), Forbidden::QueryFirst);
    }
    assert_eq!(refusal(&Payment::new(), ABANDON), Forbidden::NotInDoubt);
    let absent = lost_and(&[(600, not_found(600)), (10_500, not_found(10_500))]);
    let done = step(&absent, ABANDON, 11_000).expect("allowed");
    assert_eq!(end(&done.payment), Some(Final::NotSent));
    assert!(done.resolves);
}

#[test]
fn a_payment_that_was_never_in_doubt_is_not_resolved() {
    let sending = after(&[(0, SEND)]);
    for input in [answered(1, CodeMeaning::Accepted), answered(1, CodeMeaning::Refused)] {
        let done = step(&sending, input, 5).expect("allowed");
        assert!(!done.resolves && !done.is_news(), "its caller learns it: {input:?}");
    }
    let lost = lost_and(&[(700, asked(600, FOUND))]);
    let again = asked(800, FOUND);
    let done = step(&lost, again, 900).expect("it is only noted");
    assert!(!done.is_news(), "it was reported already");
}

fn at(base_url: &str) -> Rules {
    RULES.at(Place::of("bluepay", base_url, "app", "/pay", Some("/status")))
}

#[test]
fn only_the_place_where_it_was_made_can_say_that_it_does_not_have_it() {
    let (x, y) = (at("https://x.example"), at("https://y.example"));
    let take = |payment: Payment, inputs: &[(i64, Input)], rules: Rules| {
        inputs.iter().fold(payment, |payment, (at_ms, input)| {
            step(&payment, by(rules, *input), *at_ms).expect("allowed").payment
        })
    };
    let forbidden = |payment: &Payment, input, rules: Rules| {
        step(payment, by(rules, input), 0).expect_err("it must be forbidden")
    };
    let lost = take(Payment::new(), &[LOST[0], LOST[1], (600, not_found(600))], x);
    let away =
        [(5_000, not_found(5_000)), (20_000, not_found(20_000)), (90_000, not_found(90_000))];
    let stranded = take(lost, &away, y);
    assert_eq!(stranded, lost, "`not found` elsewhere proves nothing and undoes nothing");
    for rules in [y, RULES] {
        assert_eq!(stranded.next(&rules), Next::Query);
        assert_eq!(forbidden(&stranded, SEND, rules), Forbidden::Elsewhere);
        assert_eq!(forbidden(&stranded, ABANDON, rules), Forbidden::Elsewhere);
    }
    let back = take(stranded, &[(91_000, not_found(91_000))], x);
    assert_eq!(back.next(&x), Next::Send, "two answers from the right place");
    assert_eq!(forbidden(&back, SEND, y), Forbidden::Elsewhere, "proved at x");
    let found = take(back, &[(92_000, asked(92_000, FOUND))], y);
    assert_eq!(end(&found), Some(Final::Accepted), "a payment that is found counts at any place");
    let ruled = take(stranded, &[(1, Input::ByHand(Ruling::Rejected))], RULES);
    assert_eq!(end(&ruled), Some(Final::Rejected), "a person has the last word");
}

#[test]
fn a_payment_from_before_places_were_recorded_belongs_to_the_place_that_is_queried_first() {
    let (x, y) = (at("https://x.example"), at("https://y.example"));
    let lost = lost_and(&[]);
    assert_eq!(lost.place, None);
    let asked = step(&lost, by(x, not_found(600)), 600).expect("allowed").payment;
    assert_eq!(asked.place, x.here());
    let elsewhere = step(&asked, by(y, not_found(10_500)), 10_500).expect("allowed").payment;
    assert_eq!(elsewhere.next(&x), Next::Query, "a later change is noticed");
    let absent = step(&elsewhere, by(x, not_found(10_600)), 10_600).expect("allowed").payment;
    assert_eq!(absent.next(&x), Next::Send);
}

#[test]
fn a_payment_that_has_not_left_yet_may_go_to_any_place() {
    let (x, y) = (at("https://x.example"), at("https://y.example"));
    let begun = Payment { place: x.here(), ..Payment::new() };
    let sent = step(&begun, by(y, SEND), 0).expect("allowed").payment;
    assert_eq!(sent.place, y.here());
}

#[test]
fn only_the_first_attempt_needs_no_rules() {
    let begun = Payment { place: at("https://x.example").here(), ..Payment::new() };
    let first = step(&begun, Input::FirstAttempt, 0).expect("allowed").payment;
    assert_eq!(first, Payment { place: begun.place, ..after(&[(0, SEND)]) });
    for (payment, why) in [
        (first, Forbidden::OnItsWay { attempt: 1 }),
        (lost_and(&[]), Forbidden::QueryFirst),
        (after(&[(0, SEND), (1, Input::NotSent { attempt: 1 })]), Forbidden::QueryFirst),
        (after(&[(0, Input::GaveUp)]), Forbidden::Over(Final::NotSent)),
    ] {
        assert_eq!(refusal(&payment, Input::FirstAttempt), why);
    }
}
