//! `countersign keys list`: the keys of every account, the current use of each, and when it was last used.
//!
//! The keys come from the configuration file. Only the running sidecar knows when each was used: it is queried, and
//! its answer counts only for the same key, not for another key under the same id.

use std::io::Write;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::cli::admin::AdminSide;
use crate::cli::output::print_json;
use crate::cli::{CommandError, ConfigFile};
use crate::config::{self, Account, KeyList, ListedKey, Loaded};
use crate::sign::KeyState;

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    file: ConfigFile,
    /// The admin side of the running sidecar, if it is not where the configuration says: `ip:port` or `unix:/path`
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    accounts: Vec<AccountKeys>,
    /// Why the last uses of keys are unknown.
    last_used_unknown: Option<String>,
}

#[derive(Serialize)]
struct AccountKeys {
    name: String,
    #[serde(flatten)]
    keys: KeyList,
}

pub(super) fn list(args: &List, now: Timestamp, out: &mut impl Write) -> Result<(), CommandError> {
    let loaded = config::load(&args.file.config)?;
    let running = admin_side(args, &loaded)?.and_then(|admin| admin.get("/keys"));
    let accounts = loaded.snapshot.accounts.values();
    let running_keys = running.as_ref().unwrap_or(&Value::Null);
    let report = Report {
        accounts: accounts.map(|account| AccountKeys::of(account, running_keys, now)).collect(),
        last_used_unknown: running.as_ref().err().cloned(),
    };
    match args.json {
        true => print_json(&report, out),
        false => print(&report, out),
    }
}

/// Wrong usage is an error; having no sidecar to query is only reported.
fn admin_side(args: &List, loaded: &Loaded) -> Result<Result<AdminSide, String>, CommandError> {
    let Some(named) = &args.admin else { return Ok(AdminSide::of(&loaded.boot.admin)) };
    let found = AdminSide::named(named).map(Ok);
    found.ok_or_else(|| {
        CommandError::usage(format!(
            "`{named}` is not an address, expected `ip:port` or `unix:/path`"
        ))
    })
}

impl AccountKeys {
    fn of(account: &Account, running: &Value, now: Timestamp) -> Self {
        let running = &running["accounts"][&account.name];
        let mut keys = KeyList::of(account, now);
        for key in &mut keys.signing_keys {
            key.last_used = last_used(&running["signing_keys"], key);
        }
        for key in &mut keys.provider_keys {
            key.last_used = last_used(&running["provider_keys"], key);
        }
        Self { name: account.name.clone(), keys }
    }
}

fn last_used(keys: &Value, listed: &ListedKey) -> Option<String> {
    let same = |key: &&Value| {
        key["id"] == listed.id.as_str() && key["fingerprint"] == listed.fingerprint.as_str()
    };
    Some(keys.as_array()?.iter().find(same)?["last_used"].as_str()?.to_owned())
}

fn print(report: &Report, out: &mut impl Write) -> Result<(), CommandError> {
    let is_known = report.last_used_unknown.is_none();
    for account in &report.accounts {
        writeln!(out, "account {}", account.name)?;
        let signing = account.keys.signing_keys.iter().map(|key| ("signing key", key));
        let provider = account.keys.provider_keys.iter().map(|key| ("provider key", key));
        for (what, key) in signing.chain(provider) {
            writeln!(out, "  {what:<12}  {}: {}", key.id, described(key, is_known))?;
            writeln!(out, "                {}", key.fingerprint)?;
        }
        for warning in &account.keys.warnings {
            writeln!(out, "  warning       {warning}")?;
        }
    }
    if let Some(why) = &report.last_used_unknown {
        writeln!(out, "\nwhen keys were last used is not known: {why}")?;
    }
    Ok(())
}

fn described(key: &ListedKey, is_known: bool) -> String {
    let mut parts = vec![
        match key.state {
            KeyState::NotYet => "not yet valid",
            KeyState::Ended => "ended",
            KeyState::Usable if key.signs_now => "signs now",
            KeyState::Usable => "usable",
        }
        .to_owned(),
    ];
    parts.extend(key.not_before.map(|start| format!("from {start}")));
    parts.extend(key.not_after.map(|end| format!("until {end}")));
    match (&key.last_used, is_known) {
        (Some(at), _) => parts.push(format!("last used {at}")),
        (None, true) => parts.push("not used since the sidecar started".to_owned()),
        (None, false) => {}
    }
    parts.join(", ")
}
