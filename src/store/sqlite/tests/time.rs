//! Store time on a real file: processes whose wall clocks differ, machines that start anew, files of earlier versions.

use rusqlite::Connection;

use super::super::connect;
use super::super::migrate::{MIGRATIONS, migrate};
use super::*;
use crate::provider::CodeMeaning;
use crate::store::conformance::HOUR_MS;
use crate::store::conformance::Stepping;
use crate::store::conformance::paying::{HOLD_MS, answered, conclude, payout, sending, state};
use crate::store::journal::PAYMENTS_KEPT_MIN_MS;
use crate::store::{Begun, StoreClock};

const DAY_MS: i64 = 24 * HOUR_MS;

impl Directory {
    /// The store as a process on the machine with those clocks opens it.
    fn opened_by(&self, clock: &Clock) -> Timed {
        let store = open_by(&StoreUrl::Sqlite(self.file()), clock.clone());
        Timed { store: store.expect("the store opens"), clock: clock.clone() }
    }
}

#[tokio::test]
async fn processes_whose_wall_clocks_are_apart_agree_about_time() {
    let place = Directory::new();
    let old = place.open();
    let id = sending(&*old, "A").await;
    // The same machine: the same start, the same uptime.
    for wall_ms in [T0 + 400 * DAY_MS, T0 - 400 * DAY_MS] {
        let new = place.opened_by(&Clock::fixed(wall_ms));
        assert_eq!(new.time_ms(), old.time_ms());
        let found = new.recover(wall_ms).await.expect("looked through");
        assert_eq!((found.unknown, found.under_way), (0, 1), "its process holds it still");
        new.close().await.expect("closed");
    }
    conclude(&*old, &id, answered(10_000, CodeMeaning::Accepted)).await;
    assert_eq!(old.sweep_payments(0).await, Ok(0));
}

#[tokio::test]
async fn time_goes_on_over_a_restart_of_the_process_whatever_was_written_down() {
    let place = Directory::new();
    let store = place.open();
    // Killed: it wrote nothing down at the end.
    drop(store);
    place.clock.moves().expect("moved").pass(5 * DAY_MS);
    place.clock.moves().expect("moved").jump(-99 * DAY_MS);
    assert_eq!(place.open().time_ms(), T0 + 5 * DAY_MS);
}

#[tokio::test]
async fn a_machine_that_was_off_makes_nothing_old() {
    let place = Directory::new();
    let store = place.open();
    let clocks = place.clock.moves().expect("moved");
    let paid = sending(&*store, "A").await;
    conclude(&*store, &paid, answered(10_000, CodeMeaning::Accepted)).await;
    let lost = sending(&*store, "B").await;
    clocks.pass(HOUR_MS);
    store.recover(T0).await.expect("looked through");
    clocks.pass(59_000);
    store.recover(T0).await.expect("looked through");
    drop(store);
    clocks.reboot(400 * DAY_MS);
    let store = place.open();
    assert_eq!(store.time_ms(), T0 + HOUR_MS, "the last minute may be lost, no more");
    assert_eq!(store.sweep_payments(0).await, Ok(0));
    let begun = store.begin(payout("A")).await.expect("answered");
    assert!(matches!(begun, Begun::Known(_)), "it was paid: {begun:?}");
    assert_eq!(state(&*store, &lost).await.as_str(), "unknown");
    clocks.pass(PAYMENTS_KEPT_MIN_MS - HOUR_MS + 1);
    assert_eq!(store.sweep_payments(0).await, Ok(1), "a week of running is a week");
}

#[tokio::test]
async fn a_sidecar_writes_the_time_down_when_it_closes_and_a_command_that_looks_does_not() {
    let place = Directory::new();
    let clocks = place.clock.moves().expect("moved");
    let store = place.open();
    clocks.pass(7_000);
    store.close().await.expect("closed");
    clocks.reboot(DAY_MS);
    let command = SqliteStore::open_existing(&place.file(), place.clock.clone()).expect("opened");
    assert_eq!(command.time_ms(), T0 + 7_000);
    clocks.pass(9_000);
    assert_eq!(command.time_ms(), T0 + 16_000);
    command.close().await.expect("closed");
    assert_eq!(place.open().time_ms(), T0 + 7_000);
}

/// Not supported, and still: two kernels on one file, as some container sandboxes have one each.
#[tokio::test]
async fn a_process_on_another_kernel_catches_up_and_never_falls_back() {
    let place = Directory::new();
    let here = place.open();
    sending(&*here, "A").await;
    place.clock.moves().expect("moved").pass(50_000);
    let elsewhere = Clock::fixed(T0);
    elsewhere.moves().expect("moved").reboot(0);
    let there = place.opened_by(&elsewhere);
    assert_eq!(there.time_ms(), T0, "the last that was written down");
    place.clock.moves().expect("moved").pass(HOLD_MS);
    here.recover(T0).await.expect("written down");
    elsewhere.moves().expect("moved").pass(60_000);
    there.recover(T0).await.expect("caught up");
    assert_eq!(there.time_ms(), T0 + 50_000 + HOLD_MS);
}

