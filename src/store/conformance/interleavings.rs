//! Any order of receiving, claiming, settling, waiting, restarting and operating, checked against a model that is a
//! plain list: nothing is handed out early, late, twice or out of order, and nothing is lost.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::super::{EventState, Lease, Selection, Settled, Settlement};
use super::*;

#[derive(Clone, Debug)]
enum Step {
    Receive { reference: Option<u8> },
    Repeat { which: usize },
    Claim { limit: usize },
    Settle { which: usize, how: How },
    Wait { ms: i64 },
    Restart { closed: bool },
    Discard { which: usize },
    Replay { which: usize },
}

#[derive(Clone, Copy, Debug)]
enum How {
    Deliver,
    Retry { pause_ms: i64 },
    Bury,
    Release,
}

fn step(replays: bool) -> impl Strategy<Value = Step> {
    let which = || any::<usize>();
    let how = prop_oneof![
        4 => Just(How::Deliver),
        3 => (0..3 * LEASE_MS).prop_map(|pause_ms| How::Retry { pause_ms }),
        1 => Just(How::Bury),
        1 => Just(How::Release),
    ];
    prop_oneof![
        8 => prop::option::weighted(0.9, 0..3u8).prop_map(|reference| Step::Receive { reference }),
        1 => which().prop_map(|which| Step::Repeat { which }),
        6 => (1..5usize).prop_map(|limit| Step::Claim { limit }),
        8 => (which(), how).prop_map(|(which, how)| Step::Settle { which, how }),
        3 => (0..2 * LEASE_MS).prop_map(|ms| Step::Wait { ms }),
        1 => any::<bool>().prop_map(|closed| Step::Restart { closed }),
        1 => which().prop_map(|which| Step::Discard { which }),
        (if replays { 3 } else { 0 }) => which().prop_map(|which| Step::Replay { which }),
    ]
}

/// What the model knows of an event; its place in the list is its place in line.
struct Known {
    id: EventId,
    key: String,
    reference: Option<u8>,
    open: bool,
    /// Due then, once it is first in line.
    due_at_ms: i64,
    leases: Vec<Lease>,
    lease_until_ms: i64,
    current: Option<Lease>,
    delivered: bool,
}

struct World<'a> {
    place: &'a dyn Place,
    store: Timed,
    /// One per case, so that a failing case leaves nothing behind for the next.
    account: String,
    now_ms: i64,
    events: Vec<Known>,
    /// Replays move the line, so the model then checks only what must never happen.
    exact: bool,
}

pub(in crate::store) async fn any_interleaving_delivers_in_order_and_loses_nothing(
    place: &dyn Place,
) {
    check(place, false).await;
}

pub(in crate::store) async fn any_interleaving_with_replays_loses_nothing(place: &dyn Place) {
    check(place, true).await;
}

