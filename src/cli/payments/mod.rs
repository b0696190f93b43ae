//! `countersign payments`: the journal of money-moving calls, of a running or a stopped sidecar.

mod configured;
mod settle;

use std::fmt::Write as _;
use std::io::Write;

use configured::Configured;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::inbox::{printable, time};
use super::open_store::open;
use super::output::{print_json, stdout};

use super::{CommandError, ConfigFile, Exit};
use crate::payment::State;
use crate::provider::Flag;
use crate::store::{Cursor, PaymentDetail, PaymentFilter, PaymentId, PaymentListing, PaymentRow};

/// Payments printed by `list` unless said otherwise.
const LIMIT_DEFAULT: usize = 50;

#[derive(Debug, clap::Args)]
#[command(mut_arg("config", |config| config.global(true)))]
pub struct Args {
    #[command(flatten)]
    file: ConfigFile,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List payments, newest first
    List {
        /// Only of this account
        #[arg(long)]
        account: Option<String>,
        /// Only of this operation
        #[arg(long)]
        operation: Option<String>,
        /// Only under this reference
        #[arg(long)]
        reference: Option<String>,
        /// Only in this state; may be given several times
        #[arg(long, value_parser = state, value_name = "STATE")]
        state: Vec<String>,
        /// Only those that something the provider said speaks against: another amount, another transaction, or that it was
        /// made after all
        #[arg(long)]
        conflicting: bool,
        /// Only begun at or after this time, as 2026-01-31T00:00:00Z
        #[arg(long, value_name = "TIME")]
        from: Option<Timestamp>,
        /// Only begun before this time
        #[arg(long, value_name = "TIME")]
        until: Option<Timestamp>,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = LIMIT_DEFAULT)]
        limit: usize,
        /// Go on where an earlier list ended
        #[arg(long, value_name = "CURSOR")]
        after: Option<i64>,
    },
    /// Show everything about one payment, its history included
    Show {
        /// The payment's id, `pay_…`
        id: PaymentId,
    },
    /// Say what became of a payment in doubt that nothing else can resolve
    Settle(settle::Settle),
}

pub fn run(args: Args) -> Result<Exit, CommandError> {
    let opened = open(&args.file)?;
    let opened = match &args.action {
        Action::Settle(_) => opened.audited()?,
        Action::List { .. } | Action::Show { .. } => opened,
    };
    let store = &opened.store;
    let configured = &Configured::read(&args.file.config, &opened.side)?;
    let mut out = stdout();
    match args.action {
        Action::List {
            account,
            operation,
            reference,
            state,
            conflicting,
            from,
            until,
            limit,
            after,
        } => {
            let filter = PaymentFilter {
                account,
                operation,
                reference,
                states: state,
                conflicting,
                from_ms: from.map(Timestamp::as_millisecond),
                until_ms: until.map(Timestamp::as_millisecond),
            };
            let listing = opened.with(async {
                opened.expect_account(filter.account.as_deref()).await?;
                let listing = store.list_payments(&filter, after.map(Cursor), limit).await?;
                Ok::<_, CommandError>(listing)
            })?;
            match args.json {
                true => {
                    print_json(&opened.used().add_to(listing_json(&listing, configured)), &mut out)?
                }
                false => {
                    write!(out, "{}\n{}\n", listing_text(&listing, configured), opened.used())?
                }
            }
        }
        Action::Show { id } => {
            let Some(detail) = opened.with(store.show_payment(&id))? else {
                let problem = format!("no payment `{id}` in the journal; {}", opened.used());
                return Err(CommandError::failed(problem));
            };
            match args.json {
                true => {
                    print_json(&opened.used().add_to(detail_json(&detail, configured)), &mut out)?
                }
                false => write!(out, "{}\n{}\n", detail_text(&detail, configured), opened.used())?,
            }
        }
        Action::Settle(settle) => {
            let settled = opened.with(settle.run(&opened, configured))?;
            let row = &settled.row;
            match args.json {
                true => print_json(&opened.used().add_to(row_json(row, configured)), &mut out)?,
                false => writeln!(
                    out,
                    "payment `{}` ({}) is settled as {}\n{}",
                    row.id,
                    printable(&row.reference, ""),
                    row.payment.state.as_str(),
                    opened.used()
                )?,
            }
        }
    }
    Ok(Exit::Done)
}

fn state(word: &str) -> Result<String, String> {
    match State::WORDS.contains(&word) {
        true => Ok(word.to_owned()),
        false => Err(format!("expected one of {}", State::WORDS.join(", "))),
    }
}

fn row_json(row: &PaymentRow, configured: &Configured) -> Value {
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
        "asks": row.asks,
        "next_ask_at": row.next_ask_at_ms.map(time),
        "notified_at": row.notified_at_ms.map(time),
        "amount_differs": row.amount_differs,
        "contradicted": row.contradicted,
        "conflicting_reference": row.conflicting_reference,
        "stranded": configured.stranded(row),
    })
}

fn listing_json(listing: &PaymentListing, configured: &Configured) -> Value {
    json!({
        "payments": listing.payments.iter().map(|row| row_json(row, configured)).collect::<Vec<_>>(),
        "next": listing.next.map(|cursor| cursor.0),
    })
}

fn listing_text(listing: &PaymentListing, configured: &Configured) -> String {
    if listing.payments.is_empty() {
        return "no payments\n".to_owned();
    }
    let mut out = format!(
        "{:<30}  {:<24}  {:<12}  {:<14}  {:<9}  {:>8}  REFERENCE\n",
        "ID", "BEGUN", "ACCOUNT", "OPERATION", "STATE", "ATTEMPTS"
    );
    for row in &listing.payments {
        let _ = write!(
            out,
            "{:<30}  {:<24}  {:<12}  {:<14}  {:<9}  {:>8}  {}{}",
            row.id.as_str(),
            time(row.begun_at_ms),
            row.account,
            row.operation,
            row.payment.state.as_str(),
            row.payment.attempts,
            printable(&row.reference, ""),
            configured.stranded(row).map_or_else(String::new, |by| format!("  (stranded: {by})"))
        );
        for mark in marks(row) {
            let _ = write!(out, "  {mark}");
        }
        out.push('\n');
    }
    if let Some(next) = listing.next {
        let _ = writeln!(out, "more: --after {}", next.0);
    }
    out
}

/// What the provider said that speaks against the payment, in the words of events' flags.
fn marks(row: &PaymentRow) -> impl Iterator<Item = &'static str> {
    [
        (row.amount_differs, Flag::AmountMismatch),
        (row.conflicting_reference.is_some(), Flag::ConflictingReference),
        (row.contradicted, Flag::Contradicted),
    ]
    .into_iter()
    .filter_map(|(holds, flag)| holds.then_some(flag.word()))
}

fn detail_json(detail: &PaymentDetail, configured: &Configured) -> Value {
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

fn detail_text(detail: &PaymentDetail, configured: &Configured) -> String {
    let mut out = String::new();
    if let Value::Object(members) = row_json(&detail.view.row, configured) {
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let _ = writeln!(out, "{name:<20} {}", printable(&text, ""));
        }
    }
    if let Some(by) = configured.stranded(&detail.view.row) {
        let _ = writeln!(
            out,
            "\nIt was made elsewhere than this configuration asks ({by} differs): it stays unknown until that is back or \
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
