//! The admin side: the status page, metrics, health, the redacted configuration and the API description. Everything
//! is read-only, except that it checks whether the store can be written, and reloads on request.

mod keys;
mod readiness;
mod reloading;
mod status;

use std::sync::Arc;

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde_json::json;

use crate::clock::Clock;
use crate::config::{Live, started_with};
use crate::metrics::Metrics;
use crate::openapi;
use crate::problem::{Code, Problem};
use crate::reload::Reloader;
use crate::wire::{Handler, Refusal, Reply, Request, RequestId};

pub use readiness::StoreHealth;

/// The largest accepted body, in bytes: no request here needs one.
const BODY_BYTES_MAX: usize = 4 * 1024;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The handler of the admin listener.
pub struct Admin {
    /// The current configuration.
    pub live: Live,
    /// What `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// Decides which keys are usable now.
    pub clock: Clock,
    /// Whether the store is writable.
    pub store: StoreHealth,
    /// Performs `/reload`.
    pub reload: Arc<Reloader>,
}

#[async_trait]
impl Handler for Admin {
    fn body_bytes_max(&self) -> usize {
        BODY_BYTES_MAX
    }

    async fn handle(&self, request: Request) -> Reply {
        let answer = self.answer(&request).await;
        let reply = answer.unwrap_or_else(|problem| problem.reply(&RequestId::random()));
        reply.with_header(http::header::CACHE_CONTROL, "no-store")
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        Problem::from(refusal).reply(&RequestId::random())
    }
}

/// The pages that exist.
enum Page {
    Status,
    StatusData,
    Metrics,
    Liveness,
    Readiness,
    Configuration,
    OpenApi,
    Keys,
    Reload,
}

impl Page {
    fn at(path: &str) -> Option<Self> {
        match path {
            "/" => Some(Self::Status),
            "/status.json" => Some(Self::StatusData),
            "/metrics" => Some(Self::Metrics),
            "/livez" => Some(Self::Liveness),
            "/readyz" | "/healthz" => Some(Self::Readiness),
            "/config" => Some(Self::Configuration),
            "/openapi.json" => Some(Self::OpenApi),
            "/keys" => Some(Self::Keys),
            "/reload" => Some(Self::Reload),
            _ => None,
        }
    }

    /// Whether the page accepts `method`; otherwise the methods it accepts.
    fn takes(&self, method: &Method) -> Result<(), &'static str> {
        match (self, method) {
            (Self::Reload, &Method::POST) => Ok(()),
            (Self::Reload, _) => Err("POST"),
            (_, &Method::GET | &Method::HEAD) => Ok(()),
            (_, _) => Err("GET, HEAD"),
        }
    }
}

impl Admin {
    async fn answer(&self, request: &Request) -> Result<Reply, Problem> {
        let page = Page::at(&request.path).ok_or_else(|| {
            Problem::not_found(
                "expected /, /status.json, /metrics, /livez, /readyz, /healthz, /config, /keys, \
                 /openapi.json or /reload",
            )
        })?;
        if let Err(methods) = page.takes(&request.method) {
            let problem = Problem::not_sent(Code::MethodNotAllowed, format!("expected {methods}"));
            return Err(problem.allowing(methods));
        }
        match page {
            Page::Status => Ok(status::page()),
            Page::StatusData => Ok(status::data(self).await),
            Page::Metrics => Ok(Reply::new(StatusCode::OK, EXPOSITION, self.metrics.render())),
            Page::Liveness => Ok(Reply::new(StatusCode::OK, TEXT, "ok\n")),
            Page::Readiness => {
                let snapshot = self.live.load();
                let reload = reloading::detail(&self.reload.last());
                Ok(readiness::answer(&snapshot, &self.store, reload, self.clock.now()).await)
            }
            Page::Configuration => Ok(self.configuration()),
            Page::OpenApi => self.openapi(request),
            Page::Keys => {
                let snapshot = self.live.load();
                Ok(keys::answer(&snapshot, &self.metrics, self.clock.now()))
            }
            Page::Reload => {
                reloading::no_page_of_another_site(request)?;
                Ok(reloading::answer(&self.reload).await)
            }
        }
    }

    fn configuration(&self) -> Reply {
        let snapshot = self.live.load();
        let body = json!({
            "hash": snapshot.hash,
            "configuration": snapshot.redacted,
            "values": snapshot.digests.values,
            "values_keyed_by": snapshot.digests.keyed_by,
            "started_with": started_with(self.reload.boot()),
            "last_reload": reloading::last(&self.reload),
        });
        Reply::new(StatusCode::OK, JSON, body.to_string())
    }

    /// The API of the account named by `?account=`, or of the only account.
    fn openapi(&self, request: &Request) -> Result<Reply, Problem> {
        let snapshot = self.live.load();
        let named = url::form_urlencoded::parse(request.query.as_bytes())
            .find(|(name, _)| name == "account")
            .map(|(_, value)| value.into_owned());
        let account = match &named {
            Some(name) => snapshot.account(name),
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
        let document = openapi::document(&account.provider, &account.name);
        Ok(Reply::new(StatusCode::OK, JSON, document.to_string()))
    }
}
