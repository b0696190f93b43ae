//! The journal on a real file: processes that are killed while they pay, disks without room, shared commits.

use std::collections::HashSet;
use std::io::Write;
use std::sync::Arc;

use super::commits::{hold_up, limit_pages, wait_for_queue};
use super::crash::{ACKNOWLEDGED, STORE, child, lines};
use super::*;
use crate::environment::variable;
use crate::payment::State;
use crate::store::conformance::Stepping;
use crate::store::conformance::paying::{HOLD_MS, payout, rules, sending, state};
use crate::store::conformance::{LEASE_MS, T0, event};
use crate::store::{Begun, Inbox, Journal, PaymentFilter, Reason};

const PAYERS: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn every_attempt_that_was_announced_survives_kill_9_and_is_unknown() {
    let place = Directory::on_disk();
    let mut announced = HashSet::new();
    for kill_after in [1, 40, 300] {
        let mut child = child(module_path!(), "announce_until_killed", &place.file(), None);
        let (mut told, lines) = (0, lines(&mut child));
        for line in lines.map_while(Result::ok) {
            let Some((_, reference)) = line.split_once(ACKNOWLEDGED) else { continue };
            announced.insert(reference.to_owned());
            told += 1;
            if told == kill_after {
                child.kill().expect("killed");
            }
        }
        assert!(!child.wait().expect("it ended").success(), "it was killed in the middle");

        let store = place.open();
        // Long before the hold runs out: the lock of a killed process says that it is dead.
        let recovered = store.at(T0 + 1).recover(T0 + 1).await.expect("recovered");
        assert_eq!(recovered.under_way, 0, "nobody is sending any more");
        let unknown = unknown(&*store).await;
        let lost: Vec<_> = announced.difference(&unknown).collect();
        assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), announced.len());
        for reference in announced.iter().take(20) {
            let begun = store.begin(payout(reference)).await.expect("answered");
            assert!(matches!(begun, Begun::Known(_)), "{reference} could be paid again: {begun:?}");
        }
    }
}

async fn unknown(store: &dyn Store) -> HashSet<String> {
    let filter = PaymentFilter { states: vec!["unknown".into()], ..PaymentFilter::default() };
    let (mut references, mut cursor) = (HashSet::new(), None);
    loop {
        let page = store.list_payments(&filter, cursor, 1_000).await.expect("a page");
        references.extend(page.payments.into_iter().map(|row| row.reference));
        cursor = page.next;
        if cursor.is_none() {
            return references;
        }
    }
}

#[test]
#[ignore = "the child of another test"]
fn announce_until_killed() {
    let Some(store) = variable(STORE) else { return };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = open(&StoreUrl::Sqlite(store.into())).expect("the store opens");
        let payers: Vec<_> =
            (0..PAYERS).map(|payer| tokio::spawn(announce_forever(store.clone(), payer))).collect();
        for payer in payers {
            payer.await.expect("the payer goes on until it is killed");
        }
    });
}

async fn announce_forever(store: Arc<dyn Store>, payer: usize) {
    for n in 0.. {
        let reference = format!("{}X{payer}X{n}", std::process::id());
        let new = payout(&reference);
        let id = new.id.clone();
        if n % 2 == 0 {
            store.begin_sending(new).await.expect("written down");
        } else {
            store.begin(new).await.expect("written down");
            store.about_to_send(&id, rules(), T0).await.expect("announced");
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{ACKNOWLEDGED}{reference}")
            .and_then(|()| out.flush())
            .expect("the parent reads");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_lets_nothing_be_begun_or_sent_and_is_survived() {
    let place = Directory::on_disk();
    let store = Arc::new(place.sqlite());
    let under_way = sending(&*store, "A").await;
    limit_pages(&store, 1).await;
    let mut refused = 0;
    for n in 0..200 {
        let mut new = payout(&format!("B{n}"));
        new.parameters = "x".repeat(20_000);
        if let Err(error) = store.begin_sending(new).await {
            assert_eq!(error.reason(), Some(Reason::DiskFull), "{error}");
            refused += 1;
        }
    }
    assert!(refused > 190, "a caller that is told nothing would send: {refused}");
    assert_eq!(state(&*store, &under_way).await, State::Sending { attempt: 1 });
    limit_pages(&store, 1_000_000).await;
    sending(&*store, "C").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_and_notifications_share_a_commit() {
    let place = Directory::on_disk();
    let store = Arc::new(place.sqlite());
    let hold = hold_up(&store);
    let before = store.activity();
    let paying: Vec<_> = (0..100)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.begin_sending(payout(&format!("A{n}"))).await })
        })
        .collect();
    let receiving = {
        let store = store.clone();
        tokio::spawn(async move { store.receive(event("k", None)).await })
    };
    wait_for_queue(&store, 101).await;
    drop(hold);
    for payment in paying {
        payment.await.expect("no panic").expect("written down");
    }
    receiving.await.expect("no panic").expect("stored");
    let after = store.activity();
    // The call that held the writer up has a commit of its own.
    assert_eq!(after.commits - before.commits, 2, "a hundred payments share one sync");
}

#[tokio::test]
async fn a_process_that_pays_leaves_no_lock_file_behind() {
    let place = Directory::on_disk();
    let store = place.open();
    let files = || {
        let folder = place.file().parent().expect("a folder").to_owned();
        let names = std::fs::read_dir(folder).expect("read").flatten();
        names.filter(|file| file.file_name().to_string_lossy().contains("holder")).count()
    };
    assert_eq!(files(), 1, "it is seen before its first payment");
    sending(&*store, "A").await;
    let command = SqliteStore::open_existing(&place.file(), place.clock.clone()).expect("opened");
    assert_eq!(files(), 1, "an operator's command makes none");
    command.close().await.expect("closed");
    store.close().await.expect("closed");
    assert_eq!(files(), 0);
}

#[tokio::test]
async fn a_lock_file_that_somebody_removes_makes_no_living_process_unsafe() {
    let place = Directory::on_disk();
    let store = place.open();
    let id = sending(&*store, "A").await;
    let folder = place.file().parent().expect("a folder").to_owned();
    for file in std::fs::read_dir(folder).expect("read").flatten() {
        if file.file_name().to_string_lossy().contains("holder") {
            std::fs::remove_file(file.path()).expect("removed");
        }
    }
    assert_eq!(
        store.at(T0 + HOLD_MS - 1).recover(T0 + HOLD_MS - 1).await.expect("recovered").unknown,
        1
    );
    assert_eq!(
        store.at(T0 + HOLD_MS).claim_unknown("shop", 9, LEASE_MS).await.expect("ok").len(),
        1
    );
    let again = store.at(T0 + HOLD_MS).about_to_send(&id, rules(), T0 + HOLD_MS).await;
    assert!(again.is_err(), "taken for dead, it is asked about and not sent again");
}
