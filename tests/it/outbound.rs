//! A plain JSON post becomes a signed provider call: the bytes on the wire.

use crate::support::http::{self, post};
use crate::support::openssl::KeyPair;
use crate::support::{Action, ConfigBuilder, Provider, Sidecar, wait_until};

/// Every operation, its provider path and the minimum an application must post for it.
const OPERATIONS: [(&str, &str, &str); 17] = [
    ("balance", "/open-api/account/balance", r#"{"countryCode":"TH"}"#),
    (
        "payout_create",
        "/open-api/disbursement/transfer",
        r#"{"mchOrderId":"A1","amount":100,"payMethodCode":"PROMPTPAY","promptpayAccountType":"MSISDN","accountNo":"0812345678"}"#,
    ),
    ("payout_status", "/open-api/disbursement/check", r#"{"mchOrderId":"A1"}"#),
    (
        "qr_create",
        "/open-api/qr/generate",
        r#"{"channelCode":"THAI_DYNAMIC_QR","mchOrderId":"A1","amount":100}"#,
    ),
    ("qr_detail", "", r#"{"mchOrderId":"A1"}"#),
    (
        "qr_payments",
        "/open-api/qr/paymentList",
        r#"{"mchOrderId":"A1","startDate":"2026-01-01","endDate":"2026-01-31"}"#,
    ),
    ("qr_cancel", "", r#"{"mchOrderId":"A1"}"#),
    (
        "webpay_create",
        "/open-api/webpay/generate",
        r#"{"channelCode":"TRUEMONEY_URL","mchOrderId":"A1","amount":100,"redirectUrl":"https://m.example/","customerName":"R","email":"r@example.com","mobile":"0812345678"}"#,
    ),
    ("webpay_status", "/open-api/webpay/detail", r#"{"mchOrderId":"A1"}"#),
    (
        "refund_create",
        "/open-api/payment/refund",
        r#"{"mchRefundOrderId":"R1","originalTransactionId":"C1","refundAmount":100}"#,
    ),
    ("refund_status", "/open-api/refund/payments", r#"{"originalTransactionId":"C1"}"#),
    ("payment_void", "", r#"{"mchVoidOrderId":"V1","originalTransactionId":"C1"}"#),
    (
        "authorization_create",
        "/open-api/direct/debit/token/apply",
        r#"{"userId":"u1","requestId":"q1","channelCode":"BLUEPAY_DIRECT_DEBIT","terminalType":"WEB","redirectUrl":"https://m.example/"}"#,
    ),
    ("authorization_status", "/open-api/direct/debit/token/query", r#"{"userId":"u1"}"#),
    ("authorization_cancel", "", r#"{"userId":"u1","payToken":"TK1"}"#),
    (
        "debit_create",
        "",
        r#"{"mchOrderId":"A1","amount":100,"channelCode":"BLUEPAY_DIRECT_DEBIT","payToken":"TK1"}"#,
    ),
    ("debit_status", "", r#"{"mchOrderId":"A1"}"#),
];

#[test]
fn every_operation_is_reached_by_name_and_by_path() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    for (name, path, body) in OPERATIONS {
        let answer = post(sidecar.app, &format!("/shop/{name}"), body);
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        assert_eq!(answer.header("countersign-outcome"), Some("accepted"), "{name}");
        let by_name = provider.last();
        if !path.is_empty() {
            assert_eq!(by_name.path(), path, "{name}");
        }
        // Another reference: a call that moves money is made once for each.
        let body = body.replace("A1", "A2").replace("R1", "R2").replace("V1", "V2");
        let answer = post(sidecar.app, &format!("/shop{}", by_name.path()), &body);
        assert_eq!(answer.status, 200, "{name} by path: {}", answer.text());
        assert_eq!(provider.last().path(), by_name.path(), "{name} by path");
        assert!(by_name.head.starts_with("POST "), "{name}");
        assert_signed(&by_name.body, KeyPair::merchant());
    }
    assert_eq!(provider.received().len(), 2 * OPERATIONS.len(), "one call each, never more");
}

#[test]
fn the_answer_is_the_providers_own_json() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    let body = "{ \"code\":10000, \"message\":\"Success\",\n \"data\":{\"balance\":\"10.10\",\"x\":1.0e2} }";
    provider.will(Action::Answer(body.to_owned()));
    let answer = post(sidecar.app, "/shop/balance", "{\"countryCode\":\"TH\"}");
    assert_eq!((answer.status, answer.text().as_str()), (200, body));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("countersign-attempts"), Some("1"));
    assert_eq!(answer.header("countersign-request-id").map(str::len), Some(32));
}

#[test]
fn members_reach_the_provider_byte_for_byte() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    let members = r#""mchOrderId" : "A\u0031", "amount":100 ,"payMethodCode":"PROMPTPAY","promptpayAccountType":"NATID",
  "accountNo":"1","remark":"\u0e01\/ก😀\"\\ ","x1":1.10,"x2":1E2,"x3":123456789012345678901234567890,"x4":-0.0,"x5":[ 1 ,{"b":null,"a":true}],"x6":1e999,"X1":"""#;
    let answer = post(sidecar.app, "/shop/payout_create", &format!(" {{{members} }}\r\n"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (app_id, _, param) = provider.last().envelope();
    assert_eq!(app_id, "app-4711");
    assert!(param.starts_with(&format!("{{{members}")), "the members changed: {param}");
    let read: serde_json::Value = serde_json::from_str(&param.replace("1e999", "1")).expect("JSON");
    assert_eq!(read["idempotencyId"], "A1", "idempotencyId should be the reference: {param}");
    assert_signed(&provider.last().body, KeyPair::merchant());
}

#[test]
fn members_that_the_application_sent_are_not_added_again() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    let body = r#"{"timestamp":1676017834369,"channelCode":"THAI_DYNAMIC_QR","mchOrderId":"PC880001","amount":1000,"notifyUrl":"https://example.com/","customerName":"Raja","email":"raja@example.com","mobile":"60128888888","remark":"example","expireSeconds":300}"#;
    assert_eq!(post(sidecar.app, "/shop/qr_create", body).status, 200);
    assert_eq!(
        provider.last().envelope().2,
        body,
        "nothing was missing, so nothing should be added"
    );
}

#[test]
fn the_timestamp_is_the_current_time_in_milliseconds() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    let now = || {
        i64::try_from(std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis())
            .expect("fits")
    };
    let before = now();
    post(sidecar.app, "/shop/payout_status", r#"{"mchOrderId":"A1"}"#);
    let param: serde_json::Value =
        serde_json::from_str(&provider.last().envelope().2).expect("JSON");
    let timestamp = param["timestamp"].as_i64().expect("a JSON number");
    assert!((before..=now()).contains(&timestamp), "{timestamp} is not the time of the call");
}

#[test]
fn the_configured_notify_url_is_added_when_it_is_missing() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    post(
        sidecar.app,
        "/shop/refund_create",
        r#"{"mchRefundOrderId":"R1","originalTransactionId":"C1","refundAmount":1}"#,
    );
    let param: serde_json::Value =
        serde_json::from_str(&provider.last().envelope().2).expect("JSON");
    assert_eq!(param["refundCallbackUrl"], "https://merchant.example/notify");
}

#[test]
fn a_body_far_over_64_kib_is_signed_completely() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    let list = "\"0123456789\",".repeat(20_000);
    let body = format!("{{\"mchOrderId\":\"A1\",\"list\":[{}]}}", list.trim_end_matches(','));
    assert!(body.len() > 200_000);
    assert_eq!(post(sidecar.app, "/shop/payout_status", &body).status, 200);
    let received = provider.last();
    let length: usize =
        received.header("content-length").expect("a length").parse().expect("a number");
    assert_eq!(length, received.body.len());
    assert!(
        received.envelope().2.starts_with(&body[..body.len() - 1]),
        "the body was cut or changed"
    );
    assert_signed(&received.body, KeyPair::merchant());
}

#[test]
fn calls_share_a_connection_to_the_provider() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    for _ in 0..5 {
        assert_eq!(post(sidecar.app, "/shop/balance", "{\"countryCode\":\"TH\"}").status, 200);
    }
    let connections: Vec<usize> =
        provider.received().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0; 5], "five calls in turn need one connection");
}

#[test]
fn a_4096_bit_key_and_a_one_line_key_sign_too() {
    let provider = Provider::start();
    let key = KeyPair::generate(4096);
    let sidecar = Sidecar::start(&ConfigBuilder::with_key(&provider.base_url(), &key));
    assert_eq!(post(sidecar.app, "/shop/balance", "{\"countryCode\":\"TH\"}").status, 200);
    assert_signed(&provider.last().body, &key);
}

#[test]
fn unwrapped_answers_carry_the_data_alone_and_the_outcome_in_the_status() {
    let provider = Provider::start();
    let config = ConfigBuilder::new(&provider.base_url()).account("answer = \"unwrapped\"");
    let sidecar = Sidecar::start(&config);
    provider.will(Action::Answer(
        r#"{"code":10000,"message":"Success","data": {"a" : 1.0}}"#.to_owned(),
    ));
    let answer = post(sidecar.app, "/shop/payout_status", r#"{"mchOrderId":"A1"}"#);
    assert_eq!((answer.status, answer.text().as_str()), (200, "{\"a\" : 1.0}"));
    provider.will(Action::Answer(r#"{"code":21014,"message":"no","data":null}"#.to_owned()));
    let problem =
        post(sidecar.app, "/shop/payout_create", OPERATIONS[1].2).problem("rejected", 422);
    assert_eq!(
        (&problem["provider_code"], &problem["outcome"]),
        (&21014.into(), &"rejected".into())
    );
    assert_eq!(problem["reference"], "A1");
}

#[test]
fn the_metrics_and_the_log_show_what_happened_but_no_secret() {
    let provider = Provider::start();
    let config = ConfigBuilder::new(&provider.base_url())
        .section("[account.app]\ntokens = [\"canary-token-0123456789\"]");
    let sidecar = Sidecar::start(&config);
    let headers =
        [("Content-Type", "application/json"), ("Authorization", "Bearer canary-token-0123456789")];
    let body = r#"{"mchOrderId":"A77","canary":"canary-parameter"}"#;
    let answer = http::post_with(sidecar.app, "/shop/payout_status", &headers, body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let metrics = sidecar.metrics();
    for line in [
        r#"countersign_requests_total{account="shop",code="10000",operation="payout_status",outcome="accepted"} 1"#,
        r#"countersign_upstream_attempts_total{account="shop",operation="payout_status",result="answered"} 1"#,
        r#"countersign_requests_in_flight{account="shop"} 0"#,
        r#"countersign_signing_key_info{account="shop",key_id="k1",use="sign"} 1"#,
        r#"countersign_request_phase_seconds_count{phase="sign"} 1"#,
    ] {
        assert!(metrics.contains(line), "missing `{line}` in\n{metrics}");
    }
    let id = answer.header("countersign-request-id").expect("an id");
    // The log is written by its own thread.
    wait_until("the line about the request", || sidecar.log().join("\n").contains(id));
    let log = sidecar.log().join("\n");
    assert!(log.contains("\"reference\":\"A77\""), "{log}");
    for canary in ["canary-token", "canary-parameter", "PRIVATE KEY"] {
        assert!(!log.contains(canary) && !metrics.contains(canary), "`{canary}` leaked");
    }
    let configuration = http::get(sidecar.admin, "/config").text();
    assert!(!configuration.contains("canary"), "{configuration}");
}

/// Openssl verifies the signature over exactly the `param` text.
#[track_caller]
fn assert_signed(body: &[u8], key: &KeyPair) {
    let envelope: serde_json::Value = serde_json::from_slice(body).expect("an envelope");
    let param = envelope["param"].as_str().expect("param is a string");
    let sign = envelope["sign"].as_str().expect("sign is a string");
    assert!(key.verifies("sha256", param.as_bytes(), sign), "openssl does not verify: {envelope}");
}
