//! The output of a sidecar at its highest log level: every line names its request, and none contains a secret.

use std::io::Read;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::canaries::Canaries;
use crate::support::http::{get, post, post_with, request};
use crate::support::notification::{Signer, envelope};
use crate::support::openssl::KeyPair;
use crate::support::sidecar::command;
use crate::support::{Action, ConfigBuilder, Provider, Sidecar, wait_until};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const TOKEN: &str = "canary-token-0123456789";
const SECRET: &str = "whsec_Y2FuYXJ5LXNlY3JldC0wMTIzNDU2Nzg5LWNhbmFyeQ==";
const APP_ID: &str = "canary-app-id-4711";
const ACCOUNT_NUMBER: &str = "9990008887776";
const NAME: &str = "Canary Person";

fn config(provider: &Provider, application: &Provider) -> ConfigBuilder {
    ConfigBuilder::new(&provider.base_url())
        .account("currency = \"THB\"\ntimezone = \"+07:00\"")
        .section("[account.timeouts]\nconnect = \"500ms\"\ntotal = \"1s\"")
        .section("[account.retry]\nattempts = 1\nresolve_for = \"1s\"")
        .section(&format!("[account.app]\ntokens = [\"{TOKEN}\"]"))
        .notified_by(KeyPair::provider().public())
        .section(&format!(
            "[account.delivery]\nurl = \"{}/events\"\nsecret = \"{SECRET}\"",
            application.base_url()
        ))
        .section("[audit]\nfile = \"data/audit.log\"")
}

fn canaries(sidecar: &Sidecar) -> Canaries {
    let mut canaries = Canaries::of(&sidecar.configuration());
    for secret in [TOKEN, SECRET, ACCOUNT_NUMBER, NAME] {
        canaries.add_secret(secret);
    }
    canaries
}

fn payout(reference: &str) -> String {
    format!(
        r#"{{"mchOrderId":"{reference}","amount":10000,"payMethodCode":"PROMPTPAY","promptpayAccountType":"MSISDN","accountNo":"{ACCOUNT_NUMBER}","accountName":"{NAME}","remark":"{NAME}"}}"#
    )
}

