//! A freeze affects the running sidecar, or the command says that it does not; and mistakes elsewhere in the
//! configuration do not keep a command from its store.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

use serde_json::{Value, json};

use super::{Ran, finish};
use crate::support::http::{self, post};
use crate::support::provider::Provider;
use crate::support::sidecar::command;
use crate::support::{Action, ConfigBuilder, Sidecar, payout, wait_until};

fn start(provider: &Provider) -> Sidecar {
    let config = ConfigBuilder::new(&provider.base_url())
        .section("[account.timeouts]\nconnect = \"1s\"\ntotal = \"1s\"")
        .section("[account.retry]\nattempts = 1\nresolve_for = \"0s\"")
        .section("[account.circuit]\nfailures = 0");
    Sidecar::start_text(&format!("[reload]\nwatch = false\npoll = \"off\"\n{}", config.text()))
}

fn ran(sidecar: &Sidecar, arguments: &[&str]) -> Ran {
    let mut command = command(arguments);
    finish(command.arg("--config").arg(sidecar.config_file()).current_dir(sidecar.folder()), "")
}

fn freeze(sidecar: &Sidecar, account: &str) -> (i32, Value) {
    let ran = ran(sidecar, &["freeze", account, "--reason", "test", "--json"]);
    (ran.code, super::json(&ran.stdout))
}

fn pay(sidecar: &Sidecar, account: &str, reference: &str) -> http::Answer {
    post(sidecar.app, &format!("/{account}/payout_create"), &payout(reference, 50020))
}

fn renamed(text: &str, formerly: &str) -> String {
    text.replace("name = \"shop\"", &format!("name = \"q\"\n{formerly}"))
}

fn reload(sidecar: &Sidecar) {
    let said = http::request(sidecar.admin, "POST", "/reload", &[], b"").json();
    assert_eq!(said["result"], "success", "{said:#}");
}

#[test]
fn a_freeze_without_effect_says_so_and_the_other_name_works() {
    let provider = Provider::start();
    let sidecar = start(&provider);
    let text = sidecar.configuration();
    sidecar.configure(&renamed(&text, ""));

    let (code, told) = freeze(&sidecar, "q");
    assert_eq!((code, &told["sidecar_has_account"]), (1, &json!(false)), "{told:#}");
    assert_eq!(told["store"]["sidecar_accounts"], json!(["shop"]), "{told:#}");
    let said = ran(&sidecar, &["freeze", "q", "--reason", "test"]);
    said.complained(1, "no running sidecar has this account");
    said.complained(1, "expected one of the accounts of running sidecars: `shop`; store ");
    ran(&sidecar, &["freeze", "shpo", "--reason", "test"])
        .complained(2, "no account `shpo`, expected one of q, shop");
    for arguments in [&["payments", "list"][..], &["inbox", "replay"]] {
        let arguments = [arguments, &["--account", "shpo"]].concat();
        ran(&sidecar, &arguments).complained(2, "no account `shpo`, expected one of q, shop");
    }
    assert_eq!(pay(&sidecar, "shop", "GOESON0001").status, 200, "as the command said");

    let (code, told) = freeze(&sidecar, "shop");
    assert_eq!((code, &told["sidecar_has_account"]), (0, &json!(true)), "{told:#}");
    pay(&sidecar, "shop", "FROZEN0001").problem("frozen", 503);
    let lifted = ran(&sidecar, &["unfreeze", "q"]).done();
    assert!(lifted.contains("but not with this account: running sidecars have `shop`"), "{lifted}");

    // After a reload it is the other way round: only payments remain under the first name.
    reload(&sidecar);
    let (code, told) = freeze(&sidecar, "q");
    assert_eq!((code, &told["sidecar_has_account"]), (0, &json!(true)), "{told:#}");
    pay(&sidecar, "q", "FROZEN0002").problem("frozen", 503);
    let (code, told) = freeze(&sidecar, "shop");
    assert_eq!((code, &told["store"]["sidecar_accounts"]), (1, &json!(["q"])), "{told:#}");
    assert_eq!(provider.received().len(), 1);
}

#[test]
fn an_account_is_frozen_under_either_name_before_and_after_a_rename() {
    let provider = Provider::start();
    let sidecar = start(&provider);
    let text = sidecar.configuration();
    sidecar.configure(&renamed(&text, "formerly = [\"shop\"]"));
    let freezes = |name: &str, running: &str| {
        let (code, told) = freeze(&sidecar, name);
        assert_eq!((code, &told["sidecar_has_account"]), (0, &json!(true)), "{told:#}");
        pay(&sidecar, running, "FROZEN0001").problem("frozen", 503);
        ran(&sidecar, &["unfreeze", name]).done();
    };
    freezes("q", "shop");
    freezes("shop", "shop");
    reload(&sidecar);
    freezes("q", "q");
    freezes("shop", "q");
    // Put back in the file, not in the process.
    sidecar.configure(&text);
    freezes("shop", "q");
    freezes("q", "q");
    assert_eq!(pay(&sidecar, "q", "LIFTED0001").status, 200);
}

