//! The file itself: modes, schema versions, size, and what other programs can read in it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;

use super::super::connect;
use super::super::migrate::{MIGRATIONS, migrate};
use super::*;
use crate::store::conformance::{HOUR_MS, T0, claim, delivered, event, listed, stored};
use crate::store::{Filter, Journal, Retention, StoreError};

#[tokio::test]
async fn only_the_owner_can_read_the_events() {
    let place = Directory::new();
    let store = place.open();
    stored(&*store, "k", None).await;
    let file = place.file();
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(file.parent().expect("a parent")), 0o700);
    for name in ["countersign.db", "countersign.db-wal", "countersign.db-shm"] {
        assert_eq!(mode(&file.with_file_name(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_in_plain_words() {
    let place = Directory::new();
    drop(place.sqlite());
    let newer = Connection::open(place.file()).expect("opened");
    newer.pragma_update(None, "user_version", 99).expect("set");
    let error = SqliteStore::open(&place.file(), place.clock.clone()).err().expect("refused");
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error:?}");
    assert!(error.to_string().contains("use the newer program"), "{error}");
}

#[tokio::test]
async fn a_command_makes_no_store_and_leaves_an_older_schema_as_it_is() {
    let place = Directory::new();
    let refused = |words: &str| {
        let error = SqliteStore::open_existing(&place.file(), place.clock.clone())
            .err()
            .expect("refused")
            .to_string();
        assert!(error.contains(words), "{error}");
        assert!(error.contains(&place.file().display().to_string()), "it names the path: {error}");
    };
    refused("does not exist, expected the store of a sidecar");
    assert!(!place.file().parent().expect("a folder").exists(), "not even its folder is made");

    fs::create_dir(place.file().parent().expect("a folder")).expect("made");
    fs::write(place.file(), "").expect("an empty file");
    refused("has the schema of an older program");
    assert_eq!(
        fs::metadata(place.file()).expect("there").len(),
        0,
        "it is no store and becomes none"
    );

    let mut older = Connection::open(place.file()).expect("opened");
    migrate(&mut older, &place.file(), &MIGRATIONS[..MIGRATIONS.len() - 1]).expect("migrated");
    drop(older);
    let before = fs::read(place.file()).expect("read");
    refused("or start the new sidecar, which brings the store up to date");
    assert!(fs::read(place.file()).expect("read") == before, "an older program still opens it");
}

#[tokio::test]
async fn a_sidecar_is_seen_from_when_it_opens_the_store_until_it_closes_it() {
    let place = Directory::new();
    let sidecar = place.sqlite();
    let command = SqliteStore::open_existing(&place.file(), place.clock.clone()).expect("opened");
    assert!(
        !crate::store::sqlite::sidecars(&place.file()).is_empty(),
        "it has made no payment yet"
    );
    sidecar.close().await.expect("closed");
    command.recover(T0).await.expect("a command that needs a holder of its own");
    assert!(crate::store::sqlite::sidecars(&place.file()).is_empty(), "a command is no sidecar");
}

/// Stands for a later version of the schema.
const LATER: &str = "ALTER TABLE inbox ADD COLUMN later TEXT NOT NULL DEFAULT 'added';";

#[tokio::test(flavor = "multi_thread")]
async fn an_older_schema_is_brought_up_to_date_with_everything_in_it() {
    let place = Directory::new();
    let store = place.open();
    let id = stored(&*store, "k", Some("A")).await;
    store.close().await.expect("closed");

    let migrations = [MIGRATIONS, &[LATER]].concat();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut connection = connect::writer(&place.file()).expect("opened");
                migrate(&mut connection, &place.file(), &migrations).expect("both come through");
            });
        }
    });
    let connection = Connection::open(place.file()).expect("opened");
    let (found, later): (String, String) = connection
        .query_row("SELECT id, later FROM inbox", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("read");
    assert_eq!((found, later.as_str()), (id.to_string(), "added"));
}

#[test]
fn a_migration_that_fails_leaves_the_older_schema_whole() {
    let place = Directory::new();
    drop(place.sqlite());
    let broken = [MIGRATIONS, &["CREATE TABLE half (x); CREATE TABLE inbox (x);"]].concat();
    let mut connection = connect::writer(&place.file()).expect("opened");
    migrate(&mut connection, &place.file(), &broken).expect_err("it is broken");
    let half: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'half'", [], |row| row.get(0))
        .expect("read");
    assert_eq!(half, 0, "a migration happens as a whole or not at all");
    drop(connection);
    drop(place.sqlite());
}

