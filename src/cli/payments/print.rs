//! A page of the journal and everything about one payment, for people and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::configured::Configured;
use crate::cli::table::{members, page, printable, time};
use crate::provider::Flag;
use crate::store::{PaymentDetail, PaymentListing, PaymentRow};

pub(super) fn row_json(row: &PaymentRow, configured: &Configured) -> Value {
    json!({
        "id": row.id.as_str(),
        "account": row.account,
        "operation": row.operation,
        "reference": row.reference,
        "generation": row.generation,
        "state": row.payment.state.as_str(),
        "status": row.payment.status.map(|status| status.word()),
        "attempts": row.payment.attempts,
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "provider_reference": row.provider_reference,
        "provider_code": row.provider_code,
        "begun_at": time(row.begun_at_ms),
        "last_attempt_at": row.last_attempt_at_ms.map(time),
        "settled_at": row.settled_at_ms.map(time),
        "asks": row.queries,
        "next_ask_at": row.next_query_at_ms.map(time),
        "notified_at": row.notified_at_ms.map(time),
        "amount_differs": row.amount_differs,
        "contradicted": row.contradicted,
        "conflicting_reference": row.conflicting_reference,
        "stranded": configured.stranded(row),
    })
}

pub(super) fn listing_json(listing: &PaymentListing, configured: &Configured) -> Value {
    json!({
        "payments": listing.payments.iter().map(|row| row_json(row, configured)).collect::<Vec<_>>(),
        "next": listing.next.map(|cursor| cursor.0),
    })
}

pub(super) fn listing_text(listing: &PaymentListing, configured: &Configured) -> String {
    let head = [
        ("ID", 30),
        ("BEGUN", 24),
        ("ACCOUNT", 12),
        ("OPERATION", 14),
        ("STATE", 9),
        ("ATTEMPTS", 8),
        ("REFERENCE", 0),
    ];
    let rows = listing.payments.iter().map(|row| {
        let stranded = configured.stranded(row).map(|by| format!("(stranded: {by})"));
        let remarks = [row.reference.clone()].into_iter().chain(stranded);
        let remarks = remarks.chain(marks(row).map(str::to_owned)).collect::<Vec<_>>();
        [
            row.id.to_string(),
            time(row.begun_at_ms),
            row.account.clone(),
            row.operation.clone(),
            row.payment.state.as_str().to_owned(),
            format!("{:>8}", row.payment.attempts),
            remarks.join("  "),
        ]
    });
    page("payments", head, rows.collect(), listing.next)
}

/// Contradictions between the provider's reports and the payment, in the words of the events' flags.
fn marks(row: &PaymentRow) -> impl Iterator<Item = &'static str> {
    [
        (row.amount_differs, Flag::AmountMismatch),
        (row.conflicting_reference.is_some(), Flag::ConflictingReference),
        (row.contradicted, Flag::Contradicted),
    ]
    .into_iter()
    .filter_map(|(holds, flag)| holds.then_some(flag.word()))
}

pub(super) fn detail_json(detail: &PaymentDetail, configured: &Configured) -> Value {
    let history: Vec<Value> = detail
        .history
        .iter()
        .map(|entry| {
            json!({
                "at": time(entry.at_ms),
                "what": entry.what,
                "attempt": entry.attempt,
                "state": entry.state,
                "detail": entry.detail,
            })
        })
        .collect();
    let mut value = row_json(&detail.view.row, configured);
    value["history"] = json!(history);
    value["answer"] =
        json!(detail.view.answer.as_ref().map(|answer| String::from_utf8_lossy(&answer.body)));
    value
}

pub(super) fn detail_text(detail: &PaymentDetail, configured: &Configured) -> String {
    let mut out = members(&row_json(&detail.view.row, configured));
    if let Some(by) = configured.stranded(&detail.view.row) {
        let _ = writeln!(
            out,
            "\nIt was made with other settings than this configuration has ({by} differs): it stays unknown until they are restored or \
             `payments settle` ends it."
        );
    }
    out.push_str("\nhistory\n");
    for entry in &detail.history {
        let attempt = entry.attempt.map_or_else(String::new, |attempt| format!(" #{attempt}"));
        let _ = writeln!(
            out,
            "  {}  {}{attempt} → {}  {}",
            time(entry.at_ms),
            entry.what,
            entry.state,
            printable(entry.detail.as_deref().unwrap_or_default(), "")
        );
    }
    out
}