#[test]
fn mistakes_elsewhere_in_the_configuration_do_not_matter() {
    let provider = Provider::start();
    let sidecar = start(&provider);
    let text = sidecar.configuration();
    assert_eq!(pay(&sidecar, "shop", "ORDER00001").status, 200);
    let second = text.replace("name = \"shop\"", "name = \"other\"").replace("app-4711", "app-2");
    let second = &second[second.find("[[account]]").expect("an account")..];
    let key = second.find("private_key").expect("a key");
    let keyless = format!("{}private_key = {{ file = \"missing.pem\" }}\n", &second[..key]);
    let listen_only = &text[..text.find("[[account]]").expect("an account")];
    let unset = text.replace("\"app-4711\"", "{ env = \"COUNTERSIGN_TEST_NOT_SET\" }");
    for (what, text) in [
        ("a variable is not set", unset),
        ("another account's key is missing", format!("{text}{keyless}")),
        ("an unknown key", text.replace("app_id", "nonsense = 1\napp_id")),
        (
            "unknown keys everywhere",
            format!("x = 1\n[store]\nurl = \"sqlite:data/countersign.db\"\nx = 1\n{text}"),
        ),
        ("the account was removed", format!("{listen_only}{second}")),
        ("no account is left", listen_only.to_owned()),
        ("another account has no name", format!("{text}[[account]]\nname = 3\n")),
    ] {
        sidecar.configure(&text);
        let (code, told) = freeze(&sidecar, "shop");
        assert_eq!((code, &told["sidecar_has_account"]), (0, &json!(true)), "{what}: {told:#}");
        pay(&sidecar, "shop", "FROZEN0001").problem("frozen", 503);
        for arguments in [
            &["unfreeze", "shop"][..],
            &["payments", "list", "--account", "shop"],
            &["inbox", "list"],
        ] {
            let ran = ran(&sidecar, arguments);
            assert_eq!(ran.code, 0, "{what}: {ran:#?}");
        }
    }

    // Mistakes in the parts that the command needs are still reported.
    for (text, words) in [
        (format!("{text}\nx = \n"), "not TOML"),
        (format!("[stroe]\nurl = \"sqlite:x.db\"\n{text}"), "did you mean `store`?"),
        (format!("store.ulr = \"sqlite:x.db\"\n{text}"), "store.ulr: unknown key, "),
        (format!("store.url = 3\n{text}"), "store.url: found"),
        (format!("audit.file = 3\n{text}"), "audit.file: found"),
    ] {
        sidecar.configure(&text);
        ran(&sidecar, &["freeze", "shop", "--reason", "test"]).complained(1, words);
    }
}

#[test]
fn a_payment_settled_by_hand_gets_its_event_despite_mistakes_in_the_configuration() {
    let provider = Provider::start();
    let sidecar = start(&provider);
    let text = sidecar.configuration();
    let settle = |reference: &str| {
        let arguments = ["payments", "settle", reference, "--as", "rejected", "--reason", "seen"];
        ran(&sidecar, &arguments)
    };
    let events = |reference: &str| {
        let listed = ran(&sidecar, &["inbox", "list", "--reference", reference, "--json"]);
        super::json(&listed.stdout)["events"].as_array().expect("a list").clone()
    };
    provider.will(Action::Close);
    for reference in ["BYHAND0001", "BYHAND0002"] {
        pay(&sidecar, "shop", reference).problem("outcome-unknown", 504);
    }
    // A mistake in another account: this one's event is created at once.
    sidecar.configure(&format!("{text}[[account]]\nname = \"other\"\n"));
    let settled = settle("BYHAND0001");
    assert_eq!(settled.code, 0, "{settled:#?}");
    assert_eq!(events("BYHAND0001")[0]["type"], "countersign.payout.failed");

    // A mistake in its own account: the running sidecar creates the event.
    sidecar.configure(&text.replace("\"app-4711\"", "{ env = \"COUNTERSIGN_TEST_NOT_SET\" }"));
    let listed = ran(&sidecar, &["payments", "list", "--json"]);
    assert!(listed.stderr.contains("`COUNTERSIGN_TEST_NOT_SET` is not set"), "{listed:#?}");
    assert_eq!(super::json(&listed.stdout)["payments"][0]["stranded"], Value::Null, "{listed:#?}");
    let settled = settle("BYHAND0002");
    assert_eq!(settled.code, 0, "{settled:#?}");
    assert!(settled.stderr.contains("the event is not created yet"), "{settled:#?}");
    wait_until("its event", || !events("BYHAND0002").is_empty());
    assert_eq!(events("BYHAND0002")[0]["type"], "countersign.payout.failed");
}

#[test]
fn the_accounts_of_a_sidecar_that_does_not_report_them_are_unknown() {
    let provider = Provider::start();
    let mut sidecar = start(&provider);
    assert!(sidecar.terminate().success());
    let store = fs::metadata(sidecar.store()).expect("a store");
    // In the format of an earlier version.
    let path = sidecar.store().with_file_name("countersign.db-holder-0000000000000001");
    fs::write(&path, format!("sidecar {} {}\n", store.dev(), store.ino())).expect("written");
    let held = File::open(&path).expect("opened");
    held.lock().expect("locked");
    let (code, told) = freeze(&sidecar, "shop");
    assert_eq!(code, 0, "{told:#}");
    assert_eq!(
        (&told["store"]["sidecar_running"], &told["sidecar_has_account"]),
        (&json!(true), &Value::Null),
        "{told:#}"
    );
    let said = ran(&sidecar, &["freeze", "shop", "--reason", "test"]).done();
    assert!(said.contains("it is not known whether that sidecar has this account"), "{said}");
}
