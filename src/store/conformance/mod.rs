//! What every store must do, written against `dyn Store`. A store runs all of it with `conformance_tests!`.

mod delivering;
mod interleavings;
mod noticing;
mod observing;
mod operating;
mod owing;
pub(super) mod paying;
mod payments;
mod receiving;
mod recovering;
mod renaming;
mod resolving;
mod stepping;
mod tidying;

use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::Offset;

use super::{
    Attempt, Claimed, EventId, EventRow, EventState, Filter, Intake, NewEvent, OutcomeEvent,
    Settlement, Store,
};
use crate::clock::{Clock, MovedClock};
use crate::provider::{NormaliseContext, Normalised, Provider, Recount};

pub(super) use delivering::*;
pub(super) use interleavings::*;
pub(super) use noticing::*;
pub(super) use observing::*;
pub(super) use operating::*;
pub(super) use owing::*;
pub(super) use paying::*;
pub(super) use payments::*;
pub(super) use receiving::*;
pub(super) use recovering::*;
pub(super) use renaming::*;
pub(super) use resolving::*;
pub(super) use stepping::Stepping;
pub(super) use tidying::*;

/// A place for one store, empty at first. Opening it again finds the stored data; opening it twice acts as two processes.
pub(super) trait Place {
    fn open(&self) -> Timed;
}

/// An open store, and the clocks that it reads.
#[derive(Clone)]
pub(super) struct Timed {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
}

impl Timed {
    /// The store when its time is `time_ms`, even if that is earlier.
    pub(super) fn at(&self, time_ms: i64) -> &dyn Store {
        self.clocks().pass(time_ms - self.store.time_ms());
        &*self.store
    }

    pub(super) fn clocks(&self) -> &MovedClock {
        self.clock.moves().expect("a test's clocks")
    }
}

