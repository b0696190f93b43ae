//! Every operation answers as documented, and money and states are consistent.

use serde_json::{Value, json};

use super::bench::{Bench, authorization, debit, payout, qr, refund, void, webpay};

const CREATED: &str = "2023-11-15 05:13:20";
const SETTLED: &str = "2023-11-15 05:13:21";

#[tokio::test]
async fn every_operation_of_the_profile_is_emulated() {
    let bench = Bench::start().await;
    for operation in &bench.provider.operations {
        let answer = bench.call(&operation.name, json!({})).await;
        let message = answer["message"].as_str().expect("a message");
        assert!(!message.contains("does not emulate"), "`{}` is missing", operation.name);
    }
    assert_eq!(bench.provider.operations.len(), 17);
}

#[tokio::test]
async fn the_balance_is_a_decimal_text_of_major_units() {
    let bench = Bench::start().await;
    let data = bench.accepted("balance", json!({})).await;
    assert_eq!(data, json!({"balance": "100000000.00"}));
}

#[tokio::test]
async fn a_payout_is_pending_first_and_completed_later() {
    let bench = Bench::start().await;
    let mut parameters = payout("order1");
    parameters["remark"] = "salary".into();
    let data = bench.accepted("payout_create", parameters).await;
    let id = data["transactionId"].as_str().expect("an id");
    assert!(id.starts_with('D'), "payout ids begin with D: {id}");
    assert_eq!(
        data,
        json!({"mchOrderId": "order1", "transactionId": id, "transactionStatus": "PENDING",
               "transactionTime": CREATED})
    );
    let ask = || bench.accepted("payout_status", json!({"mchOrderId": "order1"}));
    let pending = ask().await;
    assert_eq!(pending["transactionStatus"], "PENDING");
    assert_eq!(pending.get("returnTime"), None);
    bench.settle();
    assert_eq!(
        ask().await,
        json!({"mchOrderId": "order1", "transactionId": id, "amount": 50020,
               "transactionStatus": "COMPLETED", "createTime": CREATED, "returnTime": SETTLED,
               "remark": "salary"})
    );
    let data = bench.accepted("balance", json!({})).await;
    assert_eq!(data["balance"], "99999499.80");
}

#[tokio::test]
async fn a_remark_makes_a_payout_fail_or_stay_pending() {
    let bench = Bench::start().await;
    let with_remark = |reference: &str, remark: &str| {
        let mut parameters = payout(reference);
        parameters["remark"] = remark.into();
        parameters
    };
    for (reference, remark) in [
        ("order1", "sandbox:fail"),
        ("order2", "sandbox:fail:-10005"),
        ("order3", "sandbox:pending"),
    ] {
        bench.accepted("payout_create", with_remark(reference, remark)).await;
    }
    bench.pass(240_000);
    let status =
        |reference: &str| bench.accepted("payout_status", json!({"mchOrderId": reference}));
    let failed = status("order1").await;
    assert_eq!(failed["transactionStatus"], "FAILED");
    assert_eq!(failed["failedCode"], -10004);
    assert_eq!(failed["failedMessage"], "Transaction Channel Rejected");
    let failed = status("order2").await;
    assert_eq!(failed["failedCode"], -10005);
    assert_eq!(failed["failedMessage"], "Transaction Destination Account Error");
    assert_eq!(status("order3").await["transactionStatus"], "PENDING");
    let data = bench.accepted("balance", json!({})).await;
    assert_eq!(data["balance"], "99999499.80", "only the pending payout still holds money");
}

