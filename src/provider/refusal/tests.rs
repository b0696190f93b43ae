use super::*;
use crate::json::parse_object;
use crate::provider::Provider;

const CTX: FillContext<'_> =
    FillContext { unix_ms: 0, notify_url: Some("https://shop.example/notify") };

fn check(operation: &str, body: &str, ctx: FillContext<'_>) -> Vec<(String, String)> {
    let provider = Provider::builtin("bluepay").expect("built in");
    let operation = provider.operation(operation).expect("an operation");
    let object = parse_object(body.as_bytes()).expect("JSON");
    let errors = operation.validate(&object, &ctx).err().unwrap_or_default();
    errors.into_iter().map(|error| (error.pointer, error.message)).collect()
}

fn pointers(operation: &str, body: &str) -> Vec<String> {
    check(operation, body, CTX).into_iter().map(|(pointer, _)| pointer).collect()
}

const QR: &str = r#""mchOrderId":"PC880001","channelCode":"THAI_DYNAMIC_QR""#;

#[test]
fn an_empty_payout_says_everything_that_is_missing() {
    assert_eq!(
        pointers("payout_create", "{}"),
        ["/mchOrderId", "/amount", "/payMethodCode", "/accountNo"]
    );
}

#[test]
fn an_amount_must_be_whole_minor_units_in_plain_digits() {
    for amount in [
        "100.0",
        "1e4",
        "1E2",
        "1e999",
        "\"100\"",
        "0",
        "-5",
        "0.5",
        "null",
        "true",
        "[]",
        "{}",
        "9223372036854775808",
        "1.00000000000000000000000000000000000000000000001",
    ] {
        let errors = check("qr_create", &format!("{{{QR},\"amount\":{amount}}}"), CTX);
        let [(pointer, message)] = errors.as_slice() else {
            panic!("`{amount}` should be refused once: {errors:?}");
        };
        assert_eq!(pointer, "/amount");
        assert!(message.contains("whole number of minor units (satang)"), "{message}");
    }
    for amount in ["1", "50020", "9223372036854775807"] {
        assert_eq!(pointers("qr_create", &format!("{{{QR},\"amount\":{amount}}}")), [""; 0]);
    }
}

