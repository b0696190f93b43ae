//! Everything that Countersign itself refuses, seen from the application.

use std::net::TcpListener;

use crate::support::http::{self, post, post_with, request};
use crate::support::openssl::KeyPair;
use crate::support::{Action, ConfigBuilder, Provider, Sidecar};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const STATUS: &str = r#"{"mchOrderId":"A1"}"#;

#[test]
fn bad_json_is_refused_with_the_position_of_the_error() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    let deep = format!("{{\"mchOrderId\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    let bodies: [(&[u8], &str); 11] = [
        (b"", "empty"),
        (b"[]", "object"),
        (b"{\"mchOrderId\":\"A1\"", "ends too early"),
        (b"{\"mchOrderId\":\"A1\",\"mchOrderId\":\"A2\"}", "twice"),
        (b"{\"mchOrderId\":\"A1\",\"mchOrder\\u0049d\":\"A2\"}", "twice"),
        (b"{\"mchOrderId\":\"\xff\"}", "UTF-8"),
        (b"{\"mchOrderId\":\"A\0\"}", "control character"),
        (b"{\"mchOrderId\":\"\\ud800\"}", "surrogate"),
        (b"{\"mchOrderId\":\"A1\"} x", "follows"),
        (b"\xef\xbb\xbf{\"mchOrderId\":\"A1\"}", "byte order mark"),
        (deep.as_bytes(), "nested deeper"),
    ];
    for (body, reason) in bodies {
        let problem = post_with(sidecar.app, "/shop/payout_status", &[JSON], body)
            .problem("malformed-json", 400);
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(
            detail.contains(reason) && detail.contains("at byte"),
            "expected `{reason}` in `{detail}`"
        );
        assert_eq!(
            (&problem["outcome"], &problem["safe_to_retry"]),
            (&"not_sent".into(), &true.into())
        );
    }
    assert!(provider.received().is_empty(), "no refused call may be sent");
}

#[test]
fn a_reference_too_long_to_be_recognised_again_is_refused_before_anything_is_stored() {
    let provider = Provider::start();
    let folder = tempfile::tempdir().expect("a folder");
    let profile = std::fs::read_to_string("config/providers/bluepay.toml").expect("the profile");
    let limited = r#"{ name = "mchOrderId", type = "string", required = true, length = [1, 32], title = "Merchant's order id"#;
    assert!(profile.contains(limited), "the row is there");
    let profile = profile.replace(limited, &limited.replace("length = [1, 32], ", ""));
    let config = ConfigBuilder::new(&provider.base_url()).text();
    let config = config.replace("provider = \"bluepay\"", "provider = { file = \"profile.toml\" }");
    std::fs::write(folder.path().join("profile.toml"), profile).expect("written");
    std::fs::write(folder.path().join("countersign.toml"), config).expect("written");
    let sidecar = Sidecar::start_in(folder);
    let body = |length: usize| {
        let reference = "A".repeat(length);
        crate::support::payout(&reference, 50020).replacen(
            '{',
            "{\"idempotencyId\":\"IDEMPOTENT1\",",
            1,
        )
    };
    let refused = post(sidecar.app, "/shop/payout_create", &body(129));
    let problem = refused.problem("invalid-parameters", 422);
    assert_eq!(problem["errors"][0]["pointer"], "/mchOrderId", "{problem}");
    let listed = sidecar.run_json(&["payments", "list", "--json"]);
    assert_eq!(listed["payments"].as_array().map(Vec::len), Some(0), "{listed:#}");
    for _ in 0..2 {
        assert_eq!(post(sidecar.app, "/shop/payout_create", &body(128)).status, 200);
    }
    assert_eq!(provider.received().len(), 1, "the longest accepted one is recognised");
}

#[test]
fn a_reference_of_absurd_length_is_neither_repeated_nor_logged() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    let body = format!("{{\"mchOrderId\":\"{}\"}}", "A".repeat(900_000));
    let answer = post(sidecar.app, "/shop/payout_status", &body);
    let problem = answer.problem("invalid-parameters", 422);
    assert!(problem["reference"].is_null());
    assert!(answer.body.len() < 2000, "the answer has {} bytes", answer.body.len());
    let longest = sidecar.log().iter().map(String::len).max().unwrap_or_default();
    assert!(longest < 2000, "a log line has {longest} bytes");
}

#[test]
fn parameters_that_break_the_rules_are_all_reported_at_once() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    let body =
        r#"{"mchOrderId":"","amount":"100","payMethodCode":"BANK","accountNo":"1","mobile":"12"}"#;
    let problem = post(sidecar.app, "/shop/payout_create", body).problem("invalid-parameters", 422);
    let errors = problem["errors"].as_array().expect("a list");
    for pointer in [
        "/mchOrderId",
        "/amount",
        "/transferCode",
        "/accountName",
        "/accountType",
        "/accountTaxId",
        "/mobile",
    ] {
        assert!(
            errors.iter().any(|error| error["pointer"] == pointer),
            "{pointer} is missing in {problem:#}"
        );
    }
    for amount in ["100.0", "1e2", "-5", "0", "\"100\"", "null", "true", "100.5"] {
        let body = format!(
            r#"{{"mchRefundOrderId":"R1","originalTransactionId":"C1","refundAmount":{amount}}}"#
        );
        let problem =
            post(sidecar.app, "/shop/refund_create", &body).problem("invalid-parameters", 422);
        assert_eq!(problem["errors"][0]["pointer"], "/refundAmount", "{amount}: {problem:#}");
    }
    assert!(provider.received().is_empty(), "no refused call may be sent");
}