impl Deref for Timed {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

/// One test per case; `$place` is an expression that makes a [`Place`].
macro_rules! conformance_tests {
    ($place:expr; $($case:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let place = $place;
                crate::store::conformance::$case(&place).await;
            }
        )+
    };
    ($place:expr) => {
        conformance_tests!($place;
            a_repeated_notification_is_stored_once_and_counted,
            the_same_key_with_another_text_is_recognised_as_different,
            two_accounts_do_not_share_their_keys,
            a_hundred_copies_at_once_are_one_event,
            a_parked_event_is_a_dead_letter_and_is_not_delivered,
            a_state_that_comes_after_a_final_one_is_stored_as_late,
            everything_received_is_shown_unchanged,
            acknowledged_events_are_there_after_a_restart,
            events_of_one_reference_are_handed_out_one_by_one_in_order,
            events_without_a_reference_do_not_wait,
            other_references_and_accounts_are_not_held_up,
            a_dead_letter_lets_the_next_event_go,
            the_longest_due_event_is_handed_out_first,
            a_claimed_event_is_not_handed_out_twice_before_its_lease_ends,
            a_claim_of_a_dead_process_becomes_due_again,
            a_claim_of_a_living_process_is_respected_by_another_one,
            a_late_answer_under_an_old_lease_changes_nothing,
            a_renewed_lease_holds_longer,
            a_released_claim_does_not_count_as_an_attempt,
            the_next_due_time_is_known,
            workers_are_woken_when_something_becomes_due,
            a_jumping_wall_clock_changes_no_pause_and_no_lease,
            absurd_times_and_texts_do_no_harm,
            events_are_listed_newest_first_in_pages,
            events_are_found_by_account_state_reference_and_time,
            an_unknown_id_is_not_an_error,
            a_replay_keeps_the_id_and_says_that_it_is_one,
            a_replayed_event_goes_before_later_ones_of_its_reference,
            a_replay_does_not_interrupt_a_delivery,
            a_replay_makes_a_waiting_event_due_at_once,
            hundreds_of_dead_letters_are_replayed_by_filter,
            a_discarded_event_lets_the_next_one_go,
            an_event_being_delivered_is_not_discarded,
            an_operator_in_another_process_is_seen_by_the_worker,
            every_attempt_is_recorded,
            counts_follow_every_change,
            a_sweep_removes_only_old_closed_events,
            a_removed_event_is_still_a_duplicate_until_its_key_is_forgotten,
            a_closed_store_reports_that_it_is_closed,
            an_observer_sees_every_commit,
            a_probe_says_that_the_store_can_be_written,
            any_interleaving_delivers_in_order_and_loses_nothing,
            any_interleaving_with_replays_loses_nothing,
            forty_callers_of_one_reference_make_one_payment,
            the_same_call_again_gets_the_stored_answer,
            a_reference_with_other_parameters_is_recognised_as_different,
            a_rejected_or_unsent_reference_may_be_used_again,
            a_forbidden_step_is_an_error_and_changes_nothing,
            a_lost_payment_is_sent_again_only_when_it_is_provably_absent,
            a_lost_payment_is_handed_out_once_and_again_when_it_is_due,
            a_found_payment_is_settled_and_its_answer_kept,
            an_accepted_payment_without_a_notification_is_queried,
            waiting_callers_are_woken_when_the_payment_takes_a_step,
            a_frozen_account_begins_and_sends_nothing,
            a_closed_journal_begins_nothing,
            a_notification_settles_a_payment_whatever_its_state,
            a_repeated_notification_settles_nothing_again,
            a_notification_that_cannot_be_stored_settles_nothing,
            a_notification_with_other_values_settles_nothing,
            a_second_transaction_of_one_reference_is_seen_and_settles_nothing,
            a_notification_for_another_account_settles_nothing,
            a_contradicted_rejection_stops_a_call_that_has_not_left,
            a_payment_found_with_other_values_settles_nothing,
            a_notification_finds_its_generation,
            a_settled_payment_records_the_late_end_of_its_attempt,
            a_payment_that_a_dead_process_was_sending_is_unknown,
            a_payment_that_a_dead_process_was_querying_is_queried_at_once,
            a_payment_that_a_living_process_is_sending_is_left_alone,
            a_step_renews_the_lease,
            hundreds_of_payments_of_a_dead_process_are_recovered,
            the_event_of_a_resolved_payment_is_stored_with_the_step,
            an_event_is_flagged_for_its_own_payment_only,
            a_step_whose_event_cannot_be_stored_is_not_taken,
            a_step_that_resolves_nothing_makes_no_event,
            a_notification_resolves_what_is_in_doubt_once,
            only_a_payment_in_doubt_is_settled_by_hand,
            a_jumping_wall_clock_brings_no_resend_and_no_query_forward,
            every_unresolved_payment_is_listed_with_its_history,
            a_promised_event_is_owed_from_settlement_until_it_is_stored,
            no_event_is_promised_for_a_settled_payment,
            a_notification_is_the_event_that_was_owed,
            an_answer_that_reached_no_caller_is_owed,
            a_payment_that_never_left_is_settled_and_reported_once,
            a_payment_that_never_left_is_not_reported_beside_a_later_call,
            a_payment_that_a_dead_process_never_sent_is_reported,
            recent_payments_are_added_up_and_those_without_effect_are_not,
            a_sweep_removes_only_settled_payments_and_none_for_a_week,
            a_jumping_wall_clock_makes_nothing_old,
            odd_texts_come_back_unchanged,
            the_store_and_the_rules_never_differ,
            a_renamed_account_finds_the_payments_of_its_former_names,
            names_that_were_configured_once_stay_known,
            a_freeze_applies_under_every_name,
            events_of_a_former_name_keep_their_order_and_their_duplicates,
            a_payment_not_found_elsewhere_proves_nothing,
        );
    };
}
pub(super) use conformance_tests;

/// A fixed moment in 2023; tests count from here.
pub(super) const T0: i64 = 1_700_000_000_000;
pub(super) const LEASE_MS: i64 = 10_000;
pub(super) const HOUR_MS: i64 = 3_600_000;

/// An event of account `shop` whose dedupe key is `key`.
pub(super) fn event(key: &str, reference: Option<&str>) -> NewEvent {
    event_at(key, reference, T0)
}

