//! What the page shows, as JSON: `GET /status.json`. Its members are for the page and may change with it.

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::figures::Figures;
use crate::admin::Admin;
use crate::admin::readiness::PATIENCE;
use crate::config::{Account, Environment, KeyList, ListedKey};
use crate::sign::KeyState;
use crate::store::{Freeze, Store};

/// The account label of requests that named no account.
const NO_ACCOUNT: &str = "-";

pub(super) async fn collect(admin: &Admin) -> Value {
    let snapshot = admin.live.load();
    let now = admin.clock.now();
    let figures = Figures::new(admin.metrics.families());
    let store = admin.store.check().await;
    let freezes = freezes(admin.store.store()).await;
    let accounts: Vec<Value> = snapshot
        .accounts
        .values()
        .map(|account| account_figures(account, &figures, &freezes, now))
        .collect();
    json!({
        "now_ms": now.as_millisecond(),
        "build": build(&figures),
        "started_at": figures.sum("process_start_time_seconds", &[]),
        "resident_bytes": figures.sum("process_resident_memory_bytes", &[]),
        "store": { "ready": store.is_ok(), "reason": store.err() },
        "configuration": {
            "hash": snapshot.hash,
            "last_reload_successful": figures.sum("countersign_config_last_reload_successful", &[]),
            "last_reload_at": figures.sum("countersign_config_last_reload_success_timestamp_seconds", &[]),
            "reloads": figures.by("countersign_config_reloads_total", "result", &[]),
        },
        "requests_without_account":
            figures.sum("countersign_requests_total", &[("account", NO_ACCOUNT)]).unwrap_or_default(),
        "accounts": accounts,
    })
}

fn build(figures: &Figures) -> Value {
    let label = |name| figures.by("countersign_build_info", name, &[]).into_keys().next();
    json!({ "version": label("version"), "commit": label("commit") })
}

/// The freezes in force; none when the store does not answer, which the page reports elsewhere.
async fn freezes(store: &dyn Store) -> Vec<Freeze> {
    match timeout(PATIENCE, store.freezes()).await {
        Ok(Ok(freezes)) => freezes,
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}

fn account_figures(
    account: &Account,
    figures: &Figures,
    freezes: &[Freeze],
    now: Timestamp,
) -> Value {
    let of_account = [("account", account.name.as_str())];
    let by = |name, label| figures.by(name, label, &of_account);
    let one = |name| figures.sum(name, &of_account);
    let frozen = freezes.iter().find(|freeze| freeze.account == account.name);
    json!({
        "name": account.name,
        "provider": account.provider.name,
        "environment": account.environment.map(Environment::word),
        "delivers": account.delivery.is_some(),
        "frozen": frozen.map(|it| json!({ "reason": it.reason, "since_ms": it.since_ms })),
        "requests": by("countersign_requests_total", "outcome"),
        "in_flight": one("countersign_requests_in_flight"),
        "attempts": by("countersign_upstream_attempts_total", "result"),
        "rate_limited": by("countersign_rate_limited_total", "limit"),
        "circuits": by("countersign_circuit_state", "class"),
        "clock_skew_seconds": one("countersign_clock_skew_seconds"),
        "unknown": {
            "count": one("countersign_unknown_outcomes"),
            "oldest_age_seconds": one("countersign_unknown_oldest_age_seconds"),
        },
        "resolved": by("countersign_resolved_total", "final"),
        "notifications": by("countersign_notifications_total", "result"),
        "inbox": by("countersign_inbox_events", "state"),
        "inbox_oldest_age_seconds": one("countersign_inbox_oldest_age_seconds"),
        "deliveries": by("countersign_deliveries_total", "result"),
        "keys": keys(account, figures, now),
    })
}

/// Our keys in the order of the configuration, then the provider's.
fn keys(account: &Account, figures: &Figures, now: Timestamp) -> Vec<Value> {
    let shown = |usage: &str, key: &ListedKey| {
        let labels = [("account", account.name.as_str()), ("key_id", key.id.as_str())];
        let used_at = figures.sum("countersign_key_last_used_timestamp_seconds", &labels);
        json!({
            "id": key.id,
            "use": usage,
            "state": state(key),
            "not_before": key.not_before.map(Timestamp::as_second),
            "not_after": key.not_after.map(Timestamp::as_second),
            "last_used": used_at.filter(|seconds| *seconds > 0.0),
        })
    };
    let keys = KeyList::of(account, now);
    let ours = keys.signing_keys.iter().map(|key| shown("sign", key));
    ours.chain(keys.provider_keys.iter().map(|key| shown("verify", key))).collect()
}

fn state(key: &ListedKey) -> &'static str {
    match key.state {
        KeyState::Ended => "expired",
        KeyState::NotYet => "not_yet",
        KeyState::Usable if key.signs_now => "in_use",
        KeyState::Usable => "usable",
    }
}
