//! Every refusal that the provider documents, and requests that are not calls at all.

use serde_json::{Value, json};

use super::bench::{
    APP, Bench, NOW_MS, OTHER_APP, authorization, debit, merchant, other_merchant, payout, post,
    qr, refund, sign, signed, void, webpay,
};

#[tokio::test]
async fn a_body_that_is_not_the_envelope_is_a_parameter_error() {
    let bench = Bench::start().await;
    let path = bench.path("balance");
    let deep = "[".repeat(100_000);
    for body in [
        "",
        "null",
        "[]",
        "{",
        "\0\0",
        "{}",
        deep.as_str(),
        r#"{"appId":"app-a","param":"{}"}"#,
        r#"{"appId":"app-a","sign":"x","param":{}}"#,
        r#"{"appId":1,"sign":"x","param":"{}"}"#,
    ] {
        assert_eq!(bench.post(&path, body).await.code(), 21002, "{body:.40}");
    }
}

#[tokio::test]
async fn an_unknown_app_is_refused() {
    let bench = Bench::start().await;
    let param = json!({"timestamp": NOW_MS}).to_string();
    let body = json!({"appId": "nobody", "sign": sign(merchant(), &param), "param": param});
    let answered = bench.post(&bench.path("balance"), &body.to_string()).await;
    assert_eq!(answered.code(), 21003);
}

#[tokio::test]
async fn a_signature_over_anything_else_is_refused() {
    let bench = Bench::start().await;
    let path = bench.path("balance");
    let param = json!({"timestamp": NOW_MS, "countryCode": "ไทย"}).to_string();
    let good = sign(merchant(), &param);
    let blank = format!("{param} ");
    for (why, app_id, sign, carried) in [
        ("another merchant's key", APP, sign(other_merchant(), &param), &param),
        ("another merchant's id", OTHER_APP, good.clone(), &param),
        ("an extra blank", APP, good.clone(), &blank),
        ("no base64", APP, "not base64!".to_string(), &param),
        ("an empty signature", APP, String::new(), &param),
        ("hexadecimal", APP, "45eebd745dcf0b5f6d6f9fcde28cd9fe8116a892".to_string(), &param),
    ] {
        let body = json!({"appId": app_id, "sign": sign, "param": carried}).to_string();
        assert_eq!(bench.post(&path, &body).await.code(), 21001, "{why}");
    }
    let body = json!({"appId": APP, "sign": good, "param": param}).to_string();
    assert_eq!(bench.post(&path, &body).await.code(), 10000);
}

#[tokio::test]
async fn the_signature_covers_the_text_behind_the_escapes_of_the_body() {
    let bench = Bench::start().await;
    let param = format!("{{ \"countryCode\":\"T\\u0048\", \"timestamp\":{NOW_MS} }}");
    let escaped: String = param.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    let sign = sign(merchant(), &param);
    let body = format!("{{\"param\":\"{escaped}\",\"sign\":\"{sign}\",\"appId\":\"{APP}\"}}");
    assert_eq!(bench.post(&bench.path("balance"), &body).await.code(), 10000);
}

#[tokio::test]
async fn a_param_that_is_not_an_object_is_a_parameter_error() {
    let bench = Bench::start().await;
    for param in ["", "[]", "1", "{", "{}{}", "null"] {
        let answered = bench.post(&bench.path("balance"), &signed(param)).await;
        assert_eq!(answered.code(), 21002, "`{param}`");
    }
}