#[test]
fn messages_say_what_was_found_and_what_was_expected() {
    let long = "x".repeat(500);
    let body = format!(
        r#"{{"mchOrderId":"{long}","idempotencyId":"a","amount":100.0,"payMethodCode":"CASH","accountNo":7,
                "mobile":"12","remark":"","timestamp":1.5}}"#
    );
    let messages: Vec<String> =
        check("payout_create", &body, CTX).into_iter().map(|(_, message)| message).collect();
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn a_bank_payout_needs_the_bank_s_members_and_a_promptpay_payout_its_own() {
    let body = |method: &str| {
        format!(r#"{{"mchOrderId":"A1","amount":1,"accountNo":"1","payMethodCode":"{method}"}}"#)
    };
    let errors = check("payout_create", &body("BANK"), CTX);
    let found: Vec<&str> = errors.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(
        found,
        ["/transferCode", "/accountName", "/accountType", "/accountTaxId", "/mobile"]
    );
    assert!(
        errors[0].1.contains("is missing and required when `payMethodCode` is `BANK`"),
        "{}",
        errors[0].1
    );
    assert_eq!(pointers("payout_create", &body("PROMPTPAY")), ["/promptpayAccountType"]);
}

#[test]
fn conditions_of_other_operations_hold_too() {
    let qr = r#"{"mchOrderId":"A1","channelCode":"SOME_STATIC_QR"}"#;
    assert_eq!(pointers("qr_create", qr), [""; 0], "a static code has no amount");
    assert_eq!(pointers("qr_create", &format!("{{{QR}}}")), ["/amount"]);
    let webpay = |channel: &str| {
        format!(
            r#"{{"mchOrderId":"A1","amount":1,"redirectUrl":"u","customerName":"n","email":"e",
                    "mobile":"0812345678","channelCode":"{channel}"}}"#
        )
    };
    assert_eq!(pointers("webpay_create", &webpay("TRUEMONEY_URL")), [""; 0]);
    assert_eq!(pointers("webpay_create", &webpay("WECHAT_URL")), ["/payerClientIp"]);
    assert_eq!(pointers("webpay_create", &webpay("WECHAT_JS_URL")), ["/wpOpenid", "/wpAppid"]);
    let authorization = |terminal: &str| {
        format!(
            r#"{{"userId":"u","requestId":"r","channelCode":"c","redirectUrl":"x",
                    "terminalType":"{terminal}"}}"#
        )
    };
    assert_eq!(pointers("authorization_create", &authorization("WEB")), [""; 0]);
    assert_eq!(pointers("authorization_create", &authorization("APP")), ["/osType"]);
    assert_eq!(pointers("refund_status", "{}"), ["/originalTransactionId"]);
    assert_eq!(pointers("refund_status", r#"{"refundTransactionId":"1"}"#), [""; 0]);
    assert_eq!(pointers("refund_status", r#"{"refundTransactionId":1}"#), ["/refundTransactionId"]);
}

#[test]
fn null_counts_as_a_value_only_where_one_is_required() {
    let body = r#"{"mchOrderId":null,"timestamp":null,"remark":null}"#;
    assert_eq!(pointers("debit_status", body), ["/timestamp", "/mchOrderId"]);
    let body = format!(
        "{{{QR},\"amount\":null,\"notifyUrl\":null,\"email\":null,\"expireSeconds\":null}}"
    );
    assert_eq!(pointers("qr_create", &body), ["/amount", "/notifyUrl"]);
    let body = r#"{"mchOrderId":"A1","amount":1,"accountNo":"1","payMethodCode":"PROMPTPAY",
            "promptpayAccountType":"NATID","accountType":null,"mobile":null,"accountName":null}"#;
    assert_eq!(pointers("payout_create", body), [""; 0]);
}

#[test]
fn a_notify_url_must_come_from_somewhere() {
    let nowhere = FillContext { notify_url: None, ..CTX };
    let errors = check("qr_create", &format!("{{{QR},\"amount\":1}}"), nowhere);
    assert_eq!(errors[0].0, "/notifyUrl");
    assert!(errors[0].1.contains("the account has no `notify_url`"), "{}", errors[0].1);
    let body = format!("{{{QR},\"amount\":1,\"notifyUrl\":\"https://shop.example/\"}}");
    assert_eq!(check("qr_create", &body, nowhere), []);
}

#[test]
fn a_timestamp_may_be_a_number_or_digits_in_quotes() {
    for (timestamp, good) in [
        ("1676017834369", true),
        ("\"1677133173758\"", true),
        ("1726139239", true),
        ("\"\"", false),
        ("\"now\"", false),
        ("1.5e12", false),
        ("-1", false),
        ("null", false),
    ] {
        let body = format!(r#"{{"mchOrderId":"A","timestamp":{timestamp}}}"#);
        let found = pointers("payout_status", &body).is_empty();
        assert_eq!(found, good, "timestamp {timestamp}");
    }
}

#[test]
fn each_operation_refuses_what_its_page_does_not_allow() {
    for (operation, body, expected) in [
        ("balance", r#"{"countryCode":5}"#, "/countryCode"),
        ("payout_status", r#"{}"#, "/mchOrderId"),
        ("qr_detail", r#"{"mchOrderId":""}"#, "/mchOrderId"),
        (
            "qr_payments",
            r#"{"mchOrderId":"A","startDate":"2022-11-01","endDate":"28.11.2022"}"#,
            "/endDate",
        ),
        ("qr_cancel", r#"{"mchOrderId":["A"]}"#, "/mchOrderId"),
        ("webpay_status", r#"{"mchOrderId":"123456789012345678901234567890123"}"#, "/mchOrderId"),
        (
            "refund_create",
            r#"{"mchRefundOrderId":"a-b","originalTransactionId":"C","refundAmount":1}"#,
            "/mchRefundOrderId",
        ),
        ("payment_void", r#"{"timestamp":"x"}"#, "/timestamp"),
        ("authorization_status", r#"{}"#, "/userId"),
        ("authorization_cancel", r#"{"timestamp":{}}"#, "/timestamp"),
        ("debit_create", r#"{"mchOrderId":"A","amount":1,"channelCode":"c"}"#, "/payToken"),
        ("debit_status", r#"{"mchOrderId":7}"#, "/mchOrderId"),
    ] {
        assert_eq!(pointers(operation, body), [expected], "`{operation}` with {body}");
    }
    for seconds in ["29", "3601", "30.0", "\"60\""] {
        let body = format!("{{{QR},\"amount\":1,\"expireSeconds\":{seconds}}}");
        assert_eq!(pointers("qr_create", &body), ["/expireSeconds"], "{seconds}");
    }
    for mobile in ["", "0712345678", "081234567", "0812345678x", "0812345678\\n", "๐812345678"] {
        let body = format!(
            r#"{{"mchOrderId":"A1","amount":1,"accountNo":"1","payMethodCode":"PROMPTPAY",
                "promptpayAccountType":"NATID","mobile":"{mobile}"}}"#
        );
        assert_eq!(pointers("payout_create", &body), ["/mobile"], "`{mobile}`");
    }
}

#[test]
fn unknown_members_are_accepted() {
    let body = format!(r#"{{{QR},"amount":1,"x":1.50,"items":[{{"a":null}}],"":0,"a/b~":1}}"#);
    assert_eq!(pointers("qr_create", &body), [""; 0]);
}

#[test]
fn every_published_request_is_accepted() {
    const EXAMPLES: &str = include_str!("../../../tests/vectors/bluepay-published-examples.json");
    let nowhere = FillContext { notify_url: None, ..CTX };
    let examples: Vec<Value> = serde_json::from_str(EXAMPLES).expect("a list");
    let published = examples.iter().filter_map(|example| {
        let operation = match example["name"].as_str()? {
            "bluepay-dd-token-apply" => "authorization_create",
            "bluepay-dd-token-query" => "authorization_status",
            "bluepay-qr-payment-list" => "qr_payments",
            "bluepay-qr-detail" => "qr_detail",
            "bluepay-webpay-detail" => "webpay_status",
            "bluepay-refund" => "refund_create",
            "bluepay-refund-query" => "refund_status",
            "ezpay-balance" => "balance",
            "ezpay-ph-static-cancel" => "qr_cancel",
            _ => return None,
        };
        Some((operation, example["param"].as_str()?))
    });
    // Two more are on the pages as text only.
    let printed = [
        (
            "qr_create",
            r#"{"timestamp":1676017834369,"channelCode":"THAI_DYNAMIC_QR","mchOrderId":"PC880001","amount":1000,"notifyUrl":"https://example.com/","customerName":"Raja","email":"raja@example.com","mobile":"60128888888","remark":"example","expireSeconds":300}"#,
        ),
        ("debit_status", r#"{"timestamp":1676017834369,"mchOrderId":"PC880001"}"#),
    ];
    let mut seen = 0;
    for (operation, param) in published.chain(printed) {
        assert_eq!(check(operation, param, nowhere), [], "`{operation}` with {param}");
        seen += 1;
    }
    assert_eq!(seen, 11, "every example should have been checked");
}
