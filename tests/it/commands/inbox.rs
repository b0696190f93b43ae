//! `inbox` on the store of a stopped sidecar, and without a store.

use std::path::PathBuf;

use bytes::Bytes;
use countersign::in_process::store::{EventId, Intake, NewEvent, StoreUrl, open};

use super::{Ran, run};
use crate::support::ConfigBuilder;

/// A folder with a configuration, and perhaps a store.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().expect("a folder") };
        let config = ConfigBuilder::new("http://127.0.0.1:9").text();
        let config = format!("store.url = \"sqlite:{}\"\n{config}", place.store().display());
        std::fs::write(place.file(), config).expect("a configuration file");
        place
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("data/countersign.db")
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("countersign.toml")
    }

    /// Stores one event about `reference`.
    async fn receive(&self, reference: &str) -> EventId {
        let store = open(&StoreUrl::Sqlite(self.store())).expect("a store");
        let id = EventId::generate(1_700_000_000_000).expect("randomness");
        let event = NewEvent {
            id: id.clone(),
            account: "shop".to_owned(),
            provider: "bluepay".to_owned(),
            dedupe_key: "key".to_owned(),
            event_name: None,
            kind: None,
            event_type: "countersign.payout.succeeded".to_owned(),
            status: None,
            reference: Some(reference.to_owned()),
            provider_reference: None,
            body: Bytes::new(),
            param: "not\u{1b}[2J json".to_owned(),
            event: None,
            verified_by: None,
            received_at_ms: 1_700_000_000_000,
            intake: Intake::Deliver,
        };
        store.receive(event).await.expect("stored");
        store.close().await.expect("closed");
        id
    }

    fn inbox(&self, arguments: &[&str]) -> Ran {
        let file = self.file();
        let file = file.to_str().expect("a plain name");
        run(&[&["inbox", "--config", file], arguments].concat())
    }
}

#[test]
fn a_missing_store_is_an_error_and_is_not_created() {
    let place = Place::new();
    for arguments in [
        &["list"][..],
        &["show", "evt_01hv3e9k5y0000000000000000"],
        &["replay", "--state", "dead"],
        &["discard", "--state", "dead", "--reason", "test"],
    ] {
        place.inbox(arguments).complained(1, "does not exist, expected the store of a sidecar");
    }
    assert!(!place.store().exists(), "an empty store would hide the wrong path");
}

#[tokio::test]
async fn the_configuration_may_also_be_given_after_the_action() {
    let place = Place::new();
    place.receive("ORDER1").await;
    let file = place.file();
    let file = file.to_str().expect("a plain name");
    let listed = run(&["inbox", "list", "--config", file, "--json"]).json();
    assert_eq!(listed["events"][0]["reference"], "ORDER1", "{listed:#}");
    run(&["payments", "list", "--config", file]).done();
}

#[tokio::test]
async fn text_from_a_stranger_is_escaped_on_the_terminal_but_not_in_json() {
    let place = Place::new();
    let id = place.receive("red\u{1b}[31m\nforged line").await;
    for arguments in [&["list"][..], &["show", id.as_str()]] {
        let printed = place.inbox(arguments).done();
        assert!(printed.contains("red\\u{1b}[31m\\nforged line"), "{printed:?}");
        assert!(!printed.contains('\u{1b}'), "{printed:?}");
    }
    let shown = place.inbox(&["show", id.as_str(), "--json"]).json();
    assert_eq!(shown["reference"], "red\u{1b}[31m\nforged line");
}

#[test]
fn an_invalid_page_size_is_wrong_usage() {
    for limit in ["0", "1001", "x"] {
        Place::new().inbox(&["list", "--limit", limit]).complained(2, "'--limit <N>'");
    }
}