#[test]
fn a_missing_notify_url_is_reported_when_none_is_configured() {
    let provider = Provider::start();
    let text = ConfigBuilder::new(&provider.base_url());
    let sidecar = Sidecar::start(&text.without_notify_url());
    let body = r#"{"channelCode":"THAI_DYNAMIC_QR","mchOrderId":"A1","amount":100}"#;
    let problem = post(sidecar.app, "/shop/qr_create", body).problem("invalid-parameters", 422);
    assert_eq!(problem["errors"][0]["pointer"], "/notifyUrl", "{problem:#}");
}

#[test]
fn a_body_that_is_an_envelope_already_is_recognised() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    let body = r#"{"appId":"a","sign":"b","param":"{\"mchOrderId\":\"A1\"}"}"#;
    let problem = post(sidecar.app, "/shop/payout_status", body).problem("invalid-parameters", 422);
    assert!(problem["detail"].as_str().expect("text").contains("envelope"), "{problem:#}");
}

#[test]
fn unknown_accounts_operations_and_methods_are_named() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    for path in [
        "/",
        "/other/balance",
        "/Shop/balance",
        "/shop",
        "/shop/",
        "/shop/balances",
        "/shop/balance/x",
        "/shop/open-api/none",
    ] {
        post(sidecar.app, path, STATUS).problem("not-found", 404);
    }
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let answer = request(sidecar.app, method, "/shop/balance", &[JSON], STATUS.as_bytes());
        answer.problem("method-not-allowed", 405);
        assert_eq!(answer.header("allow"), Some("POST"));
    }
}

#[test]
fn only_plain_json_is_accepted() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    let cases: [&[(&str, &str)]; 5] = [
        &[],
        &[("Content-Type", "text/plain")],
        &[("Content-Type", "application/x-www-form-urlencoded")],
        &[("Content-Type", "application/json; charset=tis-620")],
        &[JSON, ("Content-Encoding", "gzip")],
    ];
    for headers in cases {
        post_with(sidecar.app, "/shop/payout_status", headers, STATUS.as_bytes())
            .problem("unsupported-media-type", 415);
    }
}

#[test]
fn a_body_over_the_limit_is_refused_readably() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    let body = format!("{{\"mchOrderId\":\"A1\",\"x\":\"{}\"}}", "x".repeat(1024 * 1024));
    post(sidecar.app, "/shop/payout_status", &body).problem("body-too-large", 413);
}

#[test]
fn a_token_opens_its_own_account_only() {
    let provider = Provider::start();
    let config = ConfigBuilder::new(&provider.base_url())
        .section("[account.app]\ntokens = [\"token-old-0123456789\", \"token-new-0123456789\"]");
    let sidecar = Sidecar::start(&config);
    let with = |value: &str| {
        post_with(
            sidecar.app,
            "/shop/payout_status",
            &[JSON, ("Authorization", value)],
            STATUS.as_bytes(),
        )
    };
    for token in ["token-old-0123456789", "token-new-0123456789"] {
        assert_eq!(with(&format!("Bearer {token}")).status, 200);
    }
    for bad in
        ["Bearer wrong", "Bearer", "Basic token-old-0123456789", "Bearer token-old-012345678"]
    {
        let answer = with(bad);
        answer.problem("unauthorized", 401);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    post(sidecar.app, "/shop/payout_status", STATUS).problem("unauthorized", 401);
    assert_eq!(provider.received().len(), 2, "only the authorised calls may be sent");
}

#[test]
fn calls_over_the_in_flight_limit_are_overloaded() {
    let provider = Provider::start();
    let config =
        ConfigBuilder::new(&provider.base_url()).section("[account.limits]\nin_flight = 1");
    let sidecar = Sidecar::start(&config);
    let accepted = crate::support::provider::ACCEPTED.to_owned();
    provider.will(Action::Late(std::time::Duration::from_millis(1500), accepted));
    let app = sidecar.app;
    let slow = std::thread::spawn(move || post(app, "/shop/payout_status", STATUS));
    while provider.received().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let answer = post(sidecar.app, "/shop/payout_status", STATUS);
    let problem = answer.problem("overloaded", 503);
    assert_eq!(problem["outcome"], "not_sent");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(slow.join().expect("the first call").status, 200);
}

#[test]
fn a_provider_that_refuses_connections_was_not_sent_anything() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    drop(listener);
    let sidecar = Sidecar::start(&ConfigBuilder::new(&format!("http://{address}")));
    let body = r#"{"mchRefundOrderId":"R1","originalTransactionId":"C1","refundAmount":1}"#;
    let answer = post(sidecar.app, "/shop/refund_create", body);
    let problem = answer.problem("provider-unreachable", 502);
    assert_eq!(
        (&problem["outcome"], &problem["safe_to_retry"]),
        (&"not_sent".into(), &true.into())
    );
    assert_eq!(problem["reference"], "R1");
    assert_eq!(answer.header("countersign-outcome"), Some("not_sent"));
}

#[test]
fn an_account_whose_keys_are_not_valid_now_signs_nothing() {
    let provider = Provider::start();
    let expired = format!(
        "[[account.signing_key]]\nid = \"k0\"\nprivate_key = {{ file = {:?} }}\nnot_after = 2020-01-01T00:00:00Z",
        KeyPair::merchant().private()
    );
    let config = ConfigBuilder::new(&provider.base_url()).only_signing_key(&expired);
    let sidecar = Sidecar::start(&config);
    let problem = post(sidecar.app, "/shop/payout_status", STATUS).problem("key-unavailable", 503);
    assert_eq!(problem["outcome"], "not_sent");
    let readiness = http::get(sidecar.admin, "/readyz");
    assert_eq!(readiness.status, 503, "{}", readiness.text());
    assert_eq!(readiness.json()["accounts"]["shop"]["ready"], false);
    assert!(provider.received().is_empty());
}
