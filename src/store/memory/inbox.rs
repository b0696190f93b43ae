//! The inbox in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use tokio::sync::watch;

use super::MemoryStore;
use super::state::{Event, Seen, Work};
use crate::store::inbox::steps::{self, CLAIM_MAX, Operated, Operation, Stepped};
use crate::store::page::{self, PAGE_MAX};
use crate::store::{
    AccountCounts, Change, Claimed, Cursor, EventDetail, EventId, EventRow, Filter, Inbox, Lease,
    Listing, NewEvent, Received, Retention, Selection, Settled, Settlement, StoreError, Swept,
    Tally,
};

#[async_trait]
impl Inbox for MemoryStore {
    async fn receive(&self, event: NewEvent) -> Result<Received, StoreError> {
        self.run(|work| receive(work, event))?
    }

    async fn claim(
        &self,
        account: &str,
        limit: usize,
        lease_ms: i64,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.run(|work| {
            let mut due = due(work, account);
            due.retain(|(due_ms, _)| *due_ms <= work.now_ms);
            due.sort_unstable();
            let due = due.into_iter().take(limit.min(CLAIM_MAX));
            due.map(|(_, sequence)| claim(work, sequence, lease_ms)).collect()
        })
    }

    async fn renew(&self, leases: &[Lease], lease_ms: i64) -> Result<usize, StoreError> {
        self.run(|work| {
            let end_ms = steps::lease_end(lease_ms, work.now_ms);
            let held = leases.iter().filter(|lease| {
                let event =
                    work.event(&lease.id).filter(|it| it.progress.lease == Some(lease.token));
                event.map(|event| event.progress.due_ms = Some(end_ms)).is_some()
            });
            held.count()
        })
    }

    async fn settle(
        &self,
        lease: &Lease,
        settlement: Settlement,
        now_ms: i64,
    ) -> Result<Settled, StoreError> {
        self.run(|work| {
            let Some(event) = work.event(&lease.id) else { return Settled::Superseded };
            event.attempts.extend(steps::attempt(&settlement));
            let (sequence, progress) = (event.sequence, event.progress.clone());
            let (account, reference) = (event.new.account.clone(), event.new.reference.clone());
            let earliest = work.state.beside(&account, reference.as_deref(), sequence);
            let earliest = earliest.first().copied();
            let stepped = steps::settle(
                progress,
                sequence,
                lease,
                &settlement,
                earliest,
                work.now_ms,
                now_ms,
            );
            let Some(stepped) = stepped else { return Settled::Superseded };
            work.state.save_event(sequence, stepped);
            work.wake(&account);
            Settled::Done
        })
    }

    async fn next_due(&self, account: &str) -> Result<Option<i64>, StoreError> {
        self.run(|work| due(work, account).into_iter().map(|(due_ms, _)| due_ms).min())
    }

    fn changes(&self, account: &str) -> watch::Receiver<u64> {
        self.shared.wake.listen(account)
    }

