//! The keys of every account: which one signs, until when, and when each was last used.

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::JSON;
use crate::config::{Account, Snapshot, key_warnings};
use crate::metrics::Metrics;
use crate::wire::Reply;

/// As `countersign keys --json` prints them.
pub(super) fn answer(snapshot: &Snapshot, metrics: &Metrics, now: Timestamp) -> Reply {
    let accounts = snapshot.accounts.values();
    let accounts: Map<String, Value> =
        accounts.map(|account| (account.name.clone(), keys_of(account, metrics, now))).collect();
    Reply::new(StatusCode::OK, JSON, json!({ "accounts": accounts }).to_string())
}

fn keys_of(account: &Account, metrics: &Metrics, now: Timestamp) -> Value {
    let used = |id: &str| last_used(metrics, &account.name, id).map(|at| at.to_string());
    let signer = account.signing_keys.usable_at(now).map(|key| key.id.as_str());
    let signing = account.signing_keys.keys().iter().map(|key| {
        json!({
            "id": key.id,
            "fingerprint": key.key.public().fingerprint(),
            "state": key.state_at(now).as_str(),
            "signs_now": signer == Some(&key.id),
            "not_before": key.not_before.map(|at| at.to_string()),
            "not_after": key.not_after.map(|at| at.to_string()),
            "last_used": used(&key.id),
        })
    });
    let provider = account.provider_keys.iter().map(|key| {
        json!({
            "id": key.id,
            "fingerprint": key.key.fingerprint(),
            "last_used": used(&key.id),
        })
    });
    json!({
        "signing_keys": signing.collect::<Vec<_>>(),
        "provider_keys": provider.collect::<Vec<_>>(),
        "warnings": key_warnings(account, now),
    })
}

fn last_used(metrics: &Metrics, account: &str, key_id: &str) -> Option<Timestamp> {
    Timestamp::from_second(metrics.last_used(account, key_id)? as i64).ok()
}