#[tokio::test]
async fn a_qr_code_is_made_paid_and_listed() {
    let bench = Bench::start().await;
    let mut parameters = qr("PC880001");
    parameters["expireSeconds"] = 300.into();
    let code = bench.accepted("qr_create", parameters).await;
    assert!(code["transactionId"].as_str().is_some_and(|id| id.starts_with('C')), "{code}");
    assert_eq!(code["qrStatus"], "ACTIVE");
    assert_eq!(code["transactionStatus"], "PENDING");
    assert_eq!(code["expiresTime"], "2023-11-15 05:18:20");
    bench.settle();
    let detail = bench.accepted("qr_detail", json!({"mchOrderId": "PC880001"})).await;
    assert_eq!(detail["transactionStatus"], "COMPLETED");
    assert_eq!(detail["totalAmount"], 1000);
    assert_eq!(detail["transactionReturnTime"], SETTLED);
    let between = |start: &str, end: &str| json!({"mchOrderId": "PC880001", "startDate": start, "endDate": end});
    let payments = bench.accepted("qr_payments", between("2023-11-15", "2023-11-15")).await;
    assert_eq!(
        payments,
        json!([{"transactionId": code["transactionId"], "channelCode": "THAI_DYNAMIC_QR",
                "transactionCreateTime": CREATED, "transactionReturnTime": SETTLED,
                "transactionAmount": 1000, "transactionStatus": "COMPLETED"}])
    );
    let payments = bench.accepted("qr_payments", between("2023-11-16", "2023-11-30")).await;
    assert_eq!(payments, json!([]), "a payment is listed by its date only");
    assert_eq!(bench.accepted("balance", json!({})).await["balance"], "100000010.00");
}

#[tokio::test]
async fn a_qr_code_can_be_cancelled_until_it_is_paid() {
    let bench = Bench::start().await;
    bench.accepted("qr_create", qr("paid")).await;
    bench.settle();
    let reference = |it: &str| json!({"mchOrderId": it});
    assert_eq!(bench.refused("qr_cancel", reference("paid")).await, 21025);
    bench.accepted("qr_create", qr("open")).await;
    let cancelled = bench.accepted("qr_cancel", reference("open")).await;
    assert_eq!(cancelled["qrStatus"], "CANCELLED");
    bench.settle();
    let again = bench.accepted("qr_cancel", reference("open")).await;
    assert_eq!(
        again["qrStatus"], "CANCELLED",
        "cancelling twice is not an error, and the code is not paid"
    );
    assert_eq!(again["transactionStatus"], "FAILED");
}

#[tokio::test]
async fn a_web_payment_is_made_and_paid() {
    let bench = Bench::start().await;
    let order = bench.accepted("webpay_create", webpay("web1")).await;
    assert!(order["payUrl"].as_str().is_some_and(|url| url.contains("sandbox.invalid")));
    assert_eq!(order["expiresTime"], "2023-11-15 06:13:20");
    bench.settle();
    let status = bench.accepted("webpay_status", json!({"mchOrderId": "web1"})).await;
    assert_eq!(status["transactionStatus"], "COMPLETED");
    assert_eq!(status["transactionId"], order["transactionId"]);
    assert_eq!(status["amount"], 2300);
    assert_eq!(status["customerName"], "Raja");
    let mut wechat = webpay("web2");
    wechat["channelCode"] = "WECHAT_JS_URL".into();
    wechat["wpOpenid"] = "openid".into();
    wechat["wpAppid"] = "appid".into();
    let order = bench.accepted("webpay_create", wechat).await;
    assert!(order["metadata"]["wechatpay"]["prepayId"].is_string(), "{order}");
}

#[tokio::test]
async fn a_refund_is_complete_without_the_d_and_its_status_is_a_list() {
    let bench = Bench::start().await;
    let original = bench.accepted("qr_create", qr("order1")).await["transactionId"].take();
    bench.settle();
    let data = bench.accepted("refund_create", refund("refund1", &original, 400)).await;
    assert_eq!(data["refundStatus"], "PENDING");
    assert_eq!(data["refundAmount"], 400);
    bench.settle();
    let list = bench.accepted("refund_status", json!({"originalTransactionId": original})).await;
    assert_eq!(
        list,
        json!([{"mchRefundOrderId": "refund1", "originalTransactionId": original,
                "refundTransactionId": data["refundTransactionId"], "refundAmount": 400,
                "feeRefunded": 0, "refundStatus": "COMPLETE",
                "refundCreateTime": SETTLED, "refundReturnTime": "2023-11-15 05:13:22"}])
    );
    let by_id = json!({"refundTransactionId": data["refundTransactionId"]});
    assert_eq!(bench.accepted("refund_status", by_id).await, list);
    bench.accepted("refund_create", refund("refund2", &original, 600)).await;
    bench.settle();
    let left = bench.refused("refund_create", refund("refund3", &original, 1)).await;
    assert_eq!(left, 21406, "no more than was paid can be refunded");
    assert_eq!(bench.accepted("balance", json!({})).await["balance"], "100000000.00");
}