    async fn list(
        &self,
        filter: &Filter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Listing, StoreError> {
        let limit = limit.clamp(1, PAGE_MAX);
        self.run(|work| {
            let before = after.map_or(i64::MAX, |Cursor(sequence)| sequence);
            let older = work.state.events.range(..before).rev();
            let older = older.map(|(_, event)| event);
            let found = older.filter(|event| matches(work, filter, event)).take(limit);
            let events: Vec<EventRow> = found.map(|event| shown(work, event)).collect();
            let next = page::next(&events, limit, |row| row.sequence);
            Listing { events, next }
        })
    }

    async fn show(&self, id: &EventId) -> Result<Option<EventDetail>, StoreError> {
        self.run(|work| {
            let event = work.state.events.get(work.state.event_ids.get(id)?)?;
            Some(EventDetail {
                row: shown(work, event),
                body: event.new.body.clone(),
                param: event.new.param.clone(),
                event: event.new.event.clone(),
                attempts: event.attempts.clone(),
            })
        })
    }

    async fn replay(&self, selection: &Selection) -> Result<Tally, StoreError> {
        let tally = self.run(|work| operate(work, selection, &Operation::Replay))?;
        if tally.changed > 0 {
            self.observed.committed(Change::Replayed { selection, events: Some(tally.changed) });
        }
        Ok(tally)
    }

    async fn discard(
        &self,
        selection: &Selection,
        reason: &str,
        now_ms: i64,
    ) -> Result<Tally, StoreError> {
        let discard = Operation::Discard { reason: reason.to_owned(), now_ms };
        let tally = self.run(|work| operate(work, selection, &discard))?;
        if tally.changed > 0 {
            let events = Some(tally.changed);
            self.observed.committed(Change::Discarded { selection, reason, events });
        }
        Ok(tally)
    }

    async fn counts(&self) -> Result<Vec<AccountCounts>, StoreError> {
        self.run(|work| {
            let mut all: BTreeMap<String, AccountCounts> = BTreeMap::new();
            for name in &work.state.event_accounts {
                let account = work.state.current(name);
                all.entry(account.clone()).or_default().account.clone_from(&account);
            }
            for event in work.state.events.values() {
                let counts = all.entry(work.state.current(&event.new.account)).or_default();
                counts.add(event.progress.state, 1);
                if event.progress.state.is_open() {
                    // Events come in order, so the first open one is the oldest.
                    counts.oldest_open_at_ms.get_or_insert(event.new.received_at_ms);
                }
            }
            all.into_values().collect()
        })
    }

    async fn sweep(&self, retention: Retention) -> Result<Swept, StoreError> {
        self.run(|work| {
            let now_ms = work.now_ms;
            let is_old = |event: &Event| {
                let oldest_ms = retention.oldest_kept_ms(event.progress.state, now_ms);
                event.progress.closed_tick < oldest_ms && oldest_ms.is_some()
            };
            let old: Vec<_> = work.state.events.extract_if(.., |_, event| is_old(event)).collect();
            let events = old.len() as u64;
            for (_, Event { new, last_seen_tick, .. }) in old {
                work.state.event_ids.remove(&new.id);
                let key = (new.account, new.dedupe_key);
                work.state.event_keys.remove(&key);
                let (id, param) = (new.id, new.param);
                work.state.seen.insert(key, Seen { id, param, last_seen_tick });
            }
            let (known, oldest_ms) = (work.state.seen.len(), retention.oldest_key_ms(now_ms));
            work.state.seen.retain(|_, seen| seen.last_seen_tick >= oldest_ms);
            let keys = (known - work.state.seen.len()) as u64;
            Swept { events, keys, freed_bytes: 0 }
        })
    }
}

/// Stores the event, unless its account has already seen its dedupe key.
pub(super) fn receive(work: &mut Work<'_>, mut event: NewEvent) -> Result<Received, StoreError> {
    if let Some(known) = repetition(work, &event) {
        return Ok(known);
    }
    if work.state.event_ids.contains_key(&event.id) {
        return Err(StoreError::Refused(format!("there is another event `{}`", event.id)));
    }
    let beside = work.state.beside(&event.account, event.reference.as_deref(), 0);
    let progress = steps::receive(&event, !beside.is_empty(), work.now_ms);
    if let Some(if_late) = steps::text_if_late(&event)
        && work.state.events.values().any(|other| {
            let other = &other.new;
            other.reference == event.reference
                && work.state.is_same(&other.account, &event.account)
                && (other.kind.is_some() && other.kind == event.kind)
                && other.status.as_ref().zip(event.status.as_ref()).is_some_and(|(a, b)| a != b)
        })
    {
        event.event = Some(if_late.to_owned());
    }
    if progress.due_ms.is_some() {
        work.wake(&event.account);
    }
    let sequence = work.state.next_number();
    let key = (event.account.clone(), event.dedupe_key.clone());
    work.state.event_keys.insert(key, sequence);
    work.state.event_ids.insert(event.id.clone(), sequence);
    work.state.event_accounts.insert(event.account.clone());
    let event = Event {
        sequence,
        progress: progress.clone(),
        attempts: Vec::new(),
        duplicates: 0,
        last_seen_at_ms: event.received_at_ms,
        last_seen_tick: work.now_ms,
        new: event,
    };
    work.state.events.insert(sequence, event);
    work.state.save_event(sequence, Stepped { progress, nudge: None });
    Ok(Received::Stored)
}

/// Counts the event as a repetition of one that is or was in the inbox.
fn repetition(work: &mut Work<'_>, event: &NewEvent) -> Option<Received> {
    work.state.names_of(&event.account).into_iter().find_map(|name| {
        let key = (name, event.dedupe_key.clone());
        if let Some(seen) = work.state.seen.get_mut(&key) {
            seen.last_seen_tick = seen.last_seen_tick.max(work.now_ms);
            let (id, same_text) = (seen.id.clone(), seen.param == event.param);
            return Some(Received::Duplicate { id, same_text });
        }
        let known = work.state.events.get_mut(work.state.event_keys.get(&key)?)?;
        known.duplicates += 1;
        (known.last_seen_at_ms, known.last_seen_tick) = (event.received_at_ms, work.now_ms);
        let (id, same_text) = (known.new.id.clone(), known.new.param == event.param);
        Some(Received::Duplicate { id, same_text })
    })
}

/// The events of `account` that have a time, with that time.
fn due(work: &Work<'_>, account: &str) -> Vec<(i64, i64)> {
    let due = work.state.open_events.iter().filter_map(|sequence| {
        let event = &work.state.events[sequence];
        let is_ours = work.state.is_same(&event.new.account, account);
        event.progress.due_ms.filter(|_| is_ours).map(|due_ms| (due_ms, *sequence))
    });
    due.collect()
}

fn claim(work: &mut Work<'_>, sequence: i64, lease_ms: i64) -> Claimed {
    let token = work.state.next_number();
    let event = &work.state.events[&sequence];
    let progress = steps::claim(event.progress.clone(), token, lease_ms, work.now_ms);
    let claimed = Claimed {
        lease: Lease { id: event.new.id.clone(), token },
        account: work.state.current(&event.new.account),
        reference: event.new.reference.clone(),
        event_type: event.new.event_type.clone(),
        event: event.new.event.clone(),
        param: event.new.param.clone(),
        received_at_ms: event.new.received_at_ms,
        first_attempt_at_ms: progress.first_attempt_at_ms.unwrap_or_default(),
        attempts: progress.attempts,
        replays: progress.replays,
    };
    work.state.save_event(sequence, Stepped { progress, nudge: None });
    claimed
}

fn operate(work: &mut Work<'_>, selection: &Selection, operation: &Operation) -> Tally {
    let mut tally = Tally::default();
    let mut sequences: Vec<i64> = match selection {
        Selection::Ids(ids) => {
            let found = ids.iter().filter_map(|id| work.state.event_ids.get(id).copied());
            let found: Vec<_> = found.collect();
            tally.unknown = (ids.len() - found.len()) as u64;
            found
        }
        Selection::Matching(filter) => {
            let events = work.state.events.iter();
            let found = events.filter(|(_, event)| matches(work, filter, event));
            found.map(|(sequence, _)| *sequence).collect()
        }
    };
    sequences.sort_unstable();
    for sequence in sequences {
        let event = &work.state.events[&sequence];
        let account = event.new.account.clone();
        let beside = work.state.beside(&account, event.new.reference.as_deref(), sequence);
        let head = beside.iter().find(|other| other.due_ms.is_some()).copied();
        let (progress, earliest) = (event.progress.clone(), beside.first().copied());
        match steps::operate(progress, sequence, operation, earliest, head, work.now_ms) {
            Operated::Changed(stepped) => {
                work.state.save_event(sequence, stepped);
                work.wake(&account);
                tally.changed += 1;
            }
            Operated::InFlight => tally.in_flight += 1,
            Operated::Unchanged => tally.unchanged += 1,
        }
    }
    tally
}

fn matches(work: &Work<'_>, filter: &Filter, event: &Event) -> bool {
    let Filter { account, states, reference, from_ms, until_ms } = filter;
    let received_at_ms = event.new.received_at_ms;
    account.as_ref().is_none_or(|account| work.state.is_same(account, &event.new.account))
        && (states.is_empty() || states.contains(&event.progress.state))
        && (reference.is_none() || *reference == event.new.reference)
        && from_ms.is_none_or(|from_ms| received_at_ms >= from_ms)
        && until_ms.is_none_or(|until_ms| received_at_ms < until_ms)
}

/// As people see it: with dates.
fn shown(work: &Work<'_>, event: &Event) -> EventRow {
    let Event { new, progress, duplicates, last_seen_at_ms, .. } = event;
    EventRow {
        id: new.id.clone(),
        sequence: event.sequence,
        account: work.state.current(&new.account),
        provider: new.provider.clone(),
        event_name: new.event_name.clone(),
        kind: new.kind.clone(),
        event_type: new.event_type.clone(),
        status: new.status.clone(),
        reference: new.reference.clone(),
        provider_reference: new.provider_reference.clone(),
        verified_by: new.verified_by.clone(),
        received_at_ms: new.received_at_ms,
        duplicates: *duplicates,
        last_seen_at_ms: *last_seen_at_ms,
        state: progress.state,
        attempts: progress.attempts,
        next_attempt_at_ms: progress.due_ms.map(|due_ms| work.date(due_ms)),
        claimed: progress.lease.is_some(),
        last_error: progress.last_error.clone(),
        delivered_at_ms: progress.delivered_at_ms,
        closed_at_ms: progress.closed_at_ms,
        discard_reason: progress.discard_reason.clone(),
        replays: progress.replays,
    }
}

impl Work<'_> {
    fn event(&mut self, id: &EventId) -> Option<&mut Event> {
        self.state.events.get_mut(self.state.event_ids.get(id)?)
    }
}
