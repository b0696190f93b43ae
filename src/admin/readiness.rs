//! Whether this instance can do its work now: it needs a configuration, keys to sign with, and a writable store.
//!
//! Whether the provider is reachable does not matter here: an instance that is taken out of service because the
//! provider is down can no longer report honest outcomes.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tokio::time::timeout;

use super::JSON;
use crate::clock::instant;
use crate::config::{Account, Snapshot, key_warnings};
use crate::store::Store;
use crate::wire::Reply;

/// How long an answer of the store is reused. Checking the store writes to it, and clients may check readiness often.
const REUSED_FOR: Duration = Duration::from_secs(3);

/// How long the store may take: less than readiness probes commonly wait.
pub(super) const PATIENCE: Duration = Duration::from_millis(800);

/// The result of the last test write to the store.
pub struct StoreHealth {
    store: Arc<dyn Store>,
    last: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl StoreHealth {
    /// For a store that has not been checked yet.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, last: Mutex::default() }
    }

    /// Whether the store can be written, or why not.
    pub(super) async fn check(&self) -> Result<(), String> {
        if let Some((asked_at, said)) = self.last()
            && asked_at.elapsed() < REUSED_FOR
        {
            return said;
        }
        let said = match timeout(PATIENCE, self.store.probe()).await {
            Ok(said) => said.map_err(|error| error.to_string()),
            Err(_) => Err(format!("the store did not take a write within {PATIENCE:?}")),
        };
        *self.last.lock() = Some((instant(), said.clone()));
        said
    }

    /// The store itself.
    pub(super) fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    fn last(&self) -> Option<(Instant, Result<(), String>)> {
        self.last.lock().clone()
    }
}

/// 200 when everything is ready, otherwise 503; the body says what is not ready and why.
pub(super) async fn answer(
    snapshot: &Snapshot,
    store: &StoreHealth,
    reload: Value,
    now: Timestamp,
) -> Reply {
    let accounts: Map<String, Value> = snapshot
        .accounts
        .values()
        .map(|account| (account.name.clone(), account_state(account, now)))
        .collect();
    let store = store.check().await;
    let is_ready = store.is_ok() && accounts.values().all(|state| state["ready"] == json!(true));
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "ready": is_ready,
        "configuration": snapshot.hash,
        "reload": reload,
        "store": store_state(store),
        "accounts": accounts,
    });
    Reply::new(status, JSON, body.to_string())
}

fn account_state(account: &Account, now: Timestamp) -> Value {
    match account.signing_keys.usable_at(now) {
        Some(key) => {
            let warnings = key_warnings(&account.signing_keys, now);
            json!({ "ready": true, "signing_key": key.id, "warnings": warnings })
        }
        None => json!({ "ready": false, "reason": "no signing key is valid now" }),
    }
}

fn store_state(said: Result<(), String>) -> Value {
    match said {
        Ok(()) => json!({ "ready": true }),
        Err(reason) => json!({ "ready": false, "reason": reason }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{StoreUrl, open};

    #[tokio::test]
    async fn not_every_readiness_check_writes_to_the_store() {
        let place = tempfile::tempdir().expect("a folder");
        let file = place.path().join("store.db");
        let health = StoreHealth::new(open(&StoreUrl::Sqlite(file.clone())).expect("a store"));
        assert_eq!(health.check().await, Ok(()));
        std::fs::remove_file(&file).expect("removed");
        assert_eq!(health.check().await, Ok(()), "the answer of a moment ago is reused");
    }
}
