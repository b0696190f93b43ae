//! `countersign check`: loads a configuration as `run` would, including every key and certificate, and reports what
//! it found. Starts nothing.
//!
//! `report` gathers the data, `text` writes it for people; `--json` prints the report itself.

mod report;
mod text;

use std::io::Write;

use super::output::{print_json, stdout};
use super::{CommandError, ConfigFile, Exit};
use crate::clock::Clock;
use crate::config;

use report::Report;

/// Exits 0 when nothing is wrong, 1 otherwise; warnings do not count.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It exits 0 when nothing is wrong and 1 otherwise; warnings do not count.")]
pub struct Args {
    #[command(flatten)]
    pub file: ConfigFile,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

/// Loads the configuration and prints what is wrong with it, or what it holds.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let path = &args.file.config;
    let report = Report::new(path, config::load(path), &Clock::System);
    let mut out = stdout();
    match args.json {
        true => print_json(&report, &mut out)?,
        false => out.write_all(text::of(&report).as_bytes())?,
    }
    Ok(Exit::done_if(report.ok))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

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
        insta::assert_snapshot!(text::of(&report), @r#"
mine.toml: 3 mistakes
  lisen: unknown key, did you mean `listen`? allowed here: `listen`, `store`, `log`, `audit`, `tracing`, `reload`, `account`
  account.shop-th.base_url: nothing found, expected an https URL with nothing after its path, such as `https://api.provider.example`
  account.shop-th.signing_key: nothing found, expected at least one key that signs
"#);
    }

    #[test]
    fn a_missing_file_is_a_mistake() {
        let report = report("no/such/file.toml");
        assert!(!report.ok);
        insta::assert_snapshot!(text::of(&report), @r#"
no/such/file.toml: 1 mistake
  configuration file `no/such/file.toml` (relative to the working directory) does not exist
"#);
    }

    #[test]
    fn a_store_that_run_would_not_open_is_a_mistake() {
        let account = "[[account]]\nname = \"shop\"\nprovider = \"bluepay\"\napp_id = \"a\"\n\
                       base_url = \"http://127.0.0.1:9\"\n\
                       signing_key = [{ id = \"k\", private_key = { file = \"config/demo/merchant.pem\" } }]\n";
        for url in ["sqlite::memory:", "sqlite:data/", "sqlite://host/x", "sqlite:x.db?mode=ro"] {
            let text = format!("store.url = \"{url}\"\n{account}");
            let loaded = config::load_text(&text);
            let report = Report::new(Path::new("mine.toml"), loaded, &Clock::System);
            let paths: Vec<_> = report.mistakes.iter().map(|mistake| &mistake.path).collect();
            assert_eq!(paths, ["store.url"], "{url}: {}", text::of(&report));
        }
    }

    #[test]
    fn a_correct_configuration_is_summarised() {
        let report = report("config/examples/full.toml");
        assert!(report.ok);
        let text = text::of(&report);
        for line in [
            "config/examples/full.toml: no mistakes",
            "account shop-th (test)",
            "  provider      bluepay at http://127.0.0.1:8700",
            "  signing key   2026-01: RSA 2048, sha256:",
            "                from 2026-01-01T00:00:00Z, until 2099-01-01T00:00:00Z, signs now",
            "  provider key  2025: RSA 2048, sha256:",
            "  callers       bearer token (1)",
            "  operations    17, of which 9 are not confirmed by the provider's documentation:",
            "    payment_void          /open-api/payment/void",
            "  notifications 8, of which 4 are not confirmed by the provider's documentation:",
            "    debit                 direct.debit.failed, direct.debit.success",
        ] {
            assert!(text.contains(line), "`{line}` is missing from:\n{text}");
        }
        assert!(
            !text.contains("account.shop-th: not confirmed"),
            "what is listed above in detail is not also a warning:\n{text}"
        );
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(
            widest <= Some(text::COLUMNS),
            "{widest:?} columns are wider than a screen:\n{text}"
        );
    }

    #[test]
    fn the_json_report_has_the_same_contents() {
        let report = serde_json::to_value(report("config/countersign.toml")).expect("plain data");
        assert_eq!(report["ok"], true);
        let account = &report["accounts"][0];
        assert_eq!(account["name"], "demo");
        assert_eq!(account["signing_keys"][0]["bits"], 2048);
        assert_eq!(account["signing_keys"][0]["usable"], true);
        let unconfirmed = account["unconfirmed"].as_array().expect("a list");
        assert!(!unconfirmed.is_empty(), "the profile has rows that are not confirmed");
        let unconfirmed = account["unconfirmed_notifications"].as_array().expect("a list");
        assert_eq!(unconfirmed[0]["notification"], "authorization");
    }

    #[test]
    fn the_json_report_has_the_same_members_whether_or_not_anything_is_wrong() {
        let members = |path: &str| {
            let report = serde_json::to_value(report(path)).expect("plain data");
            report.as_object().expect("an object").keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(members("config/countersign.toml"), members("no/such/file.toml"));
    }
}
