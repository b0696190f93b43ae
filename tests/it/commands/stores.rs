//! Which store a command works on: the sidecar's, from any working directory, and never one that it created itself.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Ran, finish};
use crate::support::http::post;
use crate::support::provider::Provider;
use crate::support::sidecar::command;
use crate::support::{ConfigBuilder, Sidecar};

/// Every command that works on a store.
const COMMANDS: [&[&str]; 9] = [
    &["freeze", "shop", "--reason", "test"],
    &["unfreeze", "shop"],
    &["payments", "list"],
    &["payments", "show", "pay_01hv3e9k5y0000000000000000"],
    &["payments", "settle", "ORDER1", "--as", "rejected", "--reason", "test"],
    &["inbox", "list"],
    &["inbox", "show", "evt_01hv3e9k5y0000000000000000"],
    &["inbox", "replay", "--state", "dead"],
    &["inbox", "discard", "--state", "dead", "--reason", "test"],
];

/// Runs a command in `folder` on the configuration `file`.
fn run_in(folder: &Path, file: &Path, arguments: &[&str]) -> Ran {
    let mut command = command(arguments);
    finish(command.arg("--config").arg(file).current_dir(folder), "")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
}

fn payout(sidecar: &Sidecar, reference: &str) -> crate::support::http::Answer {
    post(sidecar.app, "/shop/payout_create", &crate::support::payout(reference, 50020))
}

#[test]
fn no_command_creates_a_store() {
    let (elsewhere, config) = (folder(), folder());
    let file = config.path().join("countersign.toml");
    let text = ConfigBuilder::new("http://127.0.0.1:9").text();
    fs::write(&file, format!("store.url = \"sqlite:data/countersign.db\"\n{text}"))
        .expect("written");
    let expected = config.path().join("data/countersign.db");
    for arguments in COMMANDS {
        let ran = run_in(elsewhere.path(), &file, arguments);
        ran.complained(1, "does not exist, expected the store of a sidecar");
        ran.complained(1, expected.to_str().expect("a plain name"));
    }
    assert_eq!(
        entries(elsewhere.path()),
        [] as [PathBuf; 0],
        "nothing is created in the working directory"
    );
    assert_eq!(entries(config.path()), [file], "nor at the store's path");
}

#[test]
fn a_freeze_from_another_folder_reaches_the_running_sidecar() {
    let provider = Provider::start();
    let config = ConfigBuilder::new(&provider.base_url());
    let mut sidecar = Sidecar::start(&config);
    let elsewhere = folder();
    let file = sidecar.config_file();
    let store = sidecar.store().canonicalize().expect("it is there");

    let ran = run_in(elsewhere.path(), &file, &["freeze", "shop", "--reason", "test", "--json"]);
    let told = ran.json();
    assert_eq!(told["store"]["path"], store.to_str().expect("a plain name"));
    assert_eq!(
        told["store"]["sidecar_running"], true,
        "it is recognised before its first payment: {told}"
    );
    payout(&sidecar, "FROZEN001").problem("frozen", 503);
    assert_eq!(provider.received().len(), 0, "nothing left");

    let listed = run_in(elsewhere.path(), &file, &["payments", "list"]).done();
    assert!(
        listed.contains(&format!("store {}: a running sidecar uses this store", store.display()))
    );
    assert!(sidecar.terminate().success());
    let told = run_in(elsewhere.path(), &file, &["freeze", "shop", "--reason", "again"]).done();
    assert!(told.contains("no sidecar is running on this store"), "{told}");
    assert!(told.contains("the freeze applies to the next sidecar that starts on it"), "{told}");
    let told = run_in(elsewhere.path(), &file, &["unfreeze", "shop", "--json"]).json();
    assert_eq!(told["store"]["sidecar_running"], false, "{told}");
    assert_eq!(entries(elsewhere.path()), [] as [PathBuf; 0]);
}

