//! `countersign payments`: the journal of money-moving calls, of a running or stopped sidecar.

mod configured;
mod print;
mod settle;

use configured::Configured;
use jiff::Timestamp;

use super::open_store::open;
use super::table::printable;
use super::{CommandError, ConfigFile, Exit};
use crate::payment::State;
use crate::store::{Cursor, PaymentFilter, PaymentId};

/// Payments that `list` prints by default.
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
        /// Only payments of this account
        #[arg(long)]
        account: Option<String>,
        /// Only payments of this operation
        #[arg(long)]
        operation: Option<String>,
        /// Only payments under this reference
        #[arg(long)]
        reference: Option<String>,
        /// Only payments in this state; may be given several times
        #[arg(long, value_parser = state, value_name = "STATE")]
        state: Vec<String>,
        /// Only payments that a report of the provider contradicts: another amount, another transaction, or that it
        /// was made after all
        #[arg(long)]
        conflicting: bool,
        /// Only payments begun at or after this time, such as 2026-01-31T00:00:00Z
        #[arg(long, value_name = "TIME")]
        from: Option<Timestamp>,
        /// Only payments begun before this time
        #[arg(long, value_name = "TIME")]
        until: Option<Timestamp>,
        /// The most payments to print
        #[arg(long, value_name = "N", default_value_t = LIMIT_DEFAULT)]
        limit: usize,
        /// Continue where an earlier list ended
        #[arg(long, value_name = "CURSOR")]
        after: Option<i64>,
    },
    /// Show everything about one payment, including its history
    Show {
        /// The payment's id, `pay_…`
        id: PaymentId,
    },
    /// Record the outcome of a payment in doubt that nothing else can resolve
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
            let text = print::listing_text(&listing, configured) + "\n";
            opened.print(args.json, print::listing_json(&listing, configured), &text)
        }
        Action::Show { id } => {
            let Some(detail) = opened.with(store.show_payment(&id))? else {
                let problem = format!("no payment `{id}` in the journal; {}", opened.used());
                return Err(CommandError::failed(problem));
            };
            let text = print::detail_text(&detail, configured) + "\n";
            opened.print(args.json, print::detail_json(&detail, configured), &text)
        }
        Action::Settle(settle) => {
            let settled = opened.with(settle.run(&opened, configured))?;
            let row = &settled.row;
            let text = format!(
                "payment `{}` ({}) is settled as {}\n",
                row.id,
                printable(&row.reference, ""),
                row.payment.state.as_str(),
            );
            opened.print(args.json, print::row_json(row, configured), &text)
        }
    }
}

fn state(word: &str) -> Result<String, String> {
    match State::WORDS.contains(&word) {
        true => Ok(word.to_owned()),
        false => Err(format!("expected one of {}", State::WORDS.join(", "))),
    }
}
