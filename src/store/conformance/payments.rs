//! Any history of one payment, including restarts of the store: the store and the pure rules agree.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::super::{
    Conclusion, JournalError, Notification, PaymentId, QueryAnswer, QueryTimes, StoreError,
};
use super::paying::{answered, payout_of, rules};
use super::*;
use crate::payment::{Finding, Input, Payment, step};
use crate::provider::{CodeMeaning, EventStatus};

#[derive(Clone, Debug)]
enum Act {
    Send,
    NotSent { attempt: u32 },
    InDoubt { attempt: u32 },
    Answered { attempt: u32, meaning: CodeMeaning },
    GiveUp,
    Ask { finding: Finding, ago_ms: i64 },
    Notify { status: Option<EventStatus> },
    Wait { ms: i64 },
    Restart,
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    use CodeMeaning::{Accepted, InDoubt, Landed, NotFound, Refused, StaleTimestamp, Throttled};
    let status = || {
        prop::option::of(prop_oneof![
            Just(EventStatus::Pending),
            Just(EventStatus::Succeeded),
            Just(EventStatus::Failed),
        ])
    };
    let meanings =
        vec![Accepted, InDoubt, Landed, NotFound, Refused, StaleTimestamp, Throttled, InDoubt];
    let finding = prop_oneof![
        8 => Just(Finding::NotFound),
        2 => Just(Finding::Unclear),
        1 => status().prop_map(|status| Finding::Found { status }),
    ];
    let attempt = || 0..4u32;
    prop_oneof![
        8 => Just(Act::Send),
        3 => attempt().prop_map(|attempt| Act::NotSent { attempt }),
        5 => attempt().prop_map(|attempt| Act::InDoubt { attempt }),
        4 => (attempt(), prop::sample::select(meanings))
            .prop_map(|(attempt, meaning)| Act::Answered { attempt, meaning }),
        1 => Just(Act::GiveUp),
        8 => (finding, 0..3_000i64).prop_map(|(finding, ago_ms)| Act::Ask { finding, ago_ms }),
        1 => status().prop_map(|status| Act::Notify { status }),
        6 => (0..9_000i64).prop_map(|ms| Act::Wait { ms }),
        1 => Just(Act::Restart),
        1 => Just(Act::Reopen),
    ]
}

pub(in crate::store) async fn the_store_and_the_rules_never_differ(place: &dyn Place) {
    let config = Config { cases: 60, failure_persistence: None, ..Config::default() };
    let handle = tokio::runtime::Handle::current();
    let case = AtomicUsize::new(0);
    let run = |acts: Vec<Act>| {
        let reference = format!("A{}", case.fetch_add(1, Ordering::Relaxed));
        handle.block_on(follow(place, &reference, acts))
    };
    let acts = prop::collection::vec(act(), 1..60);
    let checked = tokio::task::block_in_place(|| TestRunner::new(config).run(&acts, run));
    if let Err(error) = checked {
        panic!("{error}");
    }
}

async fn follow(place: &dyn Place, reference: &str, acts: Vec<Act>) -> Result<(), TestCaseError> {
    let mut store = place.open();
    let mut now_ms = T0;
    let new = payout_of(reference, 1, now_ms);
    let id = new.id.clone();
    store.begin(new).await.expect("written down");
    let mut model = Payment::new();
    for (number, act) in acts.into_iter().enumerate() {
        match &act {
            Act::Wait { ms } => now_ms += ms,
            Act::Reopen | Act::Restart => {
                store.close().await.expect("closed");
                store = place.open();
            }
            _ => {}
        }
        let Some(input) = input(&act, now_ms) else { continue };
        let expected = step(&model, input, now_ms);
        let key = format!("{reference}-{number}");
        let done = perform(store.at(now_ms), &id, reference, &key, &act, now_ms).await;
        match (&expected, done) {
            (Ok(expected), Ok(())) => model = expected.payment,
            (Err(why), Err(JournalError::Forbidden { why: told, .. })) => {
                prop_assert_eq!(*why, told, "{:?}", act);
            }
            (expected, done) => prop_assert!(false, "{act:?}: {expected:?}, store: {done:?}"),
        }
        let row = store.payment(&id).await.expect("a read").expect("it is there").row;
        prop_assert_eq!(row.payment, model, "after {:?}", act);
        let listed = store.show_payment(&id).await.expect("a read").expect("it is there");
        let last = listed.history.last().map(|entry| entry.state.clone());
        prop_assert_eq!(last.as_deref(), Some(model.state.as_str()), "the history agrees");
    }
    Ok(())
}

fn input(act: &Act, now_ms: i64) -> Option<Input> {
    Some(match *act {
        Act::Send => Input::AboutToSend { rules: rules() },
        Act::NotSent { attempt } => Input::NotSent { attempt },
        Act::InDoubt { attempt } => Input::InDoubt { attempt },
        Act::Answered { attempt, meaning } => Input::Answered { attempt, meaning },
        Act::GiveUp => Input::GaveUp,
        Act::Ask { finding, ago_ms } => {
            Input::Queried { queried_at_ms: now_ms - ago_ms, finding, rules: rules() }
        }
        Act::Notify { status } => Input::Notified { status },
        Act::Restart => Input::Restarted,
        Act::Wait { .. } | Act::Reopen => return None,
    })
}

async fn perform(
    store: &dyn Store,
    id: &PaymentId,
    reference: &str,
    key: &str,
    act: &Act,
    now_ms: i64,
) -> Result<(), JournalError> {
    let conclude = async |attempt, conclusion| {
        store.conclude(id, attempt, conclusion, 0, None, now_ms).await.map(|_| ())
    };
    let reason = || "a reason".to_owned();
    match *act {
        Act::Send => store.about_to_send(id, rules(), now_ms).await.map(|_| ()),
        Act::NotSent { attempt } => {
            conclude(attempt, Conclusion::NotSent { reason: reason() }).await
        }
        Act::InDoubt { attempt } => {
            conclude(attempt, Conclusion::InDoubt { reason: reason() }).await
        }
        Act::Answered { attempt, meaning } => conclude(attempt, answered(1, meaning)).await,
        Act::GiveUp => store.give_up(id, "a reason", now_ms).await.map(|_| ()),
        Act::Ask { finding, ago_ms } => {
            let answer = match finding {
                Finding::NotFound => QueryAnswer::NotFound,
                Finding::Unclear => QueryAnswer::Unclear { reason: reason() },
                Finding::Found { status } => QueryAnswer::Found {
                    status,
                    provider_reference: None,
                    amount_minor: None,
                    amount_unreadable: false,
                    currency: None,
                    answer: None,
                },
            };
            let queried_at_ms = now_ms - ago_ms;
            let times = QueryTimes { queried_at_ms, query_after_ms: None, now_ms };
            store.asked(id, answer, rules(), times, None).await.map(|_| ())
        }
        Act::Notify { status } => {
            let notice = Notification {
                provider_reference: None,
                status,
                amount_minor: None,
                ..notice(reference)
            };
            let received = notify(store, event_at(key, None, now_ms), notice).await;
            received.map(|_| ()).map_err(JournalError::from)
        }
        Act::Restart => recovered(store.recover(now_ms).await),
        Act::Wait { .. } | Act::Reopen => Ok(()),
    }
}

fn recovered(recovered: Result<super::super::Recovered, StoreError>) -> Result<(), JournalError> {
    recovered.map(|_| ()).map_err(JournalError::from)
}