/// A sidecar that used paths relative to the working directory continues with its existing files.
#[test]
fn a_store_in_the_working_directory_is_found_again_and_never_replaced() {
    let provider = Provider::start();
    let root = folder();
    let text = ConfigBuilder::new(&provider.base_url()).text();
    let url = "store.url = \"sqlite:data/countersign.db\"\n";
    // The layout of an earlier version: the store in the working directory, the configuration below it.
    let mut first = Sidecar::start_text(&format!("{url}{text}"));
    assert_eq!(payout(&first, "ORDER00001").status, 200);
    assert_eq!(provider.received().len(), 1);
    let old = root.path().join("data");
    fs::create_dir(&old).expect("made");
    let left = first.store();
    first.kill();
    for entry in entries(left.parent().expect("a folder")) {
        fs::copy(&entry, old.join(entry.file_name().expect("a name"))).expect("copied");
    }
    fs::create_dir(root.path().join("etc")).expect("made");
    let file = root.path().join("etc/countersign.toml");
    fs::write(&file, format!("{url}{text}")).expect("written");

    let checked = run_in(root.path(), &file, &["check", "--json"]).json();
    let store = checked["store"].as_str().expect("a path");
    assert_eq!(Path::new(store.trim_start_matches("sqlite:")), old.join("countersign.db"));
    let about_paths = |report: &Value| {
        let warnings = report["warnings"].as_array().expect("a list").clone();
        warnings.into_iter().filter(|it| it.to_string().contains("working directory")).count()
    };
    assert_eq!(about_paths(&checked), 1, "{checked:#}");
    let ran = run_in(root.path(), &file, &["payments", "list", "--json"]);
    assert!(
        ran.stderr.starts_with("warning: store.url: `data/countersign.db` is found"),
        "{ran:#?}"
    );
    let listed = super::json(&ran.stdout);
    assert_eq!(listed["payments"][0]["reference"], "ORDER00001", "{listed:#}");

    // A second store, at the new place: one of the two lacks payments.
    fs::create_dir(root.path().join("etc/data")).expect("made");
    fs::copy(old.join("countersign.db"), root.path().join("etc/data/countersign.db"))
        .expect("copied");
    for arguments in [&["run"][..], &["freeze", "shop", "--reason", "test"]] {
        run_in(root.path(), &file, arguments)
            .complained(1, "store.url: `data/countersign.db` leads to two stores");
    }
    let report = super::json(&run_in(root.path(), &file, &["check", "--json"]).stdout);
    assert_eq!(report["mistakes"][0]["path"], "store.url", "{report:#}");
    // From another working directory there is only one.
    let elsewhere = folder();
    let listed = run_in(elsewhere.path(), &file, &["payments", "list", "--json"]).json();
    let path = listed["store"]["path"].as_str().expect("a path").to_owned();
    assert!(path.ends_with("etc/data/countersign.db"), "{path}");
}

#[test]
fn files_are_read_from_the_folder_of_the_configuration() {
    let (config, elsewhere) = (folder(), folder());
    let root = env!("CARGO_MANIFEST_DIR");
    for (name, text) in [("merchant.pem", "keys/a.pem"), ("provider.pub", "keys/b.pub")] {
        fs::create_dir_all(config.path().join("keys")).expect("made");
        fs::copy(format!("{root}/config/demo/{name}"), config.path().join(text)).expect("copied");
    }
    let file = config.path().join("countersign.toml");
    let text = "audit.file = \"audit.log\"\n[[account]]\nname = \"shop\"\nprovider = \"bluepay\"\napp_id = \"a\"\n\
                base_url = \"http://127.0.0.1:9\"\n\
                signing_key = [{ id = \"k\", private_key = { file = \"keys/a.pem\" } }]\n\
                provider_key = [{ id = \"p\", public_key = { file = \"keys/b.pub\" } }]\n";
    fs::write(&file, text).expect("written");
    let report = run_in(elsewhere.path(), &file, &["check", "--json"]).json();
    assert!(!report.to_string().contains("working directory"), "{report:#}");
    assert_eq!(report["audit"], config.path().join("audit.log").to_str().expect("a plain name"));

    // Only at the old place: each causes one warning, with the path to write instead.
    fs::rename(config.path().join("keys"), elsewhere.path().join("keys")).expect("moved");
    let report = run_in(elsewhere.path(), &file, &["check", "--json"]).json();
    let warnings = report["warnings"].to_string();
    for name in ["keys/a.pem", "keys/b.pub"] {
        let written = format!("so write `{}`", elsewhere.path().join(name).display());
        assert_eq!(warnings.matches(&written).count(), 1, "{report:#}");
    }
    let missing = run_in(config.path(), &file, &["check"]);
    assert_eq!(missing.code, 1, "{missing:#?}");
    let told = format!("file `{}` does not exist", config.path().join("keys/a.pem").display());
    assert!(missing.stdout.contains(&told), "{missing:#?}");
}
