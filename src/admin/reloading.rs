//! `POST /reload`, and what the other pages report about reloading.

use http::StatusCode;
use http::header::ORIGIN;
use serde_json::{Value, json};

use super::JSON;
use crate::problem::{Code, Problem};
use crate::reload::{Outcome, Reloader, Report, Trigger};
use crate::wire::{Reply, Request};

/// Refuses requests from web pages: browsers add `Origin`, and operators do not reload from a browser. Without this
/// check any page that is open on the same machine could make the sidecar reload.
pub(super) fn no_page_of_another_site(request: &Request) -> Result<(), Problem> {
    match request.headers.contains_key(ORIGIN) {
        false => Ok(()),
        true => Err(Problem::not_sent(
            Code::Unauthorized,
            "expected a request without `Origin`: web pages may not make the sidecar reload",
        )),
    }
}

/// Reloads and reports the result: 200 when the configuration in the files is now in use, 422 with every mistake when
/// it was refused.
pub(super) async fn answer(reloader: &Reloader) -> Reply {
    let report = reloader.reload(Trigger::Request).await;
    let status = match report.outcome {
        Outcome::Success { .. } | Outcome::Unchanged => StatusCode::OK,
        Outcome::Failure { .. } => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Reply::new(status, JSON, report.to_json().to_string())
}

/// The last attempt, for `/config`.
pub(super) fn last(reloader: &Reloader) -> Value {
    reloader.last().to_json()
}

/// Whether the configuration in use is the one in the files, for `/readyz`. An instance that refused a configuration
/// continues with the one it has, so this does not affect readiness.
pub(super) fn detail(report: &Report) -> Value {
    let mut detail = json!({ "up_to_date": !report.is_failure() });
    if let Outcome::Failure { mistakes } = &report.outcome {
        detail["failed_at"] = json!(report.at.to_string());
        detail["mistakes"] = json!(mistakes);
    }
    detail
}