#[tokio::test]
async fn a_missing_and_an_expired_timestamp_are_distinguished() {
    let bench = Bench::start().await;
    let post = async |param: &str| bench.post(&bench.path("balance"), &signed(param)).await.code();
    assert_eq!(post("{}").await, 21008);
    assert_eq!(post(r#"{"timestamp":"yesterday"}"#).await, 21008);
    assert_eq!(bench.refused("balance", json!({"timestamp": NOW_MS - 300_001})).await, 21009);
    assert_eq!(bench.refused("balance", json!({"timestamp": NOW_MS + 300_001})).await, 21009);
    bench.accepted("balance", json!({"timestamp": (NOW_MS / 1000).to_string()})).await;
}

#[tokio::test]
async fn every_required_member_is_required() {
    let bench = Bench::start().await;
    for operation in &bench.provider.operations {
        for member in operation.members.iter().filter(|it| it.required && it.name != "timestamp") {
            let complete = operation.members.iter().filter(|other| other.name != member.name);
            let parameters: serde_json::Map<String, Value> = complete
                .filter(|other| other.required && other.name != "timestamp")
                .map(|other| (other.name.clone(), plausible(&other.name)))
                .collect();
            let answer = bench.call(&operation.name, Value::Object(parameters)).await;
            let name = format!("`{}`", member.name);
            assert_eq!(answer["code"], 21002, "{} without {name}", operation.name);
            let reported = answer["message"].as_str().is_some_and(|text| text.contains(&name));
            assert!(reported, "{} without {name}: {answer}", operation.name);
        }
    }
    assert!(bench.running.transactions().is_empty(), "none of this should have happened");
}

fn plausible(name: &str) -> Value {
    match name {
        "amount" | "refundAmount" => json!(100),
        "startDate" | "endDate" => json!("2023-11-15"),
        _ => json!("x"),
    }
}

#[tokio::test]
async fn members_that_depend_on_others_are_required_too() {
    let bench = Bench::start().await;
    let mut bank = payout("order1");
    bank["payMethodCode"] = "BANK".into();
    assert_eq!(bench.refused("payout_create", bank.clone()).await, 21002);
    for name in ["transferCode", "accountName", "accountType", "accountTaxId"] {
        bank[name] = "x".into();
    }
    bank["mobile"] = "0812345678".into();
    bench.accepted("payout_create", bank).await;
    let mut other = payout("order2");
    other["payMethodCode"] = "PIGEON".into();
    assert_eq!(bench.refused("payout_create", other).await, 21002);
    let mut dynamic = qr("order4");
    dynamic.as_object_mut().expect("an object").remove("amount");
    assert_eq!(bench.refused("qr_create", dynamic.clone()).await, 21002);
    dynamic["channelCode"] = "SOME_STATIC_QR".into();
    let code = bench.accepted("qr_create", dynamic).await;
    assert_eq!(code.get("transactionId"), None, "a static code is not paid yet: {code}");
    let mut wechat = webpay("order3");
    wechat["channelCode"] = "WECHAT_URL".into();
    assert_eq!(bench.refused("webpay_create", wechat).await, 21002);
    let mut app = authorization("u1", "request1");
    app["terminalType"] = "APP".into();
    assert_eq!(bench.refused("authorization_create", app).await, 21002);
}

#[tokio::test]
async fn amounts_that_are_not_positive_whole_numbers_are_refused() {
    let bench = Bench::start().await;
    for amount in [json!(0), json!(-1), json!(1.5), json!(100.0), json!("100"), json!(u64::MAX)] {
        let mut parameters = payout("order1");
        parameters["amount"] = amount.clone();
        assert_eq!(bench.refused("payout_create", parameters).await, 21002, "{amount}");
    }
}

#[tokio::test]
async fn a_payout_is_made_once_however_often_it_is_sent() {
    let bench = Bench::start().await;
    bench.accepted("payout_create", payout("order1")).await;
    assert_eq!(bench.refused("payout_create", payout("order1")).await, 21007);
    let mut same_key = payout("order2");
    same_key["idempotencyId"] = "idemorder1".into();
    assert_eq!(bench.refused("payout_create", same_key).await, 21015);
    assert_eq!(bench.refused("payout_status", json!({"mchOrderId": "order2"})).await, 21006);
    let transactions = bench.running.transactions();
    assert_eq!(transactions.len(), 1);
    assert_eq!(transactions[0].seen, 3, "the two refused ones should be counted as seen");
}

#[tokio::test]
async fn repeated_ids_of_every_product_are_refused() {
    let bench = Bench::start().await;
    let qr_id = bench.accepted("qr_create", qr("order1")).await["transactionId"].take();
    assert_eq!(bench.refused("qr_create", qr("order1")).await, 21007);
    let web_id = bench.accepted("webpay_create", webpay("order1")).await["transactionId"].take();
    assert_eq!(bench.refused("webpay_create", webpay("order1")).await, 21007);
    bench.accepted("authorization_create", authorization("u1", "request1")).await;
    assert_eq!(bench.refused("authorization_create", authorization("u2", "request1")).await, 21007);
    bench.settle();
    bench.accepted("refund_create", refund("refund1", &qr_id, 1)).await;
    assert_eq!(bench.refused("refund_create", refund("refund1", &qr_id, 1)).await, 21407);
    bench.accepted("payment_void", void("void1", &web_id)).await;
    assert_eq!(bench.refused("payment_void", void("void1", &web_id)).await, 21505);
    assert_eq!(bench.refused("payment_void", void("void2", &web_id)).await, 21504);
}

#[tokio::test]
async fn a_transaction_that_does_not_exist_is_not_found() {
    let bench = Bench::start().await;
    let nothing = json!("C404");
    for (operation, parameters) in [
        ("payout_status", json!({"mchOrderId": "x"})),
        ("qr_detail", json!({"mchOrderId": "x"})),
        ("qr_cancel", json!({"mchOrderId": "x"})),
        (
            "qr_payments",
            json!({"mchOrderId": "x", "startDate": "2023-11-15", "endDate": "2023-11-15"}),
        ),
        ("webpay_status", json!({"mchOrderId": "x"})),
        ("debit_status", json!({"mchOrderId": "x"})),
        ("refund_create", refund("refund1", &nothing, 1)),
        ("refund_status", json!({"originalTransactionId": nothing})),
        ("refund_status", json!({"refundTransactionId": nothing})),
        ("payment_void", void("void1", &nothing)),
        ("authorization_status", json!({"userId": "nobody"})),
        ("authorization_cancel", json!({"payToken": nothing})),
    ] {
        assert_eq!(bench.refused(operation, parameters).await, 21006, "{operation}");
    }
}

#[tokio::test]
async fn more_money_than_the_balance_is_not_paid_out() {
    let bench = Bench::start_with(|sandbox| crate::sandbox::Sandbox { balance: 50_019, ..sandbox });
    let bench = bench.await;
    assert_eq!(bench.refused("payout_create", payout("order1")).await, 21014);
    assert!(bench.running.transactions().is_empty());
    assert_eq!(bench.refused("payout_status", json!({"mchOrderId": "order1"})).await, 21006);
}

#[tokio::test]
async fn refunds_keep_to_the_documented_rules() {
    let bench = Bench::start().await;
    let code = bench.accepted("qr_create", qr("order1")).await["transactionId"].take();
    assert_eq!(bench.refused("refund_create", refund("refund1", &code, 1)).await, 21408);
    bench.settle();
    for amount in [0, -1, 1001] {
        assert_eq!(bench.refused("refund_create", refund("refund1", &code, amount)).await, 21406);
    }
    bench.accepted("refund_create", refund("refund1", &code, 1)).await;
    assert_eq!(bench.refused("refund_create", refund("refund2", &code, 1)).await, 21409);
    let payout = bench.accepted("payout_create", payout("order1")).await["transactionId"].take();
    assert_eq!(bench.refused("refund_create", refund("refund3", &payout, 1)).await, 21402);
    bench.pass(60 * 24 * 3_600_000);
    assert_eq!(bench.refused("refund_create", refund("refund4", &code, 1)).await, 21403);
    assert_eq!(bench.refused("refund_status", json!({})).await, 21002);
}

#[tokio::test]
async fn voids_keep_to_the_documented_rules() {
    let bench = Bench::start().await;
    let code = bench.accepted("qr_create", qr("order1")).await["transactionId"].take();
    assert_eq!(bench.refused("payment_void", void("void1", &code)).await, 21500);
    bench.pass(24 * 3_600_000);
    assert_eq!(bench.refused("payment_void", void("void1", &code)).await, 21503);
    assert_eq!(bench.refused("payment_void", json!({})).await, 21002);
}

#[tokio::test]
async fn a_debit_needs_an_active_token() {
    let bench = Bench::start().await;
    assert_eq!(bench.refused("debit_create", debit("debit1", &json!("TK404"))).await, 21002);
    let code = bench.accepted("qr_create", qr("order1")).await["transactionId"].take();
    bench.settle();
    assert_eq!(bench.refused("debit_create", debit("debit1", &code)).await, 21002);
}

#[tokio::test]
async fn merchants_do_not_see_each_other() {
    let bench = Bench::start().await;
    bench.accepted("payout_create", payout("order1")).await;
    let param = json!({"mchOrderId": "order1", "timestamp": NOW_MS}).to_string();
    let sign = sign(other_merchant(), &param);
    let body = json!({"appId": OTHER_APP, "sign": sign, "param": param}).to_string();
    assert_eq!(bench.post(&bench.path("payout_status"), &body).await.code(), 21006);
}

#[tokio::test]
async fn a_request_that_is_not_a_call_is_refused_by_http_status() {
    let bench = Bench::start().await;
    let path = bench.path("balance");
    assert_eq!(bench.post("/open-api/nothing", "{}").await.status, 404);
    assert_eq!(bench.post("/payout_create", "{}").await.status, 404, "names are not paths");
    let get = bench.page("GET", &path, "").await;
    assert_eq!(get.status, 405);
    assert!(get.head.contains("allow: POST"), "{}", get.head);
    let mut socket = bench.connect().await;
    let text = String::from_utf8(post(&path, "{}")).expect("text");
    socket.write(text.replace("application/json", "text/plain").as_bytes()).await;
    assert_eq!(socket.answer().await.status, 415);
}
