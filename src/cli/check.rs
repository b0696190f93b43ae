//! `countersign check`: loads a configuration as `run` would, every key included, and says what it found. Starts nothing.
//!
//! The report is made as JSON first; the text for people is written from the same values.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::output::{print_json, stdout};
use super::{CommandError, ConfigFile, Exit};
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
    let mut out = stdout();
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
    /// What the profile says about it.
    note: Option<String>,
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
            "{}: no mistakes; every signing key passed a test of signing and verifying",
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
            let note = row.note.as_ref().map(|note| format!("; {note}")).unwrap_or_default();
            writeln!(out, "    {} ({}){members}{note}", row.operation, row.path)?;
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
            note: operation.note.clone(),
            members,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-06-01T00:00:00Z.
    const NOW_UNIX_MS: i64 = 1_780_272_000_000;

    fn report(path: &str) -> Report {
        let path = Path::new(path);
        Report::new(path, config::load(path), &Clock::fixed(NOW_UNIX_MS))
    }

    #[test]
    fn every_mistake_is_listed_and_the_check_fails() {
        let text =
            "lisen = 1\n[[account]]\nname = \"shop-th\"\nprovider = \"bluepay\"\napp_id = \"a\"";
        let report = Report::new(Path::new("mine.toml"), config::load_text(text), &Clock::System);
        assert!(!report.ok);
        insta::assert_snapshot!(report.to_text(), @r#"
mine.toml: 3 mistakes
  lisen: unknown key, did you mean `listen`? allowed here: `listen`, `store`, `log`, `account`
  account.shop-th.base_url: nothing found, expected an https URL with nothing after its path, such as `https://api.provider.example`
  account.shop-th.signing_key: nothing found, expected at least one key that signs
"#);
    }

    #[test]
    fn a_file_that_is_not_there_is_a_mistake() {
        let report = report("no/such/file.toml");
        assert!(!report.ok);
        insta::assert_snapshot!(report.to_text(), @r#"
no/such/file.toml: 1 mistake
  configuration file `no/such/file.toml` (relative to the working directory) does not exist
"#);
    }

    #[test]
    fn a_right_configuration_is_summed_up() {
        let report = report("config/examples/full.toml");
        assert!(report.ok);
        let text = report.to_text();
        for line in [
            "config/examples/full.toml: no mistakes",
            "account shop-th (test)",
            "  provider      bluepay at http://127.0.0.1:8700",
            "  signing key   2026-01: RSA 2048, sha256:",
            "from 2026-01-01T00:00:00Z, until 2099-01-01T00:00:00Z",
            "  provider key  2025: RSA 2048, sha256:",
            "    payment_void (/open-api/payment/void)",
            "warnings\n  account.shop-th: not confirmed",
        ] {
            assert!(text.contains(line), "`{line}` is missing from:\n{text}");
        }
    }

    #[test]
    fn the_same_stands_in_the_json_report() {
        let report = serde_json::to_value(report("config/countersign.toml")).expect("plain data");
        assert_eq!(report["ok"], true);
        let account = &report["accounts"][0];
        assert_eq!(account["name"], "demo");
        assert_eq!(account["signing_keys"][0]["bits"], 2048);
        assert_eq!(account["signing_keys"][0]["usable"], true);
        let unconfirmed = account["unconfirmed"].as_array().expect("a list");
        assert!(!unconfirmed.is_empty(), "the profile has rows that are not confirmed");
    }
}