async fn check(place: &dyn Place, replays: bool) {
    let config = Config { cases: 40, failure_persistence: None, ..Config::default() };
    let steps = prop::collection::vec(step(replays), 1..80);
    let handle = tokio::runtime::Handle::current();
    let case = AtomicUsize::new(0);
    let run = |steps: Vec<Step>| {
        let account = format!("shop-{}", case.fetch_add(1, Ordering::Relaxed));
        let store = place.open();
        let events = Vec::new();
        let mut world = World { place, store, account, now_ms: T0, events, exact: !replays };
        handle.block_on(async {
            for step in steps {
                world.take(step).await;
            }
            world.finish().await;
        });
        Ok(())
    };
    let outcome = tokio::task::block_in_place(|| TestRunner::new(config).run(&steps, run));
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

impl World<'_> {
    async fn take(&mut self, step: Step) {
        match step {
            Step::Receive { reference } => self.receive(reference).await,
            Step::Repeat { which } => self.repeat(which).await,
            Step::Claim { limit } => self.claim(limit).await,
            Step::Settle { which, how } => self.settle(which, how).await,
            Step::Wait { ms } => self.now_ms += ms,
            Step::Restart { closed } => {
                if closed {
                    self.store.close().await.expect("closed");
                }
                self.store = self.place.open();
            }
            Step::Discard { which } => self.discard(which).await,
            Step::Replay { which } => self.replay(which).await,
        }
    }

    async fn receive(&mut self, reference: Option<u8>) {
        let key = format!("{}-{}", self.now_ms, self.events.len());
        let name = reference.map(|reference| format!("R{reference}"));
        let mut event = event_at(&key, name.as_deref(), self.now_ms);
        event.account.clone_from(&self.account);
        let id = event.id.clone();
        self.store.at(self.now_ms).receive(event).await.expect("stored");
        self.events.push(Known {
            id,
            key,
            reference,
            open: true,
            due_at_ms: self.now_ms,
            leases: Vec::new(),
            lease_until_ms: i64::MIN,
            current: None,
            delivered: false,
        });
    }

    async fn repeat(&mut self, which: usize) {
        let Some(known) = pick(&self.events, which) else { return };
        let mut again = event_at(&self.events[known].key, None, self.now_ms);
        again.account.clone_from(&self.account);
        let received = self.store.receive(again).await.expect("acknowledged");
        assert!(matches!(received, super::super::Received::Duplicate { .. }), "{received:?}");
    }

    async fn claim(&mut self, limit: usize) {
        let claimed = self.claimed(limit).await;
        let due: Vec<usize> = (0..self.events.len()).filter(|&n| self.is_due(n)).collect();
        if self.exact {
            assert_eq!(claimed.len(), due.len().min(limit), "every due event is handed out");
        }
        for claimed in claimed {
            let n = self.position(&claimed.lease.id);
            assert!(self.events[n].open, "a closed event was handed out");
            assert!(self.events[n].lease_until_ms <= self.now_ms, "it is being delivered");
            assert!(!self.exact || due.contains(&n), "it was not due, or not first in line");
            let reference = self.events[n].reference;
            let busy = self.events.iter().any(|other| {
                other.current.is_some()
                    && other.lease_until_ms > self.now_ms
                    && other.reference.is_some()
                    && other.reference == reference
            });
            assert!(!busy, "another event of the reference is being delivered");
            let known = &mut self.events[n];
            known.lease_until_ms = self.now_ms + LEASE_MS;
            known.due_at_ms = known.lease_until_ms;
            known.leases.push(claimed.lease.clone());
            known.current = Some(claimed.lease);
        }
    }

    /// Settles under any lease ever given, including old ones.
    async fn settle(&mut self, which: usize, how: How) {
        let leases: Vec<(usize, Lease)> = self
            .events
            .iter()
            .enumerate()
            .flat_map(|(n, known)| known.leases.iter().map(move |lease| (n, lease.clone())))
            .collect();
        let Some(chosen) = pick(&leases, which) else { return };
        let (n, lease) = leases[chosen].clone();
        let settlement = match how {
            How::Deliver => delivered(),
            How::Retry { pause_ms } => retry(pause_ms),
            How::Bury => dead(),
            How::Release => Settlement::Released,
        };
        let settled = self
            .store
            .at(self.now_ms)
            .settle(&lease, settlement, self.now_ms)
            .await
            .expect("settled");
        let holds = self.events[n].current.as_ref() == Some(&lease);
        match settled {
            Settled::Done => assert!(holds, "an old lease settled the event"),
            // With replays the line may have moved past an event whose lease had run out.
            Settled::Superseded => {
                let ran_out = self.events[n].lease_until_ms <= self.now_ms;
                assert!(!holds || (!self.exact && ran_out), "the newest lease must settle");
                return;
            }
        }
        self.end(n, how);
    }

    fn end(&mut self, n: usize, how: How) {
        let now_ms = self.now_ms;
        let known = &mut self.events[n];
        known.current = None;
        known.lease_until_ms = i64::MIN;
        match how {
            How::Deliver | How::Bury => {
                known.open = false;
                known.delivered = matches!(how, How::Deliver);
                self.next_in_line_is_due(n);
            }
            How::Retry { pause_ms } => known.due_at_ms = now_ms + pause_ms,
            How::Release => known.due_at_ms = now_ms,
        }
    }

    async fn discard(&mut self, which: usize) {
        let Some(n) = pick(&self.events, which) else { return };
        let selection = Selection::Ids(vec![self.events[n].id.clone()]);
        let tally = self
            .store
            .at(self.now_ms)
            .discard(&selection, "x", self.now_ms)
            .await
            .expect("discarded");
        if tally.changed == 1 {
            let (was_open, was_first) = (self.events[n].open, self.is_first(n));
            let known = &mut self.events[n];
            (known.open, known.current, known.delivered) = (false, None, true);
            known.lease_until_ms = i64::MIN;
            if was_open && was_first {
                self.next_in_line_is_due(n);
            }
        } else if self.exact && tally.in_flight == 0 {
            assert!(self.events[n].delivered, "only delivered or discarded events stay unchanged");
        }
    }

    async fn replay(&mut self, which: usize) {
        let Some(n) = pick(&self.events, which) else { return };
        let selection = Selection::Ids(vec![self.events[n].id.clone()]);
        let tally = self.store.at(self.now_ms).replay(&selection).await.expect("replayed");
        let known = &mut self.events[n];
        if !known.open {
            assert_eq!(tally.changed, 1, "a closed event is opened again");
            (known.open, known.current, known.delivered) = (true, None, false);
        }
        // An open one whose time is brought forward may have had a lease that ran out; the model does not follow.
    }

    /// Delivers until nothing is open. A step is longer than any pause, so every event must come within a few of them.
    async fn finish(&mut self) {
        self.exact = false;
        for _ in 0..=self.events.len() * 2 {
            self.now_ms += 4 * LEASE_MS;
            for claimed in self.claimed(100).await {
                let n = self.position(&claimed.lease.id);
                self.store
                    .at(self.now_ms)
                    .settle(&claimed.lease, delivered(), self.now_ms)
                    .await
                    .expect("settled");
                self.events[n].open = false;
            }
        }
        for known in &self.events {
            let state = row(&*self.store, &known.id).await.state;
            assert!(!state.is_open(), "event {} was never handed out", known.id);
            assert!(!known.open, "event {} is {} but was not settled", known.id, state.as_str());
        }
        let counts = self.store.counts().await.expect("counts");
        let mine = counts.iter().find(|counts| counts.account == self.account);
        let dead = Filter { account: Some(self.account.clone()), ..in_state(EventState::Dead) };
        let dead = listed(&*self.store, &dead).await.len();
        assert_eq!(mine.map_or(0, |counts| counts.dead), dead as u64, "the counts are true");
    }

    async fn claimed(&self, limit: usize) -> Vec<Claimed> {
        let claimed = self.store.at(self.now_ms).claim(&self.account, limit, LEASE_MS).await;
        claimed.expect("a claim")
    }

    fn next_in_line_is_due(&mut self, after: usize) {
        let reference = self.events[after].reference;
        if reference.is_none() {
            return;
        }
        let now_ms = self.now_ms;
        let next = self.events.iter_mut().find(|known| known.open && known.reference == reference);
        if let Some(next) = next {
            next.due_at_ms = now_ms;
        }
    }

    fn is_due(&self, n: usize) -> bool {
        self.events[n].open && self.is_first(n) && self.events[n].due_at_ms <= self.now_ms
    }

    fn is_first(&self, n: usize) -> bool {
        let reference = self.events[n].reference;
        reference.is_none()
            || !self.events[..n].iter().any(|other| other.open && other.reference == reference)
    }

    fn position(&self, id: &EventId) -> usize {
        let found = self.events.iter().position(|known| known.id == *id);
        found.expect("only events of this case are open")
    }
}

fn pick<T>(from: &[T], which: usize) -> Option<usize> {
    (!from.is_empty()).then(|| which % from.len())
}
