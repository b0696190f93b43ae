//! Group commit: who shares a transaction, and who shares its fate.

use std::sync::{Arc, mpsc};

use super::*;
use crate::store::conformance::{event, listed, stored};
use crate::store::{Filter, Inbox, Reason, StoreError};

/// Keeps the writer busy until the sender is dropped, so that calls pile up behind it.
pub(super) fn hold_up(store: &Arc<SqliteStore>) -> mpsc::Sender<()> {
    let (hold, held) = mpsc::channel();
    let (begun, begins) = mpsc::channel();
    let store = store.clone();
    tokio::spawn(async move {
        let held_up = store.write(move |_| {
            let _ = begun.send(());
            let _ = held.recv();
            Ok(())
        });
        held_up.await
    });
    tokio::task::block_in_place(|| begins.recv()).expect("the writer is held up");
    hold
}

/// Waits until `calls` calls wait behind the one that holds the writer up.
pub(super) async fn wait_for_queue(store: &SqliteStore, calls: u64) {
    let unanswered = || {
        let activity = store.activity();
        activity.queued.saturating_sub(activity.calls)
    };
    while unanswered() < calls + 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_that_come_together_share_a_commit() {
    let place = Directory::on_disk();
    let store = Arc::new(place.sqlite());
    let hold = hold_up(&store);
    let before = store.activity();
    let receiving: Vec<_> = (0..200)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.receive(event(&format!("k{n}"), None)).await })
        })
        .collect();
    wait_for_queue(&store, 200).await;
    drop(hold);
    for receive in receiving {
        receive.await.expect("no panic").expect("stored");
    }
    let after = store.activity();
    // The call that held the writer up is counted as well; its own commit comes first.
    assert_eq!(after.calls - before.calls, 201);
    assert_eq!(after.commits - before.commits, 2, "200 notifications share one sync");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_does_not_take_its_neighbours_with_it() {
    let place = Directory::on_disk();
    let store = Arc::new(place.sqlite());
    let hold = hold_up(&store);
    let spawn = |key: &'static str| {
        let store = store.clone();
        tokio::spawn(async move { store.receive(event(key, None)).await })
    };
    let first = spawn("first");
    wait_for_queue(&store, 1).await;
    let failing = {
        let store = store.clone();
        tokio::spawn(async move {
            let broken = store.write(|work| {
                work.connection.execute("DELETE FROM inbox", [])?;
                work.connection.execute("INSERT INTO inbox (id) VALUES ('incomplete')", [])
            });
            broken.await
        })
    };
    wait_for_queue(&store, 2).await;
    let last = spawn("last");
    wait_for_queue(&store, 3).await;
    drop(hold);
    first.await.expect("no panic").expect("stored");
    last.await.expect("no panic").expect("stored");
    let error = failing.await.expect("no panic").expect_err("it broke a constraint");
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    let kept = listed(&*store, &Filter::default()).await;
    assert_eq!(kept.len(), 2, "what the failing call deleted is back, what others stored is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_fails_every_call_of_the_commit_and_is_survived() {
    let place = Directory::on_disk();
    let store = Arc::new(place.sqlite());
    let before = stored(&*store, "before", None).await;
    limit_pages(&store, 1).await;

    let hold = hold_up(&store);
    let receiving: Vec<_> = (0..50)
        .map(|n| {
            let store = store.clone();
            let mut large = event(&format!("k{n}"), None);
            large.body = vec![b'x'; 20_000].into();
            tokio::spawn(async move { store.receive(large).await })
        })
        .collect();
    wait_for_queue(&store, 50).await;
    drop(hold);
    for receive in receiving {
        let error = receive.await.expect("no panic").expect_err("there is no room");
        assert_eq!(error.reason(), Some(Reason::DiskFull), "{error}");
    }
    let kept = listed(&*store, &Filter::default()).await;
    assert_eq!(kept, [before], "nothing of the failed commit is there");

    limit_pages(&store, 1_000_000).await;
    stored(&*store, "k0", None).await;
}

/// SQLite's own limit, which fails like a full disk; never below the present size.
pub(super) async fn limit_pages(store: &SqliteStore, pages: u32) {
    let set = store.write(move |work| {
        let sql = format!("PRAGMA max_page_count = {pages}");
        work.connection.query_row(&sql, [], |row| row.get::<_, i64>(0))
    });
    set.await.expect("the limit is set");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_writer_dies_everyone_is_told() {
    let place = Directory::on_disk();
    let store = Arc::new(place.sqlite());
    let hold = hold_up(&store);
    let dying = {
        let store = store.clone();
        tokio::spawn(async move {
            let panicking = store.write(|_| -> rusqlite::Result<()> { panic!("on purpose") });
            panicking.await
        })
    };
    wait_for_queue(&store, 1).await;
    let waiting = {
        let store = store.clone();
        tokio::spawn(async move { store.receive(event("k", None)).await })
    };
    wait_for_queue(&store, 2).await;
    drop(hold);
    let errors = [
        dying.await.expect("no panic here").expect_err("it died"),
        waiting.await.expect("no panic here").expect_err("nothing was committed"),
        store.receive(event("k", None)).await.expect_err("nobody writes any more"),
        store.probe().await.expect_err("nobody writes any more"),
    ];
    for error in errors {
        assert_eq!(error.reason(), Some(Reason::Unanswered), "{error}");
    }
    store.close().await.expect_err("closing tells it too");
    drop(store);
    assert!(listed(&*place.open(), &Filter::default()).await.is_empty(), "nothing was half done");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_than_can_wait_are_refused_at_once() {
    let place = Directory::on_disk();
    let store = Arc::new(place.sqlite());
    let hold = hold_up(&store);
    let waiting: Vec<_> = (0..super::super::WAITING_MAX)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.probe().await })
        })
        .collect();
    wait_for_queue(&store, super::super::WAITING_MAX as u64).await;
    let error = store.probe().await.expect_err("the queue is full");
    assert_eq!(error.reason(), Some(Reason::Overloaded), "{error}");
    drop(hold);
    for probe in waiting {
        probe.await.expect("no panic").expect("those that waited are served");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_hangs_up_does_not_undo_its_notification() {
    let place = Directory::on_disk();
    let store = Arc::new(place.sqlite());
    let mut changes = store.changes("shop");
    let hold = hold_up(&store);
    let caller = {
        let store = store.clone();
        tokio::spawn(async move { store.receive(event("k", None)).await })
    };
    wait_for_queue(&store, 1).await;
    caller.abort();
    assert!(caller.await.expect_err("hung up").is_cancelled());
    drop(hold);
    changes.changed().await.expect("the worker is woken all the same");
    assert_eq!(listed(&*store, &Filter::default()).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_writes_what_is_queued() {
    let place = Directory::on_disk();
    let store = Arc::new(place.sqlite());
    let hold = hold_up(&store);
    let queued: Vec<_> = (0..300)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.receive(event(&format!("k{n}"), None)).await })
        })
        .collect();
    wait_for_queue(&store, 300).await;
    let closing = {
        let store = store.clone();
        tokio::spawn(async move { store.close().await })
    };
    drop(hold);
    closing.await.expect("no panic").expect("closed");
    for receive in queued {
        receive.await.expect("no panic").expect("what was queued before is stored");
    }
    assert_eq!(listed(&*place.open(), &Filter::default()).await.len(), 300);
}