/// Everything that can happen to a call, a notification and a delivery; returns our answers to callers.
fn everything_once(sidecar: &Sidecar, provider: &Provider, application: &Provider) -> Vec<String> {
    let bearer = format!("Bearer {TOKEN}");
    let headers = [JSON, ("Authorization", bearer.as_str())];
    let call = |path: &str, body: &str| post_with(sidecar.app, path, &headers, body.as_bytes());
    let mut told = Vec::new();
    call("/shop/payout_create", &payout("CANARY01"));
    call("/shop/payout_create", &payout("CANARY01"));
    told.push(call("/shop/payout_create", &payout("CANARY01").replace("10000", "20000")).text());
    for (number, action) in [
        Action::Answer(r#"{"code":20001,"message":"no","data":null}"#.to_owned()),
        Action::Close,
        Action::Status(500, format!("<html>{ACCOUNT_NUMBER}</html>")),
        Action::Raw(
            format!("HTTP/1.1 200 OK\r\nX-Canary: {NAME}\r\n{ACCOUNT_NUMBER}").into_bytes(),
        ),
        Action::Late(std::time::Duration::from_secs(2), String::new()),
    ]
    .into_iter()
    .enumerate()
    {
        provider.will(action);
        call("/shop/payout_create", &payout(&format!("CANARY1{number}")));
        told.push(call("/shop/payout_status", r#"{"mchOrderId":"CANARY01"}"#).text());
    }
    provider.will(Action::Answer(crate::support::provider::ACCEPTED.to_owned()));
    let bad =
        format!(r#"{{"mchOrderId":"CANARY20","accountNo":"{ACCOUNT_NUMBER}","accountName":7}}"#);
    told.push(call("/shop/payout_create", &bad).text());
    told.push(call("/shop/payout_create", &format!("{{\"accountNo\":\"{ACCOUNT_NUMBER}\"")).text());
    told.push(call(&format!("/shop/{ACCOUNT_NUMBER}"), "{}").text());
    for wrong in ["Bearer canary-token-wrong-12345", "Basic Y2FuYXJ5", ""] {
        let headers = [JSON, ("Authorization", wrong)];
        told.push(post_with(sidecar.app, "/shop/balance", &headers, b"{}").text());
    }
    told.push(request(sidecar.app, "DELETE", "/shop/balance", &headers, b"").text());

    let param = format!(
        r#"{{"amount":10000,"eventName":"disbursement.success","mchOrderId":"CANARY01","transactionId":"D1","transactionStatus":"COMPLETED","accountNo":"{ACCOUNT_NUMBER}","remark":"{NAME}"}}"#
    );
    let notify = |body: &str| post(sidecar.notify, "/shop", body).text();
    application.will(Action::Status(500, format!("{{\"error\":\"{ACCOUNT_NUMBER}\"}}")));
    told.push(notify(&Signer::provider().body(&param)));
    told.push(notify(&Signer::provider().body(&param)));
    told.push(notify(&Signer::merchant().body(&param)));
    told.push(notify(&envelope(&param, "bm90IGEgc2lnbmF0dXJl")));
    told.push(notify(&Signer::provider().body(&format!("not json: {ACCOUNT_NUMBER}"))));
    told.push(notify(&Signer::provider().body(&format!(r#"{{"eventName":7,"x":"{NAME}"}}"#))));
    told.push(notify(&format!("{{{ACCOUNT_NUMBER}")));
    wait_until("an attempt to deliver", || !application.received().is_empty());
    application.will(Action::Status(200, String::new()));
    for path in ["/metrics", "/config", "/livez", "/readyz", "/openapi.json", "/nothing"] {
        told.push(get(sidecar.admin, path).text());
    }
    told
}

#[test]
fn no_output_at_the_highest_level_has_a_secret_or_personal_detail() {
    let (provider, application) = (Provider::start(), Provider::start());
    let mut sidecar = Sidecar::start(&config(&provider, &application));
    let canaries = canaries(&sidecar);
    assert!(canaries.count() > 300, "only {} are searched for", canaries.count());
    for told in everything_once(&sidecar, &provider, &application) {
        canaries.assert_absent("an answer of ours", &told);
    }
    for arguments in [
        &["check", "--config", "countersign.toml"][..],
        &["freeze", "--config", "countersign.toml", "shop", "--reason", "test"],
        &["unfreeze", "--config", "countersign.toml", "shop"],
        &["inbox", "--config", "countersign.toml", "list"],
        &["payments", "--config", "countersign.toml", "list"],
        &["openapi", "--config", "countersign.toml"],
        &["audit", "verify", "data/audit.log"],
    ] {
        let output = sidecar.run(arguments);
        let text = [output.stdout, output.stderr].concat();
        canaries.assert_absent(&format!("{arguments:?}"), &String::from_utf8_lossy(&text));
    }
    wait_until("a delivery", || sidecar.log().iter().any(|line| line.contains("event delivered")));
    assert!(sidecar.terminate().success());
    let log = sidecar.log().join("\n");
    for line in ["request answered", "notification answered", "event delivered", "stopped"] {
        assert!(log.contains(line), "no line `{line}`: nothing to look through\n{log}");
    }
    canaries.assert_absent("the log", &log);
    let audit = std::fs::read_to_string(sidecar.folder().join("data/audit.log")).expect("a file");
    canaries.assert_absent("the audit log", &audit);
}

#[test]
fn every_line_within_a_request_has_its_id() {
    let application = Provider::start();
    // There is no listener, which is logged deep inside the request.
    let nowhere = ConfigBuilder::new("http://127.0.0.1:9")
        .section("[account.retry]\nattempts = 1")
        .section(&format!("[account.delivery]\nurl = \"{}/events\"", application.base_url()));
    let sidecar = Sidecar::start(&nowhere);
    let answer = post(sidecar.app, "/shop/payout_status", r#"{"mchOrderId":"WITHIN01"}"#);
    let id = answer.header("countersign-request-id").expect("an id").to_owned();
    let lines = |message: &str| -> Vec<Value> {
        let log = sidecar.log();
        let lines = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["message"] == message).collect()
    };
    wait_until("the last line", || !lines("request answered").is_empty());
    for message in ["no connection", "request answered"] {
        let line = &lines(message)[0];
        assert_eq!(line["request_id"], id.as_str(), "{line}");
        assert_eq!(
            (&line["account"], &line["operation"]),
            (&json!("shop"), &json!("payout_status"))
        );
        assert_eq!(line["reference"], "WITHIN01", "{line}");
    }
}

#[test]
fn a_configuration_with_mistakes_is_refused_without_showing_its_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = std::fs::read_to_string(KeyPair::merchant().private()).expect("a key");
    let body: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    let text = format!(
        "[log]\nlevel = \"trace\"\n[[account]]\nname = \"shop\"\nprovider = \"bluepay\"\n\
         base_url = \"http://127.0.0.1:9\"\napp_id = {{ env = \"CANARY_APP_ID\" }}\n\
         signing_key = [{{ id = \"k\", private_key = \"{body}x\" }}]\n\
         app = {{ tokens = [\"{TOKEN}\", \"short-canary\"] }}\n\
         delivery = {{ url = \"http://127.0.0.1:9\", secret = \"{SECRET}x\" }}\n"
    );
    std::fs::write(folder.path().join("bad.toml"), &text).expect("a file");
    let mut canaries = Canaries::of(&text);
    for secret in [TOKEN, "short-canary", SECRET, APP_ID] {
        canaries.add_secret(secret);
    }
    for name in ["run", "check"] {
        let output = command(&[name, "--config", "bad.toml"])
            .env("CANARY_APP_ID", APP_ID)
            .current_dir(folder.path())
            .output()
            .expect("it runs");
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(said.contains("signing_key"), "{said}");
        canaries.assert_absent(name, &said);
    }
}

#[test]
fn an_unread_log_delays_nothing_and_reports_how_much_it_lost() {
    let provider = Provider::start();
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("app.sock");
    let listen = format!("app = \"unix:{}\"\nadmin = \"127.0.0.1:0\"", socket.display());
    let text = ConfigBuilder::new(&provider.base_url()).listen(&listen).text();
    std::fs::write(folder.path().join("countersign.toml"), text).expect("a file");
    let mut child = command(&["run", "--config", "countersign.toml"])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    wait_until("the listener", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    let mut stream = std::os::unix::net::UnixStream::connect(&socket).expect("a connection");
    let patience = Some(std::time::Duration::from_secs(20));
    stream.set_read_timeout(patience).expect("a time-out");
    // Refused at once, and each of them logged: more lines than the queue and the pipe hold.
    let one = b"POST /shop/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    let mut answers = 0;
    for _ in 0..180 {
        std::io::Write::write_all(&mut stream, &one.repeat(100)).expect("written");
        let mut text = Vec::new();
        let mut block = [0; 64 * 1024];
        while count(&text, b"HTTP/1.1 404") < 100 || !text.ends_with(b"}") {
            let read = stream.read(&mut block).expect("an answer, although the log is not read");
            assert!(read > 0, "the connection was closed");
            text.extend_from_slice(&block[..read]);
        }
        answers += 100;
    }
    assert_eq!(answers, 18_000);
    let mut reader = child.stderr.take().expect("piped");
    let reading = std::thread::spawn(move || {
        let mut log = String::new();
        let _ = reader.read_to_string(&mut log);
        log
    });
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it is there");
    assert!(child.wait().expect("a child").success());
    let log = reading.join().expect("no panic");
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("whole lines only")).collect();
    let written = lines.iter().filter(|line| line["message"] == "request answered").count();
    let lost: i64 = lines.iter().filter_map(|line| line["lines"].as_i64()).sum();
    assert!(lost > 0, "{written} lines were written, and nothing was lost");
    assert!(lines.iter().any(|line| line["message"] == "stopped"), "the last line is there");
}

fn count(text: &[u8], part: &[u8]) -> usize {
    text.windows(part.len()).filter(|window| *window == part).count()
}