/// A file of the version before store time: a payment settled on day 0, one in doubt, an event delivered on day 0 and one
/// that waits for its retry. Its newest stamp is from day 1.
fn earlier_version(place: &Directory) {
    drop(Connection::open({
        std::fs::create_dir_all(place.file().parent().expect("a folder")).expect("made");
        place.file()
    }));
    let mut connection = connect::writer(&place.file()).expect("opened");
    migrate(&mut connection, &place.file(), &MIGRATIONS[..4]).expect("migrated");
    let payment = |id: &str,
                   reference: &str,
                   state: &str,
                   settled: Option<i64>,
                   ask: Option<i64>| {
        let sql = "INSERT INTO payment (id, account, provider, operation, reference, generation,
                fingerprint, state, attempts, open_attempts, told, doubtful_since, absences,
                last_absence_at, begun_at, settled_at, asks, next_ask_at, holder, hold, held_until,
                amount_differs, contradicted)
            VALUES (?1, 'shop', 'bluepay', 'payout_create', ?2, 1, zeroblob(32), ?3, 1, 2, 'nothing',
                ?4, 0, 0, ?4, ?5, 0, ?6, 'gone', 1000, ?4, 0, 0)";
        connection
            .execute(sql, rusqlite::params![id, reference, state, T0 + DAY_MS, settled, ask])
            .expect("inserted");
        let sequence = connection.last_insert_rowid();
        let sql = "INSERT INTO payment_text (sequence, parameters) VALUES (?1, '{}')";
        connection.execute(sql, [sequence]).expect("inserted");
    };
    payment("pay_01hf7yat00000000000000000a", "A", "accepted", Some(T0), None);
    payment("pay_01hf7yat00000000000000000b", "B", "unknown", None, Some(T0 + DAY_MS + 5_000));
    let event = |id: &str, state: &str, closed: Option<i64>, due: Option<i64>| {
        let sql = "INSERT INTO inbox (id, account, provider, type, dedupe_key, text_hash, received_at,
                last_seen_at, state, attempts, first_attempt_at, next_attempt_at, scheduled_at, closed_at)
            VALUES (?1, 'shop', 'bluepay', 't', ?1, zeroblob(32), ?2, ?2, ?3, 1, ?2, ?4, ?2, ?5)";
        connection
            .execute(sql, rusqlite::params![id, T0 + DAY_MS, state, due, closed])
            .expect("inserted");
        let sequence = connection.last_insert_rowid();
        let sql = "INSERT INTO inbox_text (sequence, body, param) VALUES (?1, x'', '{}')";
        connection.execute(sql, [sequence]).expect("inserted");
    };
    event("evt_01hf7yat00000000000000000a", "delivered", Some(T0), None);
    event("evt_01hf7yat00000000000000000b", "retrying", None, Some(T0 + DAY_MS + 9_000));
}

#[tokio::test]
async fn a_store_of_the_version_before_keeps_its_promises_whatever_the_wall_clock_does_meanwhile() {
    for wall_ms in [T0 + DAY_MS + 1_000, T0 + 400 * DAY_MS, T0 - 400 * DAY_MS] {
        let place = Directory::new();
        earlier_version(&place);
        let clock = Clock::fixed(wall_ms);
        let store = place.opened_by(&clock);
        let clocks = clock.moves().expect("moved");
        assert_eq!(store.time_ms(), wall_ms.min(T0 + DAY_MS), "it begins where the file ends");
        let keep = crate::store::Retention {
            delivered_ms: 2 * DAY_MS,
            dead_ms: 2 * DAY_MS,
            seen_ms: 9 * DAY_MS,
        };
        assert_eq!(store.sweep_payments(0).await, Ok(0));
        assert_eq!(store.sweep(keep).await.map(|swept| swept.events), Ok(0));
        let asks = async || store.claim_unknown("shop", 9, 1_000).await.expect("a claim").len();
        clocks.pass(5_001);
        assert_eq!(
            asks().await,
            1,
            "what is in doubt is asked about, with a wall clock of {wall_ms}"
        );
        clocks.pass(4_000);
        let claimed = store.claim("shop", 9, 1_000).await.expect("a claim");
        assert_eq!(claimed.len(), 1, "what waits is delivered, with a wall clock of {wall_ms}");
        clocks.pass(PAYMENTS_KEPT_MIN_MS + 500 * DAY_MS);
        assert_eq!(store.sweep_payments(0).await, Ok(1), "in the end it is old");
        assert_eq!(store.sweep(keep).await.map(|swept| swept.events), Ok(1));
    }
}

#[tokio::test]
async fn people_are_told_dates() {
    let place = Directory::new();
    let store = place.open();
    let clocks = place.clock.moves().expect("moved");
    clocks.reboot(100 * DAY_MS);
    let store = {
        store.close().await.expect("closed");
        place.open()
    };
    let id = sending(&*store, "A").await;
    let now_ms = place.clock.unix_ms();
    let lost = crate::store::Conclusion::InDoubt { reason: "reset".into() };
    store.conclude(&id, 1, lost, 60_000, None, now_ms).await.expect("written down");
    let shown = store.show_payment(&id).await.expect("a read").expect("it is there");
    assert_eq!(shown.view.row.next_query_at_ms, Some(now_ms + 60_000));
    let read = Connection::open(place.file()).expect("opened");
    let sql = "SELECT unixepoch(next_ask) - ?1 FROM payment_view";
    let ahead: i64 = read.query_row(sql, [now_ms / 1000], |row| row.get(0)).expect("read");
    assert_eq!(ahead, 60);
}
