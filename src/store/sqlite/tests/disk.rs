//! Files that are damaged, missing, foreign, or out of reach.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rusqlite::Connection;

use super::*;
use crate::store::conformance::{event, stored};
use crate::store::{Inbox, Reason, StoreError};

fn refused(path: &Path) -> StoreError {
    SqliteStore::open(path, Clock::System).err().expect("it must not open")
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let place = Directory::on_disk();
    let file = place.folder.path().join("plain-file");
    fs::write(&file, "x").expect("written");
    let error = refused(&file.join("sub/countersign.db")).to_string();
    assert!(error.contains("plain-file/sub") && error.contains("cannot create"), "{error}");
}

#[test]
fn a_directory_in_place_of_the_file_is_named() {
    let place = Directory::on_disk();
    let error = refused(place.folder.path()).to_string();
    assert!(error.contains("is a directory"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let place = Directory::on_disk();
    let file = place.folder.path().join("notes.txt");
    let text = "not a database, and longer than the header of one\n".repeat(100);
    fs::write(&file, &text).expect("written");
    let error = refused(&file);
    assert_eq!(error.reason(), Some(Reason::Corrupt), "{error}");
    assert!(error.to_string().contains("notes.txt"), "{error}");
    assert_eq!(fs::read_to_string(&file).expect("read"), text);
}

#[test]
fn another_programs_database_is_refused_and_left_alone() {
    let place = Directory::on_disk();
    let file = place.folder.path().join("other.db");
    let other = Connection::open(&file).expect("opened");
    other.execute_batch("CREATE TABLE theirs (x)").expect("created");
    let before = fs::read(&file).expect("read");
    let error = refused(&file).to_string();
    assert!(error.contains("another program"), "{error}");
    assert!(fs::read(&file).expect("read") == before, "not a byte of it was changed");
}

#[tokio::test]
async fn a_damaged_file_is_never_acknowledged_into() {
    let place = Directory::on_disk();
    let store = place.open();
    for n in 0..50 {
        stored(&*store, &format!("k{n}"), Some("A")).await;
    }
    store.close().await.expect("closed");
    let mut bytes = fs::read(place.file()).expect("read");
    // The first pages hold the schema; everything after them becomes rubbish.
    let schema = 8 * 4096;
    assert!(bytes.len() > schema * 2, "the file has more than its schema");
    bytes[schema..].fill(0xa5);
    fs::write(place.file(), bytes).expect("written");

    let store = match SqliteStore::open(&place.file(), place.clock.clone()) {
        Ok(store) => store,
        Err(error) => {
            assert_eq!(error.reason(), Some(Reason::Corrupt), "{error}");
            return;
        }
    };
    for n in 0..3 {
        let error = store.receive(event(&format!("new{n}"), Some("A"))).await;
        let error = error.expect_err("a damaged file takes nothing");
        assert_eq!(error.reason(), Some(Reason::Corrupt), "{error}");
    }
}

#[tokio::test]
async fn a_file_removed_while_in_use_is_not_written_into_the_void() {
    let place = Directory::on_disk();
    let store = place.open();
    stored(&*store, "k", None).await;
    fs::remove_file(place.file()).expect("removed");
    let error = store.receive(event("k2", None)).await.expect_err("nobody would find it again");
    assert_eq!(error.reason(), Some(Reason::Replaced), "{error}");
    assert!(store.probe().await.is_err());
}

#[tokio::test]
async fn a_file_overwritten_while_in_use_is_noticed_before_anything_is_acknowledged() {
    for from in [0, 8 * 4096] {
        let place = Directory::on_disk();
        let store = place.open();
        for n in 0..50 {
            stored(&*store, &format!("k{n}"), Some("A")).await;
        }
        // Another process copies the log into the file when it ends.
        place.open().close().await.expect("closed");
        stored(&*store, "unharmed", Some("A")).await;
        let mut bytes = fs::read(place.file()).expect("read");
        bytes[from..].fill(0xa5);
        let file = fs::OpenOptions::new().write(true).open(place.file()).expect("opened");
        file.write_all_at(&bytes, 0).expect("overwritten");
        for n in 0..3 {
            let error = store.receive(event(&format!("new{n}"), Some("B"))).await;
            let error = error.expect_err("pages in memory must not hide what is on the disk");
            assert_eq!(error.reason(), Some(Reason::Corrupt), "{error}");
        }
    }
}

#[tokio::test]
async fn a_log_removed_while_in_use_takes_nothing_with_it() {
    for end in ["-wal", "-shm"] {
        let place = Directory::on_disk();
        let store = place.open();
        let known = stored(&*store, "k", None).await;
        let mut beside = place.file().into_os_string();
        beside.push(end);
        fs::remove_file(&beside).expect("removed");
        let error = store.receive(event("k2", None)).await.expect_err("nobody would find it again");
        assert_eq!(error.reason(), Some(Reason::Replaced), "{error}");
        assert!(error.to_string().contains(end), "{error}");
        // As after kill -9: nothing is closed in an orderly way.
        std::mem::forget(store);
        let found = place.open().show(&known).await.expect("readable");
        assert!(found.is_some(), "{end}: what was acknowledged before is there after a restart");
    }
}

#[tokio::test]
async fn another_process_that_keeps_the_file_locked_is_named_as_the_reason() {
    let place = Directory::on_disk();
    let store = place.sqlite();
    store
        .write(|work| work.connection.busy_timeout(std::time::Duration::ZERO))
        .await
        .expect("no patience");
    let other = Connection::open(place.file()).expect("opened");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let error = store.receive(event("k", None)).await.expect_err("it cannot be written");
    assert_eq!(error.reason(), Some(Reason::Locked), "{error}");
    other.execute_batch("ROLLBACK").expect("unlocked");
    store.receive(event("k", None)).await.expect("it goes on by itself");
}

#[tokio::test]
async fn what_another_process_keeps_locked_can_be_opened_and_read() {
    let place = Directory::on_disk();
    let store = place.open();
    let id = stored(&*store, "k", None).await;
    let other = Connection::open(place.file()).expect("opened");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let operator =
        SqliteStore::open(&place.file(), place.clock.clone()).expect("opening writes nothing");
    assert!(operator.show(&id).await.expect("read").is_some());
}
