//! `POST /reload`, and what the other pages say about reloading.

use http::StatusCode;
use serde_json::{Value, json};

use super::JSON;
use crate::reload::{Outcome, Reloader, Report, Trigger};
use crate::wire::Reply;

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
