//! `countersign inbox`: inspect and act on the notifications of a running or stopped sidecar.
//!
//! It opens the configured store itself. A sidecar that runs on the same store notices the changes and continues from
//! there.

mod print;

use jiff::Timestamp;
use serde_json::json;
use strum::VariantArray;

use super::open_store::{Opened, open};
use super::{CommandError, ConfigFile, Exit};
use crate::clock::Clock;
use crate::store::{Cursor, EventId, EventState, Filter, Selection, Tally};

/// Events that `list` prints by default.
const LIMIT_DEFAULT: u16 = 50;

/// The most events on one page; the rest are on the next pages.
const LIMIT_MAX: i64 = 1_000;

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
    /// List events, newest first
    List {
        #[command(flatten)]
        filter: FilterArgs,
        /// The most events to print, up to 1000
        #[arg(long, value_name = "N", default_value_t = LIMIT_DEFAULT, value_parser = clap::value_parser!(u16).range(1..=LIMIT_MAX))]
        limit: u16,
        /// Continue where an earlier list ended
        #[arg(long, value_name = "CURSOR")]
        after: Option<i64>,
    },
    /// Show everything about one event
    Show {
        /// The event's id, `evt_…`
        id: EventId,
    },
    /// Deliver events again, under the same ids
    Replay {
        #[command(flatten)]
        which: WhichArgs,
    },
    /// Give up open events and dead letters
    Discard {
        #[command(flatten)]
        which: WhichArgs,
        /// Why; stored with the event
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, clap::Args)]
struct FilterArgs {
    /// Only events of this account
    #[arg(long)]
    account: Option<String>,
    /// Only events in this state; may be given several times
    #[arg(long, value_parser = state, value_name = "STATE")]
    state: Vec<EventState>,
    /// Only events about this reference
    #[arg(long)]
    reference: Option<String>,
    /// Only events received at or after this time, such as 2026-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Only events received before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
}

#[derive(Debug, clap::Args)]
struct WhichArgs {
    /// Events by id
    #[arg(value_name = "ID")]
    ids: Vec<EventId>,
    #[command(flatten)]
    filter: FilterArgs,
}

impl Action {
    /// The account filter.
    fn account(&self) -> Option<&str> {
        match self {
            Self::List { filter, .. } => filter.account.as_deref(),
            Self::Show { .. } => None,
            Self::Replay { which } | Self::Discard { which, .. } => which.filter.account.as_deref(),
        }
    }
}

impl From<FilterArgs> for Filter {
    fn from(args: FilterArgs) -> Self {
        Self {
            account: args.account,
            states: args.state,
            reference: args.reference,
            from_ms: args.from.map(Timestamp::as_millisecond),
            until_ms: args.until.map(Timestamp::as_millisecond),
        }
    }
}

impl WhichArgs {
    /// Ids or a filter, never both and never neither: selecting everything must be explicit.
    fn selection(self) -> Result<Selection, CommandError> {
        let filter = Filter::from(self.filter);
        match (self.ids.is_empty(), filter == Filter::default()) {
            (false, true) => Ok(Selection::Ids(self.ids)),
            (true, false) => Ok(Selection::Matching(filter)),
            (true, true) => {
                Err(CommandError::usage("expected event ids, or a filter such as `--state dead`"))
            }
            (false, false) => Err(CommandError::usage("expected event ids or a filter, not both")),
        }
    }
}

pub fn run(args: Args) -> Result<Exit, CommandError> {
    let opened = open(&args.file)?;
    let opened = match &args.action {
        Action::List { .. } | Action::Show { .. } => opened,
        Action::Replay { .. } | Action::Discard { .. } => opened.audited()?,
    };
    opened.with(act(args.action, args.json, &opened))
}

async fn act(action: Action, as_json: bool, opened: &Opened) -> Result<Exit, CommandError> {
    let store = &opened.store;
    opened.expect_account(action.account()).await?;
    match action {
        Action::List { filter, limit, after } => {
            let listing = store.list(&filter.into(), after.map(Cursor), limit.into()).await?;
            let text = print::listing_text(&listing) + "\n";
            opened.print(as_json, print::listing_json(&listing), &text)
        }
        Action::Show { id } => {
            let Some(event) = store.show(&id).await? else {
                let problem = format!("no event `{id}` in the inbox; {}", opened.used());
                return Err(CommandError::failed(problem));
            };
            let text = print::detail_text(&event) + "\n";
            opened.print(as_json, print::detail_json(&event), &text)
        }
        Action::Replay { which } => {
            let tally = store.replay(&which.selection()?).await?;
            report("replayed", tally, as_json, opened)
        }
        Action::Discard { which, reason } => {
            let now_ms = Clock::System.unix_ms();
            let tally = store.discard(&which.selection()?, &reason, now_ms).await?;
            report("discarded", tally, as_json, opened)
        }
    }
}

/// Fails when an event given by id was not found.
fn report(what: &str, tally: Tally, as_json: bool, opened: &Opened) -> Result<Exit, CommandError> {
    let Tally { changed, in_flight, unchanged, unknown } = tally;
    let json = json!({
        what: changed, "in_flight": in_flight, "unchanged": unchanged, "unknown": unknown,
    });
    let mut text = format!("{changed} {what}\n");
    for (count, remark) in [
        (in_flight, "being delivered right now and left unchanged: try again in a moment"),
        (unchanged, "already so"),
        (unknown, "not in the inbox"),
    ] {
        if count > 0 {
            text += &format!("{count} {remark}\n");
        }
    }
    opened.print(as_json, json, &text)?;
    Ok(Exit::done_if(unknown == 0))
}

fn state(word: &str) -> Result<EventState, String> {
    EventState::from_word(word).ok_or_else(|| {
        let words: Vec<&str> = EventState::VARIANTS.iter().map(|state| state.as_str()).collect();
        format!("expected one of {}", words.join(", "))
    })
}
