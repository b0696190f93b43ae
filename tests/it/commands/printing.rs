//! Commands that read files and print the result: `check`, `keys`, `openapi`, `schema`, `version`.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{finish, json, run};
use crate::support::ConfigBuilder;
use crate::support::openssl::{self, KeyPair};
use crate::support::sidecar::command;

/// Every configuration in the repository.
fn shipped() -> Vec<PathBuf> {
    let folders = ["config", "config/examples"].map(|folder| {
        let entries = std::fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").path()).collect::<Vec<_>>()
    });
    let mut paths = folders.concat();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    assert!(paths.len() >= 3, "the main configuration and the examples: {paths:?}");
    paths
}

#[test]
fn check_passes_every_shipped_configuration() {
    for path in shipped() {
        let path = path.to_str().expect("a plain name");
        let text = run(&["check", "--config", path]).done();
        assert!(text.starts_with(&format!("{path}: no mistakes")), "{text}");
        assert!(text.contains("not confirmed by the provider's documentation"), "{text}");
        let report = run(&["check", "--config", path, "--json"]).json();
        assert_eq!((&report["ok"], &report["mistakes"]), (&json!(true), &json!([])), "{path}");
        let account = &report["accounts"][0];
        for member in ["name", "provider", "base_url", "app_id", "environment", "callers"] {
            assert!(!account[member].is_null(), "`{member}` is missing from {account:#}");
        }
        assert_eq!(account["operations"].as_array().map(Vec::len), Some(17));
    }
}

#[test]
fn the_commented_out_settings_of_the_main_configuration_exist() {
    let text = std::fs::read_to_string("config/countersign.toml").expect("text");
    let is_setting = |line: &str| {
        let name = line.split(" =").next().unwrap_or_default().trim_end();
        let is_key = |name: &str| name.chars().all(|it| it.is_ascii_lowercase() || it == '_');
        line.starts_with("[account.") || (line.contains(" = ") && is_key(name))
    };
    let uncommented: Vec<&str> = text
        .lines()
        .map(|line| match line.trim_start().strip_prefix("# ") {
            Some(setting) if is_setting(setting) => setting,
            _ => line,
        })
        .collect();
    assert!(uncommented.contains(&"[account.tls]"), "settings in comments should be found");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("uncommented.toml");
    std::fs::write(&file, uncommented.join("\n")).expect("written");
    let ran = run(&["check", "--json", "--config", file.to_str().expect("a plain name")]);
    let report = json(&ran.stdout);
    let mistakes = report["mistakes"].as_array().expect("a list");
    assert!(!mistakes.is_empty(), "the user creates the files that it names");
    for mistake in mistakes {
        let problem = mistake["problem"].as_str().expect("text");
        assert!(problem.contains("does not exist"), "only files may be missing: {mistake}");
    }
}

#[test]
fn check_lists_all_mistakes_with_their_paths() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.toml");
    let text = "[listen]\nap = \"127.0.0.1:1\"\n[[account]]\nname = \"shop\"\nprovider = \"blupay\"\n\
                base_url = \"http://pay.example\"\napp_id = { env = \"NO_SUCH_VARIABLE\" }\n";
    std::fs::write(&path, text).expect("written");
    let path = path.to_str().expect("a plain name");
    let expected = [
        "listen.ap",
        "account.shop.provider",
        "account.shop.base_url",
        "account.shop.app_id",
        "account.shop.signing_key",
    ];
    let ran = run(&["check", "--config", path]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""), "the list is the requested output");
    assert!(ran.stdout.contains(": 5 mistakes\n"), "{}", ran.stdout);
    for place in expected {
        assert!(ran.stdout.contains(&format!("\n  {place}: ")), "{place}:\n{}", ran.stdout);
    }
    let ran = run(&["check", "--config", path, "--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    let report = json(&ran.stdout);
    let places = report["mistakes"].as_array().expect("a list").iter();
    let places = places.map(|mistake| mistake["path"].as_str().expect("text"));
    assert_eq!(places.collect::<BTreeSet<_>>(), BTreeSet::from(expected));
    assert_eq!((&report["ok"], &report["accounts"]), (&json!(false), &json!([])));
}

#[test]
fn the_environment_may_name_the_configuration() {
    let mut check = command(&["check"]);
    let text = finish(check.env("COUNTERSIGN_CONFIG", "config/examples/full.toml"), "").done();
    assert!(text.starts_with("config/examples/full.toml: no mistakes"), "{text}");
    let mut openapi = command(&["openapi", "--provider", "bluepay"]);
    finish(openapi.env("COUNTERSIGN_CONFIG", "no/such/file.toml"), "").done();
}

#[test]
fn check_reads_certificates_towards_the_provider() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ca, key) = (folder.path().join("ca.pem"), folder.path().join("ca.key"));
    let subject = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=root"];
    openssl::run(&subject, &[Path::new("-out"), &ca, Path::new("-keyout"), &key]);
    let file = folder.path().join("countersign.toml");
    let check = |ca: &Path| {
        let section = format!("[account.tls]\nca = {{ file = {ca:?} }}");
        let config = ConfigBuilder::new("https://pay.example").section(&section);
        std::fs::write(&file, config.text()).expect("written");
        run(&["check", "--config", file.to_str().expect("a plain name")])
    };
    check(&ca).done();
    let ran = check(&key);
    assert_eq!(ran.code, 1, "a key is not a certificate authority");
    assert!(ran.stdout.contains("account.shop.tls"), "{}", ran.stdout);
}

