//! What a store reports about its commits.

use std::sync::Arc;

use parking_lot::Mutex;

use super::super::{Change, Closure, Observer, Selection};
use super::noticing::{notice, notify};
use super::paying::{answered, conclude, lost, sending};
use super::stepping::Stepping;
use super::*;
use crate::payment::Ruling;
use crate::provider::CodeMeaning;

/// Remembers the kinds of changes that it saw.
#[derive(Default)]
struct Seen(Mutex<Vec<&'static str>>);

impl Seen {
    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock())
    }
}

impl Observer for Seen {
    fn committed(&self, change: &Change<'_>) {
        self.0.lock().push(match change {
            Change::Begun(_) => "begun",
            Change::Sending { .. } => "sending",
            Change::InDoubt { .. } => "in doubt",
            Change::Settled(_) => "settled",
            Change::Closed { .. } => "closed",
            Change::Notified { .. } => "notified",
            Change::Recovered { .. } => "recovered",
            Change::Frozen { .. } => "frozen",
            Change::Unfrozen { .. } => "unfrozen",
            Change::Replayed { .. } => "replayed",
            Change::Discarded { .. } => "discarded",
        });
    }

    fn uncertain(&self, change: &Change<'_>) {
        panic!("no commit failed, but {change:?} is uncertain");
    }
}

pub(in crate::store) async fn an_observer_sees_every_commit(place: &dyn Place) {
    let store = place.open();
    let seen = Arc::new(Seen::default());
    store.observe(seen.clone());

    let accepted = sending(&*store, "A").await;
    assert_eq!(seen.take(), ["begun", "sending"]);
    conclude(&*store, &accepted, answered(10_000, CodeMeaning::Accepted)).await;
    assert_eq!(seen.take(), ["settled"]);
    notify(&*store, event("k", Some("A")), notice("A")).await.expect("stored");
    assert_eq!(seen.take(), ["notified"]);
    notify(&*store, event("k", Some("A")), notice("A")).await.expect("a duplicate");
    assert_eq!(seen.take(), [""; 0], "nothing was stored");

    let in_doubt = lost(&*store, "B").await;
    assert_eq!(seen.take(), ["begun", "sending", "in doubt"]);
    let by_hand = Closure::ByHand { ruling: Ruling::Rejected, reason: "the bank says so".into() };
    store.close_case(&in_doubt, by_hand, None, T0).await.expect("settled");
    assert_eq!(seen.take(), ["closed"]);

    store.freeze("shop", "a test", T0).await.expect("frozen");
    store.unfreeze("shop").await.expect("unfrozen");
    store.unfreeze("shop").await.expect("it was not frozen");
    assert_eq!(seen.take(), ["frozen", "unfrozen"]);

    let all = Selection::Matching(Filter::default());
    store.discard(&all, "a test", T0).await.expect("discarded");
    store.replay(&all).await.expect("replayed");
    store.replay(&Selection::Ids(Vec::new())).await.expect("nothing to do");
    assert_eq!(seen.take(), ["discarded", "replayed"]);
}
