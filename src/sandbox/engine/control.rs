//! The sandbox's own pages below `/_sandbox`: what happened, what was received and sent, which faults are active.
//!
//! Not part of the provider's API, so answers here are plain JSON and problems.

use http::StatusCode;
use http::header::ALLOW;
use serde_json::{Value, json};

use super::http::reply::{self, bare, problem};
use super::shared::Shared;
use crate::clock::milliseconds;
use crate::wire::Reply;

/// The existing pages, for the answer to a request for any other.
const PAGES: &str = "`/_sandbox`, `/_sandbox/transactions`, `/_sandbox/requests`, `/_sandbox/notifications`, \
    `/_sandbox/payout_notify_url`, `/_sandbox/faults`, `/_sandbox/reset`";

/// The part of `path` after `/_sandbox`, when it is one of the sandbox's own.
pub fn page(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/_sandbox")?;
    (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/'))
}

/// Answers a request for `page`.
pub fn answer(shared: &Shared, method: &str, page: &str, body: &[u8]) -> Reply {
    match (page, method) {
        ("", "GET") => ok(about(shared)),
        ("transactions", "GET") => ok(transactions(shared)),
        ("requests", "GET") => ok(json!(shared.requests())),
        ("notifications", "GET") => ok(json!(shared.notifications())),
        ("faults", "GET") => ok(faults(shared)),
        ("notifications", "POST") => {
            let queued = read(body).and_then(|request| shared.notify(&request));
            created(queued.map(|notification| json!(notification)))
        }
        ("faults", "POST") => {
            let added = read(body).and_then(|rules| shared.add_fault(&rules));
            created(added.map(|()| faults(shared)))
        }
        ("payout_notify_url", "POST") => set_payout_notify_url(shared, body),
        ("faults", "DELETE") => {
            shared.clear_faults();
            bare(StatusCode::NO_CONTENT)
        }
        ("reset", "POST") => {
            shared.reset();
            bare(StatusCode::NO_CONTENT)
        }
        ("" | "transactions" | "requests", _) => wrong_method("GET"),
        ("faults", _) => wrong_method("GET, POST, DELETE"),
        ("notifications", _) => wrong_method("GET, POST"),
        ("reset" | "payout_notify_url", _) => wrong_method("POST"),
        _ => problem(StatusCode::NOT_FOUND, &format!("no such page; there are {PAGES}")),
    }
}

fn about(shared: &Shared) -> Value {
    let sandbox = &shared.sandbox;
    let operations: Value = sandbox
        .provider
        .operations
        .iter()
        .map(|operation| {
            json!({"name": operation.name, "path": operation.path, "confirmed": operation.confirmed})
        })
        .collect();
    json!({
        "provider": sandbox.provider.name,
        "app_ids": shared.app_ids().collect::<Vec<_>>(),
        "provider_public_key": shared.provider_public_key(),
        "provider_public_keys": shared.notifications.keys.public(),
        "seed": sandbox.seed,
        "timezone": sandbox.timezone.to_string(),
        "timestamp_window_ms": milliseconds(sandbox.timestamp_window),
        "settle_after_ms": milliseconds(sandbox.settle_after),
        "operations": operations,
    })
}

fn transactions(shared: &Shared) -> Value {
    let word = |product, status| shared.dialect.status_word(product, status);
    shared.transactions().iter().map(|transaction| transaction.row(word)).collect()
}

fn faults(shared: &Shared) -> Value {
    json!({"seed": shared.sandbox.seed, "rules": shared.faults()})
}

fn set_payout_notify_url(shared: &Shared, body: &[u8]) -> Reply {
    let set =
        read(body).and_then(|given| match (given["app_id"].as_str(), given["url"].as_str()) {
            (Some(app_id), Some(url)) => shared.set_payout_notify_url(app_id, url),
            _ => Err("the strings `app_id` and `url` are required".into()),
        });
    match set {
        Ok(()) => bare(StatusCode::NO_CONTENT),
        Err(detail) => problem(StatusCode::BAD_REQUEST, &detail),
    }
}

fn read(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body).map_err(|_| "the body is not JSON".to_string())
}

fn ok(body: Value) -> Reply {
    reply::json(StatusCode::OK, body.to_string())
}

fn created(made: Result<Value, String>) -> Reply {
    match made {
        Ok(made) => reply::json(StatusCode::CREATED, made.to_string()),
        Err(detail) => problem(StatusCode::BAD_REQUEST, &detail),
    }
}

fn wrong_method(allowed: &str) -> Reply {
    problem(StatusCode::METHOD_NOT_ALLOWED, &format!("this page takes {allowed}"))
        .with_header(ALLOW, allowed)
}
