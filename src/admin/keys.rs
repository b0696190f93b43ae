//! The keys of every account: which one signs, until when, and when each was last used.

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::JSON;
use crate::config::{Account, KeyList, Snapshot};
use crate::metrics::Metrics;
use crate::wire::Reply;

/// Per account, in the same form as `countersign keys list --json`.
pub(super) fn answer(snapshot: &Snapshot, metrics: &Metrics, now: Timestamp) -> Reply {
    let accounts = snapshot.accounts.values();
    let accounts: Map<String, Value> = accounts
        .map(|account| (account.name.clone(), json!(keys_of(account, metrics, now))))
        .collect();
    Reply::new(StatusCode::OK, JSON, json!({ "accounts": accounts }).to_string())
}

fn keys_of(account: &Account, metrics: &Metrics, now: Timestamp) -> KeyList {
    let mut list = KeyList::of(account, now);
    for key in list.signing_keys.iter_mut().chain(&mut list.provider_keys) {
        key.last_used = last_used(metrics, &account.name, &key.id).map(|at| at.to_string());
    }
    list
}

fn last_used(metrics: &Metrics, account: &str, key_id: &str) -> Option<Timestamp> {
    Timestamp::from_second(metrics.last_used(account, key_id)? as i64).ok()
}
