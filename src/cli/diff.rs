//! `countersign diff`: what another configuration would change, before it is put into use.
//!
//! It is compared with the running sidecar, or with a second file. Secrets are never shown, only the fact that one
//! differs.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::admin::AdminSide;
use super::open_store::stranding;
use super::output::{print_json, stdout};
use super::{CommandError, ConfigFile, Exit};
use crate::app::check_usable;
use crate::config::{self, Difference, Digests, Loaded, View, started_with};
use crate::reload::Stranding;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
It exits 0 when the configuration can be reloaded, whatever it changes, and 1 when it cannot: it has mistakes, something
in it needs a restart, or there is nothing to compare it with.")]
pub struct Args {
    #[command(flatten)]
    file: ConfigFile,
    /// What to compare with: another file, or the admin side of a running sidecar as `ip:port` or `unix:/path`. The
    /// default is the sidecar at the configuration's `listen.admin`
    #[arg(long, value_name = "OLD")]
    against: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    /// What the configuration was compared with.
    against: String,
    accounts_added: Vec<String>,
    accounts_removed: Vec<String>,
    /// Accounts in both, with different values.
    accounts_changed: Vec<String>,
    changes: Vec<Difference>,
    /// Keys whose new values need a restart: a reload is refused as a whole.
    needs_restart: Vec<String>,
    /// Values for which the running sidecar does not report whether they are the same.
    not_compared: Vec<String>,
    /// What the configuration does to payments in its store.
    #[serde(flatten)]
    stranding: Stranding,
    /// Why the store could not be read, if it exists.
    store_not_read: Option<String>,
}

/// One side of the comparison.
struct Side {
    name: String,
    redacted: Value,
    digests: Digests,
    started_with: BTreeMap<String, String>,
}

/// Prints what would change.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let new = loaded(&args.file.config)?;
    let old = old_side(args, &new)?;
    let report = Report::new(&old, &new);
    let mut out = stdout();
    match args.json {
        true => print_json(&report, &mut out)?,
        false => print(&report, &mut out)?,
    }
    Ok(Exit::done_if(report.needs_restart.is_empty()))
}

fn loaded(path: &Path) -> Result<Loaded, CommandError> {
    let loaded = config::load(path)?;
    check_usable(&loaded)?;
    Ok(loaded)
}

fn old_side(args: &Args, new: &Loaded) -> Result<Side, CommandError> {
    let admin = match &args.against {
        None => AdminSide::of(&new.boot.admin),
        Some(named) => match AdminSide::named(named) {
            Some(admin) => Ok(admin),
            None => return Ok(Side::file(named, loaded(Path::new(named))?)),
        },
    };
    let running = admin.and_then(|admin| Side::running(&admin));
    running.map_err(|why| {
        CommandError::failed(format!(
            "{why}; expected a running sidecar, or `--against` with another file"
        ))
    })
}

impl Side {
    fn file(name: &str, loaded: Loaded) -> Self {
        let started_with = started_with(&loaded.boot);
        Self {
            name: name.to_owned(),
            redacted: loaded.snapshot.redacted,
            digests: loaded.snapshot.digests,
            started_with: started_with.into_iter().map(|(key, it)| (key.to_owned(), it)).collect(),
        }
    }

    fn running(admin: &AdminSide) -> Result<Self, String> {
        let mut page = admin.get("/config")?;
        let incomplete = |_| format!("{admin} answers, but is another version");
        let mut map =
            |member: &str| serde_json::from_value(page[member].take()).map_err(incomplete);
        Ok(Self {
            name: format!("the sidecar at {admin}"),
            digests: Digests { values: map("values")?, keyed_by: map("values_keyed_by")? },
            started_with: map("started_with")?,
            redacted: page["configuration"].take(),
        })
    }

    fn accounts(&self) -> Vec<String> {
        account_names(&self.redacted)
    }
}

impl Report {
    fn new(old: &Side, new: &Loaded) -> Self {
        let accounts = &new.snapshot.accounts;
        let digests = new.readings.digests_like(accounts, &old.digests.keyed_by);
        let (before, after) =
            (View::of(&old.redacted, &old.digests), View::of(&new.snapshot.redacted, &digests));
        let (old_names, new_names) = (old.accounts(), account_names(&new.snapshot.redacted));
        let missing = |from: &[String], other: &[String]| {
            from.iter().filter(|name| !other.contains(name)).cloned().collect::<Vec<_>>()
        };
        let differences = before.differences(&after);
        let is_changed = |name: &&String| {
            let below = format!("account.{name}.");
            old_names.contains(name) && differences.iter().any(|it| it.path.starts_with(&below))
        };
        let restarts = started_with(&new.boot).into_iter().filter(|(key, value)| {
            old.started_with.get(*key).is_none_or(|running| running != value)
        });
        let (stranding, store_not_read) = stranding(new);
        Self {
            stranding,
            store_not_read,
            against: old.name.clone(),
            accounts_added: missing(&new_names, &old_names),
            accounts_removed: missing(&old_names, &new_names),
            accounts_changed: new_names.iter().filter(is_changed).cloned().collect(),
            needs_restart: restarts.map(|(key, _)| key.to_owned()).collect(),
            not_compared: before.undecided(&after),
            changes: differences,
        }
    }
}

fn account_names(redacted: &Value) -> Vec<String> {
    let accounts = redacted["account"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names = accounts.iter().filter_map(|account| account["name"].as_str());
    names.map(str::to_owned).collect()
}

fn print(report: &Report, out: &mut impl Write) -> Result<(), CommandError> {
    writeln!(out, "against {}", report.against)?;
    if report.changes.is_empty() {
        writeln!(out, "nothing changes")?;
    }
    for account in &report.accounts_added {
        writeln!(out, "+ account {account}")?;
    }
    for account in &report.accounts_removed {
        writeln!(out, "- account {account}")?;
    }
    let is_whole = |path: &str| {
        let whole = report.accounts_added.iter().chain(&report.accounts_removed);
        whole.into_iter().any(|name| path.starts_with(&format!("account.{name}.")))
    };
    for change in report.changes.iter().filter(|change| !is_whole(&change.path)) {
        let path = &change.path;
        match (&change.before, &change.after) {
            (None, Some(after)) => writeln!(out, "+ {path} = {after}")?,
            (Some(before), None) => writeln!(out, "- {path} = {before}")?,
            (Some(before), Some(after)) if before != after => {
                writeln!(out, "~ {path} = {before} -> {after}")?;
            }
            _ => writeln!(out, "~ {path}: changed")?,
        }
    }
    for key in &report.needs_restart {
        writeln!(out, "! {key} needs a restart: a reload would be refused")?;
    }
    for line in report.stranding.lines() {
        writeln!(out, "! {line}")?;
    }
    if let Some(why) = &report.store_not_read {
        writeln!(out, "? what happens to payments in the store is not known: {why}")?;
    }
    for path in &report.not_compared {
        writeln!(out, "? {path}: not compared, the account's current key is not in this file")?;
    }
    Ok(())
}