pub(super) fn event_at(key: &str, reference: Option<&str>, received_at_ms: i64) -> NewEvent {
    let param = format!(r#"{{"mchOrderId": "{key}","amount":100}}"#);
    NewEvent {
        id: EventId::generate(received_at_ms).expect("randomness"),
        account: "shop".into(),
        provider: "bluepay".into(),
        dedupe_key: key.into(),
        event_name: Some("disbursement.success".into()),
        kind: Some("payout".into()),
        event_type: "countersign.payout.succeeded".into(),
        status: Some("succeeded".into()),
        reference: reference.map(str::to_owned),
        provider_reference: Some(format!("D-{key}")),
        body: Bytes::from(format!(r#"{{"sign":"AA==","param":{param:?}}}"#)),
        event: Some(format!(r#"{{"specversion":"1.0","subject":"{key}"}}"#)),
        param,
        verified_by: Some("2025".into()),
        received_at_ms,
        intake: Intake::Deliver,
    }
}

/// What a profile reads from a payout notification with that param, received at `T0`.
pub(super) fn normalised(param: &str) -> Normalised {
    let provider = Provider::builtin("bluepay").expect("built in");
    provider.normalise(param, &context()).expect("a JSON object")
}

/// The event of a payout's step that the provider did not report.
pub(super) fn outcome_event() -> OutcomeEvent {
    let provider = Provider::builtin("bluepay").expect("built in");
    let operation = provider.operation("payout_create").expect("an operation");
    let reported = provider.recount(operation, &Recount::default(), &context());
    OutcomeEvent { reported, reason: "a test".into(), at: context().received_at }
}

fn context() -> NormaliseContext<'static> {
    NormaliseContext {
        account: "shop",
        currency: Some("THB"),
        timezone: Offset::UTC,
        received_at: Timestamp::from_millisecond(T0).expect("a time"),
        id: "",
    }
}

/// Stores an event and returns its id.
pub(super) async fn stored(store: &dyn Store, key: &str, reference: Option<&str>) -> EventId {
    let event = event(key, reference);
    let id = event.id.clone();
    let received = store.receive(event).await.expect("the event is stored");
    assert_eq!(received, super::Received::Stored, "`{key}` was new");
    id
}

pub(super) async fn claim(store: &Timed, now_ms: i64) -> Vec<Claimed> {
    store.at(now_ms).claim("shop", 100, LEASE_MS).await.expect("a claim")
}

/// The ids a claim hands out.
pub(super) async fn claim_ids(store: &Timed, now_ms: i64) -> Vec<EventId> {
    claim(store, now_ms).await.into_iter().map(|claimed| claimed.lease.id).collect()
}

/// The one event a claim hands out.
pub(super) async fn claim_one(store: &Timed, now_ms: i64) -> Claimed {
    let mut claimed = claim(store, now_ms).await;
    assert_eq!(claimed.len(), 1, "exactly one event is due: {claimed:?}");
    claimed.remove(0)
}

pub(super) fn attempt(http_status: Option<u16>) -> Attempt {
    Attempt { started_at_ms: T0, duration_ms: 12, http_status }
}

pub(super) fn delivered() -> Settlement {
    Settlement::Delivered(attempt(Some(204)))
}

pub(super) fn retry(after_ms: i64) -> Settlement {
    Settlement::Retry { attempt: attempt(Some(503)), after_ms, error: "status 503".into() }
}

pub(super) fn dead() -> Settlement {
    Settlement::Dead { attempt: attempt(None), error: "connection refused".into() }
}

pub(super) async fn row(store: &dyn Store, id: &EventId) -> EventRow {
    store.show(id).await.expect("a read").expect("the event is there").row
}

/// Ids in the order of a listing.
pub(super) async fn listed(store: &dyn Store, filter: &Filter) -> Vec<EventId> {
    let listing = store.list(filter, None, 1000).await.expect("a listing");
    listing.events.into_iter().map(|row| row.id).collect()
}

pub(super) fn in_state(state: EventState) -> Filter {
    Filter { states: vec![state], ..Filter::default() }
}