#[test]
fn the_schema_accepts_every_shipped_configuration() {
    let schema = run(&["schema"]).json();
    assert_eq!(run(&["schema", "--json"]).json(), schema);
    let validator = jsonschema::validator_for(&schema).expect("a JSON Schema");
    for path in shipped() {
        let text = std::fs::read_to_string(&path).expect("text");
        let file = as_json(toml::Value::Table(text.parse().expect("TOML")));
        if let Err(error) = validator.validate(&file) {
            panic!("{}: {error} at {}", path.display(), error.instance_path());
        }
    }
    assert!(!validator.is_valid(&json!({ "account": [], "lisen": {} })));
}

/// TOML as an editor's schema checker sees it: times are text.
fn as_json(value: toml::Value) -> Value {
    match value {
        toml::Value::Datetime(time) => json!(time.to_string()),
        toml::Value::Table(table) => {
            table.into_iter().map(|(key, value)| (key, as_json(value))).collect()
        }
        toml::Value::Array(items) => items.into_iter().map(as_json).collect(),
        other => serde_json::to_value(other).expect("plain data"),
    }
}

#[test]
fn openapi_describes_every_operation() {
    let of_account = run(&["openapi", "--account", "demo", "--json"]).json();
    assert_eq!(run(&["openapi"]).json(), of_account, "the only account needs no name");
    let of_provider = run(&["openapi", "--provider", "bluepay"]).json();
    for (document, prefix) in [(&of_account, "/demo/"), (&of_provider, "/{account}/")] {
        assert_eq!(document["openapi"], "3.1.0");
        for member in ["title", "version"] {
            assert!(document["info"][member].is_string(), "info.{member} is required");
        }
        let mut ids = BTreeSet::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            assert!(path.starts_with(prefix), "`{path}` should begin with `{prefix}`");
            let post = &item["post"];
            assert!(ids.insert(post["operationId"].as_str().expect("an id")), "{path} has an id");
            let schema = &post["requestBody"]["content"]["application/json"]["schema"];
            let schema = resolved(document, schema);
            assert_eq!(schema["type"], "object", "{path}");
            jsonschema::validator_for(schema).expect("the parameters have a JSON Schema");
            assert!(post["responses"]["200"]["description"].is_string(), "{path} answers");
        }
        assert_eq!(ids.len(), 17, "{ids:?}");
        references_resolve(document, document);
    }
}

fn resolved<'a>(root: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        None => value,
        Some(reference) => {
            let pointer = reference.strip_prefix('#').expect("a reference into the document");
            root.pointer(pointer).unwrap_or_else(|| panic!("`{reference}` leads nowhere"))
        }
    }
}

fn references_resolve(root: &Value, value: &Value) {
    match value {
        Value::Object(members) => {
            resolved(root, value);
            members.values().for_each(|member| references_resolve(root, member));
        }
        Value::Array(items) => items.iter().for_each(|item| references_resolve(root, item)),
        _ => {}
    }
}

#[test]
fn a_new_key_pair_is_written_once_with_the_next_steps() {
    let folder = tempfile::tempdir().expect("a folder");
    let prefix = folder.path().join("keys/shop");
    let generate = ["keys", "generate", "--bits", "2048", "--out"];
    let arguments = [&generate[..], &[prefix.to_str().expect("a plain name")]].concat();
    let text = run(&arguments).done();
    let (private, public) = (prefix.with_extension("pem"), prefix.with_extension("pub"));
    for words in
        [format!("give the line in {}", public.display()), "[[account.signing_key]]".into()]
    {
        assert!(text.contains(&words), "`{words}` should be printed:\n{text}");
    }
    let mode = std::fs::metadata(&private).expect("written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "only the owner can read the private half");
    openssl::run(&["pkey", "-check", "-noout", "-in"], &[&private]);

    let before = std::fs::read(&private).expect("the private half");
    run(&arguments).complained(1, "the file exists and is not overwritten");
    assert_eq!(std::fs::read(&private).expect("still there"), before);

    let show = |file: &Path| run(&["keys", "show", file.to_str().expect("plain"), "--json"]).json();
    let (of_private, of_public) = (show(&private), show(&public));
    assert_eq!((&of_private["kind"], &of_public["kind"]), (&json!("private"), &json!("public")));
    for member in ["fingerprint", "public_base64", "public_pem", "bits"] {
        assert_eq!(of_private[member], of_public[member], "`{member}`");
    }
    assert!(text.contains(of_public["fingerprint"].as_str().expect("text")));
}

#[test]
fn openssl_accepts_a_printed_key_pair() {
    let report = run(&["keys", "generate", "--bits", "2048", "--json"]).json();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key.pem");
    std::fs::write(&file, report["private_pem"].as_str().expect("text")).expect("written");
    openssl::run(&["pkey", "-check", "-noout", "-in"], &[&file]);
}

#[test]
fn a_file_that_is_not_a_key_is_named() {
    run(&["keys", "show", "no/such.pem"]).complained(1, "key file `no/such.pem`: No such file");
    run(&["keys", "show", "README.md"]).complained(1, "key file `README.md`: ");
    let pair = KeyPair::merchant();
    let shown = run(&["keys", "show", pair.private().to_str().expect("a plain name")]).done();
    assert!(shown.starts_with("private RSA key of 2048 bits\n"), "{shown}");
    assert!(!shown.contains("PRIVATE KEY"), "the private half is never shown:\n{shown}");
}

#[test]
fn version_says_what_was_built() {
    let report = run(&["version", "--json"]).json();
    let of = |member: &str| report[member].as_str().expect("text").to_owned();
    assert_eq!(of("version"), env!("CARGO_PKG_VERSION"));
    let line = run(&["version"]).done();
    let (version, commit, date) = (of("version"), of("commit"), of("build_date"));
    assert_eq!(line, format!("countersign {version} ({commit}, built {date})\n"));
    assert_eq!(run(&["--version"]).done(), format!("countersign {version}\n"));
}