#[tokio::test]
async fn every_commit_is_synced_and_logged() {
    let place = Directory::new();
    let store = place.sqlite();
    let settings = store.write(|work| {
        let get = |name: &str| -> rusqlite::Result<String> {
            work.connection.query_row(&format!("SELECT {name} FROM pragma_{name}"), [], |row| {
                row.get::<_, rusqlite::types::Value>(0).map(|value| format!("{value:?}"))
            })
        };
        Ok([get("journal_mode")?, get("synchronous")?, get("auto_vacuum")?])
    });
    let expected = ["Text(\"wal\")", "Integer(2)", "Integer(2)"];
    assert_eq!(settings.await.expect("read"), expected, "wal, full, incremental");
}

#[tokio::test]
async fn an_operator_can_read_it_with_sqlite3_while_it_is_in_use() {
    let place = Directory::new();
    let store = place.open();
    stored(&*store, "k1", Some("A")).await;
    stored(&*store, "k2", Some("A")).await;
    let asked = Command::new("sqlite3")
        .arg("-readonly")
        .arg(place.file())
        .arg("SELECT type, state, received, waits_for FROM inbox_open ORDER BY sequence")
        .output();
    let answer = match asked {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("`sqlite3` is not installed here: not tried");
            return;
        }
        answer => answer.expect("it runs"),
    };
    let told = String::from_utf8_lossy(&answer.stdout);
    assert_eq!(
        told.lines().collect::<Vec<_>>(),
        [
            "countersign.payout.succeeded|pending|2023-11-14 22:13:20|its next attempt",
            "countersign.payout.succeeded|pending|2023-11-14 22:13:20|behind an earlier event of its reference",
        ],
        "{}",
        String::from_utf8_lossy(&answer.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_shrinks_when_old_events_are_removed() {
    const EVENTS: usize = 600;
    let place = Directory::new();
    let store = place.open();
    let receiving: Vec<_> = (0..EVENTS)
        .map(|n| {
            let store = store.clone();
            let mut large = event(&format!("k{n}"), None);
            large.body = vec![b'x'; 20_000].into();
            tokio::spawn(async move { store.receive(large).await })
        })
        .collect();
    for receive in receiving {
        receive.await.expect("no panic").expect("stored");
    }
    loop {
        let claimed = claim(&store, T0).await;
        if claimed.is_empty() {
            break;
        }
        for claimed in claimed {
            store.settle(&claimed.lease, delivered(), T0).await.expect("settled");
        }
    }
    let size = |path: &Path| fs::metadata(path).expect("there").len();
    let reopened = |store: Timed| async move {
        // Closing copies the log into the file, so that its size says something.
        store.close().await.expect("closed");
        size(&place.file())
    };
    let retention = Retention { delivered_ms: HOUR_MS, dead_ms: HOUR_MS, seen_ms: 1000 * HOUR_MS };
    let swept = store.at(T0 + 2 * HOUR_MS).sweep(retention).await.expect("swept");
    assert_eq!(swept.events, EVENTS as u64);
    assert!(swept.freed_bytes > 5_000_000, "{swept:?}");
    assert!(listed(&*store, &Filter::default()).await.is_empty());
    let after = reopened(store).await;
    assert!(after < 6_000_000, "the file still has {after} bytes after 12 MB were removed");
}

#[tokio::test]
async fn a_file_with_two_names_is_no_store() {
    let place = tempfile::tempdir().expect("a folder");
    let (file, link) = (place.path().join("store.db"), place.path().join("link.db"));
    let store = SqliteStore::open(&file, Clock::System).expect("opened");
    store.close().await.expect("closed");
    std::fs::hard_link(&file, &link).expect("linked");
    for path in [&file, &link] {
        let error = SqliteStore::open(path, Clock::System).err().expect("refused");
        assert!(error.to_string().contains("hard links"), "{error}");
    }
    std::fs::remove_file(&link).expect("removed");
    std::os::unix::fs::symlink(&file, &link).expect("linked");
    SqliteStore::open(&link, Clock::System).expect("a symbolic link is the same store");
}
