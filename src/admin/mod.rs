//! The admin side: metrics, health, the redacted configuration and the API description. Reads only.

use std::sync::Arc;

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::config::Live;
use crate::metrics::Metrics;
use crate::problem::{Code, Problem};
use crate::wire::{Handler, Refusal, Reply, Request, RequestId};

/// The largest body taken, in bytes: nothing here needs one.
const BODY_BYTES_MAX: usize = 4 * 1024;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What answers on the admin listener.
pub struct Admin {
    /// The current configuration.
    pub live: Live,
    /// What `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// Decides which keys are usable now.
    pub clock: Clock,
}

#[async_trait]
impl Handler for Admin {
    fn body_bytes_max(&self) -> usize {
        BODY_BYTES_MAX
    }

    async fn handle(&self, request: Request) -> Reply {
        let answer = self.route(&request);
        let reply = answer.unwrap_or_else(|problem| problem.reply(&RequestId::random()));
        reply.with_header(http::header::CACHE_CONTROL, "no-store")
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        Problem::from(refusal).reply(&RequestId::random())
    }
}

impl Admin {
    fn route(&self, request: &Request) -> Result<Reply, Problem> {
        let read: fn(&Self, &Request) -> Result<Reply, Problem> = match request.path.as_str() {
            "/metrics" => {
                |admin, _| Ok(Reply::new(StatusCode::OK, EXPOSITION, admin.metrics.render()))
            }
            "/livez" => |_, _| Ok(Reply::new(StatusCode::OK, TEXT, "ok\n")),
            "/readyz" | "/healthz" => |admin, _| Ok(admin.readiness()),
            "/config" => |admin, _| Ok(admin.configuration()),
            "/openapi.json" => Self::openapi,
            _ => {
                return Err(Problem::not_found(
                    "expected /metrics, /livez, /readyz, /healthz, /config or /openapi.json",
                ));
            }
        };
        match request.method {
            Method::GET | Method::HEAD => read(self, request),
            _ => {
                Err(Problem::not_sent(Code::MethodNotAllowed, "expected GET").allowing("GET, HEAD"))
            }
        }
    }

    /// Ready when every account has a key to sign with. The provider's reachability is not asked: an instance that is
    /// taken out of service because the provider is down cannot report honest outcomes any more.
    fn readiness(&self) -> Reply {
        let now = self.clock.now();
        let snapshot = self.live.load();
        let accounts: serde_json::Map<String, Value> = snapshot
            .accounts
            .values()
            .map(|account| {
                let key = account.signing_keys.usable_at(now);
                let state = match key {
                    Some(key) => json!({ "ready": true, "signing_key": key.id }),
                    None => json!({ "ready": false, "reason": "no signing key is valid now" }),
                };
                (account.name.clone(), state)
            })
            .collect();
        let ready = accounts.values().all(|state| state["ready"] == json!(true));
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let body = json!({ "ready": ready, "configuration": snapshot.hash, "accounts": accounts });
        Reply::new(status, JSON, body.to_string())
    }

    fn configuration(&self) -> Reply {
        let snapshot = self.live.load();
        let body = json!({ "hash": snapshot.hash, "configuration": snapshot.redacted });
        Reply::new(StatusCode::OK, JSON, body.to_string())
    }

    /// The API of the account named by `?account=`, or of the only one there is.
    fn openapi(&self, request: &Request) -> Result<Reply, Problem> {
        let snapshot = self.live.load();
        let named = url::form_urlencoded::parse(request.query.as_bytes())
            .find(|(name, _)| name == "account")
            .map(|(_, value)| value.into_owned());
        let account = match &named {
            Some(name) => snapshot.accounts.get(name),
            None if snapshot.accounts.len() == 1 => snapshot.accounts.values().next(),
            None => None,
        };
        let Some(account) = account else {
            let names: Vec<&str> = snapshot.accounts.keys().map(String::as_str).collect();
            return Err(Problem::not_found(format!(
                "expected ?account= with one of {}",
                names.join(", ")
            )));
        };
        Ok(Reply::new(StatusCode::OK, JSON, account.provider.openapi(&account.name).to_string()))
    }
}
