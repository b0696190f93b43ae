//! `POST /reload`, and what the other pages say about reloading.

use http::StatusCode;
use http::header::ORIGIN;
use serde_json::{Value, json};

use super::JSON;
use crate::problem::{Code, Problem};
use crate::reload::{Outcome, Reloader, Report, Trigger};
use crate::wire::{Reply, Request};

/// Browsers say where a request comes from; whoever operates the sidecar does not use one for this. Without it any page
/// that is open on the same machine could make the sidecar reload.
pub(super) fn no_page_of_another_site(request: &Request) -> Result<(), Problem> {
    match request.headers.contains_key(ORIGIN) {
        false => Ok(()),
        true => Err(Problem::not_sent(
            Code::Unauthorized,
            "expected a request without `Origin`: web pages may not make the sidecar reload",
        )),
    }
}

/// Reloads and says what came of it: 200 when the configuration of the files is in place, 422 with every mistake when
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

/// Whether what is in place is what the files hold, for `/readyz`. An instance that refused a configuration goes on with
/// the one it has, so this says nothing about being ready.
pub(super) fn detail(report: &Report) -> Value {
    let mut detail = json!({ "up_to_date": !report.is_failure() });
    if let Outcome::Failure { mistakes } = &report.outcome {
        detail["failed_at"] = json!(report.at.to_string());
        detail["mistakes"] = json!(mistakes);
    }
    detail
}