#[tokio::test]
async fn a_payment_of_the_same_day_can_be_voided() {
    let bench = Bench::start().await;
    let original = bench.accepted("webpay_create", webpay("order1")).await["transactionId"].take();
    bench.settle();
    let data = bench.accepted("payment_void", void("void1", &original)).await;
    assert_eq!(data["transactionStatus"], "COMPLETED");
    assert_eq!(data["amount"], 2300);
    assert_eq!(bench.accepted("balance", json!({})).await["balance"], "100000000.00");
    let refused = bench.refused("refund_create", refund("refund1", &original, 1)).await;
    assert_eq!(refused, 21402, "voided money cannot be refunded as well");
}

#[tokio::test]
async fn an_authorization_becomes_a_token_that_debits_until_it_is_cancelled() {
    let bench = Bench::start().await;
    let data = bench.accepted("authorization_create", authorization("u1", "request1")).await;
    assert_eq!((&data["userId"], &data["requestId"]), (&json!("u1"), &json!("request1")));
    let tokens = || bench.accepted("authorization_status", json!({"userId": "u1"}));
    assert_eq!(tokens().await["tokenList"], json!([]), "no token before the user has agreed");
    bench.settle();
    let list = tokens().await;
    let token = list["tokenList"][0].clone();
    assert_eq!(token["tokenStatus"], "ACTIVED");
    assert_eq!(token["expiresTime"], "2033-11-12 05:13:21");
    let pay_token = token["payToken"].clone();

    bench.accepted("debit_create", debit("debit1", &pay_token)).await;
    bench.settle();
    let paid = bench.accepted("debit_status", json!({"mchOrderId": "debit1"})).await;
    assert_eq!(paid["transactionStatus"], "COMPLETED");
    assert_eq!((&paid["amount"], &paid["totalAmount"]), (&json!(700), &json!(700)));

    let cancelled = bench.accepted("authorization_cancel", json!({"payToken": pay_token})).await;
    assert_eq!(cancelled["tokenList"][0]["tokenStatus"], "INACTIVED");
    assert_eq!(tokens().await["tokenList"][0]["inactiveType"], "MCH_CANCEL");
    assert_eq!(bench.refused("debit_create", debit("debit2", &pay_token)).await, 21002);
    bench.accepted("authorization_cancel", json!({"userId": "u1"})).await;
}

#[tokio::test]
async fn without_the_user_s_consent_there_is_no_token() {
    let bench = Bench::start().await;
    let refusing = authorization("sandbox:fail", "request1");
    bench.accepted("authorization_create", refusing).await;
    bench.settle();
    let list = bench.accepted("authorization_status", json!({"userId": "sandbox:fail"})).await;
    assert_eq!(list["tokenList"], json!([]));
    assert_eq!(bench.page("GET", "/_sandbox/transactions", "").await.json()[0]["status"], "FAILED");
}

#[tokio::test]
async fn amounts_are_numbers_and_times_have_no_zone() {
    let bench = Bench::start().await;
    bench.accepted("payout_create", payout("order1")).await;
    let data = bench.accepted("payout_status", json!({"mchOrderId": "order1"})).await;
    assert!(matches!(&data["amount"], Value::Number(number) if number.is_i64()), "{data}");
    assert_eq!(data["createTime"].as_str().map(str::len), Some("yyyy-MM-dd HH:mm:ss".len()));
}
