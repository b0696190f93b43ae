//! `countersign check`: loads a configuration as `run` would, every key included, and says what it found. Starts nothing.
//!
//! The report is made as JSON first; the text for people is written from the same values.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::{CommandError, ConfigFile, Exit, print_json};
use crate::clock::Clock;
use crate::config::{self, Account, Environment, Loaded};
use crate::mistake::Mistake;
use crate::provider::Operation;
use crate::sign::PublicKey;

/// Check a configuration and report every mistake; starts nothing.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub file: ConfigFile,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

/// Loads the configuration and prints what is wrong with it, or what it holds. Fails when anything is wrong.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let path = &args.file.config;
    let report = Report::new(path, config::load(path), &Clock::System);
    let mut out = io::stdout().lock();
    match args.json {
        true => print_json(&report, &mut out)?,
        false => out.write_all(report.to_text().as_bytes())?,
    }
    Ok(if report.ok { Exit::Done } else { Exit::Failed })
}

#[derive(Serialize)]
struct Report {
    config: String,
    ok: bool,
    mistakes: Vec<Mistake>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    accounts: Vec<AccountReport>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct AccountReport {
    name: String,
    provider: String,
    base_url: String,
    app_id: String,
    environment: Option<&'static str>,
    operations: Vec<String>,
    signing_keys: Vec<KeyReport>,
    provider_keys: Vec<KeyReport>,
    unconfirmed: Vec<Unconfirmed>,
}

#[derive(Serialize)]
struct KeyReport {
    id: String,
    bits: usize,
    fingerprint: String,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    /// Whether the key may be used now.
    usable: bool,
}

/// An operation that the provider's documentation does not confirm, wholly or in some members.
#[derive(Serialize)]
struct Unconfirmed {
    operation: String,
    path: String,
    /// The unconfirmed members of a confirmed operation; empty when the operation itself is unconfirmed.
    members: Vec<String>,
}

impl Report {
    fn new(path: &Path, loaded: Result<Loaded, Vec<Mistake>>, clock: &Clock) -> Self {
        let config = path.display().to_string();
        match loaded {
            Ok(Loaded { snapshot, warnings, .. }) => Self {
                config,
                ok: true,
                mistakes: Vec::new(),
                hash: Some(snapshot.hash.clone()),
                accounts: snapshot
                    .accounts
                    .values()
                    .map(|account| AccountReport::new(account, clock.now()))
                    .collect(),
                warnings,
            },
            Err(mistakes) => Self {
                config,
                ok: false,
                mistakes,
                hash: None,
                accounts: Vec::new(),
                warnings: Vec::new(),
            },
        }
    }

    fn to_text(&self) -> String {
        let mut out = String::new();
        match self.write(&mut out) {
            Ok(()) => out,
            Err(_) => unreachable!("writing to a string does not fail"),
        }
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        if !self.ok {
            let count = self.mistakes.len();
            let noun = if count == 1 { "mistake" } else { "mistakes" };
            writeln!(out, "{}: {count} {noun}", self.config)?;
            return self.mistakes.iter().try_for_each(|mistake| writeln!(out, "  {mistake}"));
        }
        writeln!(
            out,
            "{}: no mistakes; every key signed and verified a test message",
            self.config
        )?;
        for account in &self.accounts {
            account.write(out)?;
        }
        if !self.warnings.is_empty() {
            writeln!(out, "\nwarnings")?;
        }
        self.warnings.iter().try_for_each(|warning| writeln!(out, "  {warning}"))
    }
}

impl AccountReport {
    fn new(account: &Account, now: Timestamp) -> Self {
        let signing_keys = account.signing_keys.keys().iter().map(|key| KeyReport {
            not_before: key.not_before,
            not_after: key.not_after,
            usable: key.usable_at(now),
            ..KeyReport::new(&key.id, key.key.public())
        });
        let provider_keys =
            account.provider_keys.iter().map(|key| KeyReport::new(&key.id, &key.key));
        let operations = &account.provider.operations;
        Self {
            name: account.name.clone(),
            provider: account.provider.name.clone(),
            base_url: account.base_url.clone(),
            app_id: account.app_id.clone(),
            environment: account.environment.map(|environment| match environment {
                Environment::Live => "live",
                Environment::Test => "test",
            }),
            operations: operations.iter().map(|operation| operation.name.clone()).collect(),
            signing_keys: signing_keys.collect(),
            provider_keys: provider_keys.collect(),
            unconfirmed: operations.iter().filter_map(|it| Unconfirmed::new(it)).collect(),
        }
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let environment = self.environment.map(|it| format!(" ({it})")).unwrap_or_default();
        writeln!(out, "\naccount {}{environment}", self.name)?;
        writeln!(out, "  provider      {} at {}", self.provider, self.base_url)?;
        writeln!(out, "  app id        {}", self.app_id)?;
        writeln!(out, "  operations    {}", self.operations.join(", "))?;
        for key in &self.signing_keys {
            writeln!(out, "  signing key   {}", key.to_text())?;
        }
        for key in &self.provider_keys {
            writeln!(out, "  provider key  {}", key.to_text())?;
        }
        if !self.unconfirmed.is_empty() {
            writeln!(out, "  not confirmed by the provider's documentation")?;
        }
        for row in &self.unconfirmed {
            let members = match row.members.is_empty() {
                true => String::new(),
                false => format!(": members {}", row.members.join(", ")),
            };
            writeln!(out, "    {} ({}){members}", row.operation, row.path)?;
        }
        Ok(())
    }
}

impl KeyReport {
    fn new(id: &str, key: &PublicKey) -> Self {
        Self {
            id: id.to_owned(),
            bits: key.bits(),
            fingerprint: key.fingerprint(),
            not_before: None,
            not_after: None,
            usable: true,
        }
    }

    fn to_text(&self) -> String {
        let mut text = format!("{}: RSA {}, {}", self.id, self.bits, self.fingerprint);
        if let Some(start) = self.not_before {
            text += &format!(", from {start}");
        }
        if let Some(end) = self.not_after {
            text += &format!(", until {end}");
        }
        if !self.usable {
            text += ", not usable now";
        }
        text
    }
}

impl Unconfirmed {
    fn new(operation: &Operation) -> Option<Self> {
        let members = operation.members.iter().filter(|member| !member.confirmed);
        let members: Vec<String> = match operation.confirmed {
            true => members.map(|member| member.name.clone()).collect(),
            false => Vec::new(),
        };
        (!operation.confirmed || !members.is_empty()).then(|| Self {
            operation: operation.name.clone(),
            path: operation.path.clone(),
            members,
        })
    }
}
