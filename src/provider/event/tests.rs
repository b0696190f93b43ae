//! The events that applications get for the texts on the provider's pages, and for other texts.

use jiff::Timestamp;
use jiff::tz::Offset;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::kind::UNRECOGNISED;
use super::*;
use crate::provider::Provider;

const EXAMPLES: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/vectors/bluepay-published-examples.json"
));

/// Printed at https://docs.bluepay.asia/en/PaymentOrder/PaymentOrderPaymentNotification.html
const WEBPAY: &str = r#"{"eventName":"order.payment.success","mchOrderId":"mchOrderId123","channelCode":"WECHAT_URL","transactionId":"C123456789xx","amount":2300,"transactionStatus":"COMPLETED","createTime":"2022-11-28 22:10:10","returnTime":"2022-11-28 22:11:00","remark":"example"}"#;

/// Ours, with the members that https://jtdocs.bluepay.asia/en/SettleNotification.html lists.
const SETTLEMENT: &str = r#"{"eventName":"settle.payment.success","mchOrderId":"PC880001","transactionId":"C105","amount":50000,"fee":750,"settledReturnTime":"2024-07-10 08:00:00","channelCode":"THAI_DYNAMIC_QR","projectType":"HOME","remark":"r"}"#;

/// Ours, with the members that https://jtdocs.bluepay.asia/en/SettleNotificationV2.html lists.
const SETTLEMENT_V2: &str = r#"{"eventName":"settle.payment.success","countryCode":"TH","settlementDetailList":[{"appId":"a","settlementDate":"2024-07-10","transDateList":["2024-07-09"]}],"notifyTime":"2024-07-10 08:00:00"}"#;

const PAYOUT: &str = "bluepay-payout-notification";

fn published(name: &str) -> String {
    #[derive(Deserialize)]
    struct Example {
        name: String,
        param: String,
    }
    let examples: Vec<Example> = serde_json::from_str(EXAMPLES).expect("the examples are JSON");
    let found = examples.into_iter().find(|example| example.name == name);
    found.unwrap_or_else(|| panic!("no published example `{name}`")).param
}

fn bluepay() -> Provider {
    Provider::builtin("bluepay").expect("built in")
}

fn context() -> NormaliseContext<'static> {
    NormaliseContext {
        account: "shop-th",
        currency: Some("THB"),
        timezone: Offset::from_seconds(7 * 3600).expect("an offset"),
        received_at: Timestamp::from_second(1_700_000_000).expect("a time"),
        id: "evt-1",
    }
}

fn event(param: &str) -> Normalised {
    bluepay().normalise(param, &context()).expect("a JSON object")
}

fn cloud_event(param: &str) -> Value {
    serde_json::from_str(&event(param).to_cloud_event()).expect("JSON")
}

/// A payout notification with some members changed; `null` removes a member.
fn payout(changes: Value) -> String {
    let mut param: Value = serde_json::from_str(&published(PAYOUT)).expect("JSON");
    for (name, value) in changes.as_object().expect("members") {
        match value {
            Value::Null => drop(param.as_object_mut().expect("members").shift_remove(name)),
            _ => param[name] = value.clone(),
        }
    }
    param.to_string()
}

fn type_and_flags(param: &str) -> (String, Vec<Flag>) {
    let event = event(param);
    (event.event_type(), event.flags)
}

#[test]
fn a_text_that_is_not_a_json_object_is_a_dead_letter() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    for param in [
        "",
        "null",
        "[]",
        "\"{}\"",
        "eventName=disbursement.success",
        r#"{"eventName":"disbursement.success""#,
        r#"{"amount":1,"amount":100}"#,
        r#"{"extra":{"a":1,"\u0061":2}}"#,
        r#"{"remark":"\ud800"}"#,
        &deep,
    ] {
        let unparsable = bluepay().normalise(param, &context()).expect_err(param);
        assert!(unparsable.dedupe_key.starts_with("text:"), "repeats of it are recognised too");
        assert!(unparsable.to_string().starts_with("the notification is not usable JSON: "));
    }
}

#[test]
fn where_name_and_status_disagree_the_status_decides_and_the_event_says_so() {
    let mismatch = vec![Flag::StatusMismatch];
    for (name, status, expected) in [
        ("disbursement.success", "FAILED", "countersign.payout.failed"),
        ("disbursement.success", "PENDING", "countersign.payout.pending"),
        ("disbursement.failed", "COMPLETED", "countersign.payout.succeeded"),
    ] {
        let param = payout(json!({ "eventName": name, "transactionStatus": status }));
        assert_eq!(type_and_flags(&param), (expected.to_owned(), mismatch.clone()), "{param}");
    }
    // A sister platform's own example has this mistake.
    let refund = published("bluepay-refund-notification").replace("COMPLETE", "FAILED");
    assert_eq!(type_and_flags(&refund), ("countersign.refund.failed".to_owned(), mismatch));
    assert_eq!(cloud_event(&refund)["data"]["flags"], json!(["status-mismatch"]));
}

#[test]
fn the_event_s_name_decides_between_two_meanings_of_a_word() {
    let token = |name: &str, status: &str| {
        json!({ "eventName": name, "requestId": "R1", "channelCode": "C", "tokenStatus": status })
            .to_string()
    };
    for (name, status, expected, flags) in [
        ("token.create.success", "ACTIVED", "active", vec![]),
        ("token.create.failed", "INACTIVED", "failed", vec![]),
        ("token.cancel.success", "INACTIVED", "cancelled", vec![]),
        ("token.cancel.success", "ACTIVED", "active", vec![Flag::StatusMismatch]),
        ("token.create.success", "INACTIVED", "failed", vec![Flag::StatusMismatch]),
    ] {
        let expected = format!("countersign.authorization.{expected}");
        assert_eq!(type_and_flags(&token(name, status)), (expected, flags), "{name} {status}");
    }
}

#[test]
fn without_a_status_the_event_s_name_decides() {
    let event = event(&payout(json!({ "transactionStatus": null })));
    assert_eq!(event.event_type(), "countersign.payout.succeeded");
    assert_eq!(event.flags, []);
    assert_eq!(event.notes, ["`transactionStatus` is missing"]);
}

#[test]
fn an_unknown_status_is_not_called_success_or_failure() {
    for status in [json!("REVERSED"), json!(7), json!(["COMPLETED"]), json!(true)] {
        let event = event(&payout(json!({ "transactionStatus": status })));
        assert_eq!(event.event_type(), UNRECOGNISED, "{status}");
        assert_eq!((event.kind, event.status), (Some(EventKind::Payout), None));
        assert_eq!(event.reference.as_deref(), Some("TestMchOrderIdD0001"));
        assert_eq!(event.notes.len(), 1, "{:?}", event.notes);
    }
}

#[test]
fn an_unknown_event_is_kept_with_what_can_be_read() {
    for name in ["disbursement.reversed", "Disbursement.success", "loyalty.granted"] {
        let event = event(&payout(json!({ "eventName": name })));
        assert_eq!(event.event_type(), UNRECOGNISED);
        assert_eq!((event.kind, event.status, &event.amount), (None, None, &None));
        assert_eq!(event.reference.as_deref(), Some("TestMchOrderIdD0001"), "it stays in order");
        assert_eq!(event.notification.event.as_deref(), Some(name));
        assert_eq!(event.event_label(), "other", "foreign words are not metric labels");
        assert_eq!(event.notes, ["`eventName` is an event that the profile does not know"]);
    }
    let empty = event("{}");
    assert_eq!(empty.event_type(), UNRECOGNISED);
    assert_eq!(empty.time.to_string(), "2023-11-15T05:13:20+07:00", "the time it was received");
    let text = empty.to_cloud_event();
    assert!(!text.contains("subject"), "CloudEvents does not allow an empty subject: {text}");
}

#[test]
fn a_qr_payment_without_its_name_is_recognised_by_its_channel() {
    let printed = published("bluepay-qr-notification");
    let unnamed = event(&printed);
    assert_eq!(unnamed.event_type(), "countersign.collection.succeeded");
    assert_eq!((unnamed.event_label(), unnamed.flags.as_slice()), ("other", &[][..]));
    assert_eq!(unnamed.notes, ["`eventName` is missing", "`mchOrderId` is missing"]);
    for (param, what) in [
        (printed.replace("THAI_DYNAMIC_QR", "WECHAT_URL"), "another product's channel"),
        (printed.replace("COMPLETED", "DONE"), "an unknown word"),
        (printed.replace("transactionStatus", "status"), "no status"),
        (printed.replacen('{', r#"{"eventName":"x","#, 1), "an unknown name"),
        (printed.replacen('{', r#"{"eventName":[],"#, 1), "a name that is not a text"),
    ] {
        assert_eq!(event(&param).event_type(), UNRECOGNISED, "{what} is not explained");
    }
}

#[test]
fn a_prefix_covers_names_of_kinds_with_one_status() {
    let ticket = event(r#"{"eventName":"ticket.status.reopened","ticketId":"T1"}"#);
    assert_eq!(ticket.event_type(), "countersign.ticket.updated");
    assert_eq!(ticket.event_label(), "other");
    assert_eq!(ticket.order_key(), Some("T1"), "a ticket has no reference");
}

#[test]
fn members_that_are_missing_or_unexpected_are_noted_and_left_out() {
    let event = event(&payout(json!({
        "mchOrderId": { "id": 1 },
        "transactionId": null,
        "amount": 100.5,
        "createTime": "yesterday",
        "returnTime": 1_677_723_912,
        "remark": [],
        "unknown": 1e300,
    })));
    assert_eq!(event.event_type(), "countersign.payout.succeeded");
    assert_eq!((&event.reference, &event.provider_reference, &event.amount), (&None, &None, &None));
    assert_eq!((event.created_at, event.completed_at, &event.remark), (None, None, &None));
    let mut notes = event.notes;
    notes.sort();
    assert_eq!(
        notes,
        [
            "`amount` is not a whole number in plain digits",
            "`createTime` is not a time in a format of the profile",
            "`mchOrderId` is an object, expected a text or a number",
            "`remark` is a list, expected a text or a number",
            "`returnTime` is not a time in a format of the profile",
            "`transactionId` is missing",
        ]
    );
}

#[test]
fn an_amount_that_cannot_be_read_is_flagged_and_a_missing_one_is_not() {
    for unreadable in [json!("100.00"), json!(1.5), json!("9".repeat(40)), json!([1]), json!(true)]
    {
        let event = event(&payout(json!({ "amount": unreadable })));
        assert_eq!((event.amount, event.flags), (None, vec![Flag::AmountUnreadable]));
    }
    assert_eq!(event(&payout(json!({ "amount": null }))).flags, []);
    assert_eq!(event(&payout(json!({ "amount": "" }))).flags, []);
}

#[test]
fn notes_hold_no_values() {
    let secret = "4929-1234-5678";
    let members = ["mchOrderId", "amount", "createTime", "transactionStatus", "eventName"];
    for member in members {
        let event = event(&payout(json!({ member: secret })));
        assert!(event.notes.iter().all(|note| !note.contains(secret)), "{:?}", event.notes);
    }
}

#[test]
fn numbers_in_quotes_and_texts_without_them_are_understood() {
    for (code, amount) in [(json!(-10004), json!("10000")), (json!("-10004"), json!(10000))] {
        let failed = json!({
            "eventName": "disbursement.failed", "transactionStatus": "FAILED",
            "failedCode": code, "failedMessage": "Transaction Channel Rejected",
            "amount": amount, "transactionId": 17,
        });
        let data = &cloud_event(&payout(failed))["data"];
        assert_eq!(
            data["failure"],
            json!({ "code": "-10004", "message": "Transaction Channel Rejected" })
        );
        assert_eq!(data["amount"]["minor"], json!(10000));
        assert_eq!(data["provider_reference"], json!("17"));
    }
}

#[test]
fn escapes_are_undone_in_members_and_kept_in_the_text() {
    let param = r#"{"eventName":"disbursement.success","remark":"\u0e01\/\n","mchOrderId":"A"}"#;
    let data = &cloud_event(param)["data"];
    assert_eq!(data["remark"], json!("ก/\n"));
    assert_eq!(data["notification"]["param"], json!(param));
}

#[test]
fn the_currency_of_the_account_gives_the_value() {
    for (currency, amount) in [
        (Some("JPY"), json!({ "minor": 10000, "value": "10000", "currency": "JPY" })),
        (Some("KWD"), json!({ "minor": 10000, "value": "10.000", "currency": "KWD" })),
        (None, json!({ "minor": 10000, "value": null, "currency": null })),
    ] {
        let context = NormaliseContext { currency, ..context() };
        let event = bluepay().normalise(&published(PAYOUT), &context).expect("an event");
        assert_eq!(json!(event.amount), amount);
    }
}

#[test]
fn the_same_event_has_the_same_key_whatever_its_text() {
    let key = |param: &str| event(param).dedupe_key().to_owned();
    let original = key(&published(PAYOUT));
    assert!(original.starts_with("event:") && original.len() == 70, "{original}");
    let rewritten = payout(json!({ "remark": "another", "returnTime": "2023-03-02 09:25:13" }));
    assert_eq!(key(&rewritten), original, "name, id, status, reference and amount are the same");
    for changes in [
        json!({ "eventName": "disbursement.failed" }),
        json!({ "transactionId": "D2" }),
        json!({ "transactionStatus": "PENDING" }),
        json!({ "mchOrderId": "another" }),
        json!({ "amount": 1 }),
        json!({ "amount": "x" }),
    ] {
        assert_ne!(key(&payout(changes.clone())), original, "{changes} is another event");
    }
}

#[test]
fn without_an_identity_only_the_same_text_is_the_same_event() {
    let key = |param: &str| event(param).dedupe_key().to_owned();
    let (first, second) =
        (json!({ "transactionId": null }), json!({ "transactionId": null, "remark": "2" }));
    assert_ne!(key(&payout(first.clone())), key(&payout(second)), "an id is missing");
    assert_eq!(key(&payout(first.clone())), key(&payout(first)));
    let next_day = SETTLEMENT_V2.replace("07-10", "07-11");
    assert_ne!(key(SETTLEMENT_V2), key(&next_day), "reports have no ids that identify them");
}

#[test]
fn a_flag_is_raised_once() {
    let mut event = event(&published(PAYOUT));
    event.raise(Flag::Stale);
    event.raise(Flag::AmountMismatch);
    event.raise(Flag::Stale);
    let text = event.to_cloud_event();
    assert!(text.contains(r#""flags":["stale","amount-mismatch"]"#), "{text}");
}

#[test]
fn mistakes_in_event_rows_are_reported_with_their_key_paths() {
    let text = include_str!("../../../config/providers/bluepay.toml")
        .replace(r#"event = "eventName""#, "event = []")
        .replace(r#"["yyyy-MM-dd HH:mm:ss", "iso8601"]"#, "[]")
        .replace("\nstatus = 200", "\nstatus = 500")
        .replace(r#"content_type = "application/json""#, r#"content_type = "text\n""#)
        + r#"
[[event]]
name = "payout"
title = "Again"
kind = "payout"
names = { "disbursement.success" = "reported", "" = "failed" }
prefix = "settle.payment."
without_name = { member = "kind", in = [] }
source = "nowhere"
required = ["mchOrderID"]
identity = ["id"]
members = { reference = ["mchOrderId", ""] }
statuses = { cancelled = ["CANCELLED"], failed = [] }
[[event]]
name = "Nothing"
title = "Nothing"
kind = "refund"
names = {}
source = "codes"
members = { status = "status" }
"#;
    let mistakes = Provider::from_toml(&text).err().expect("all of these are mistakes");
    let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(mistakes.join("\n"));
}

#[test]
fn unknown_words_in_event_rows_are_refused_with_the_choices() {
    let text = include_str!("../../../config/providers/bluepay.toml");
    for (written, instead, listed) in [
        (r#"kind = "payout""#, r#"kind = "transfer""#, "`payout`, `collection`, `refund`"),
        (r#"amount_unit = "minor""#, r#"amount_unit = "cents""#, "`minor` or `main`"),
        (r#""iso8601"]"#, r#""epoch"]"#, "`yyyy-MM-dd HH:mm:ss` or `iso8601`"),
        ("pending = [", "waiting = [", "`succeeded`, `active`, `failed`"),
        ("channel = ", "chanel = ", "unknown field `chanel`"),
    ] {
        let changed = text.replacen(written, instead, 1);
        let mistakes = Provider::from_toml(&changed).err().expect("an unknown word");
        assert!(mistakes[0].problem.contains(listed), "`{}` should list {listed}", mistakes[0]);
    }
}

#[test]
fn only_the_provider_s_own_pages_confirm_an_event() {
    for rule in &bluepay().events.rules {
        let own = rule.source.starts_with("https://docs.bluepay.asia/");
        assert_eq!(rule.confirmed, own, "`{}` comes from {}", rule.name, rule.source);
        assert!(own || rule.note.is_some(), "`{}` should say why", rule.name);
    }
}

#[test]
fn the_acknowledgement_is_the_documented_one() {
    let provider = bluepay();
    let acknowledgement = &provider.events.acknowledge;
    assert_eq!(acknowledgement.status, 200);
    assert_eq!(acknowledgement.content_type, "application/json");
    assert_eq!(acknowledgement.body, r#"{"code":10000,"message":"Success"}"#);
}

#[test]
fn the_payout_event_is_written_as_promised() {
    let param = published(PAYOUT);
    let expected = concat!(
        r#"{"specversion":"1.0","id":"evt-1","source":"/countersign/shop-th","#,
        r#""type":"countersign.payout.succeeded","subject":"TestMchOrderIdD0001","#,
        r#""time":"2023-03-02T09:25:12+07:00","datacontenttype":"application/json","#,
        r#""data":{"account":"shop-th","provider":"bluepay","kind":"payout","status":"succeeded","#,
        r#""reference":"TestMchOrderIdD0001","provider_reference":"D1631118424367169536","#,
        r#""amount":{"minor":10000,"value":"100.00","currency":"THB"},"fee":null,"channel":null,"#,
        r#""created_at":"2023-03-02T09:25:12+07:00","completed_at":"2023-03-02T09:25:12+07:00","#,
        r#""failure":null,"remark":"remark","flags":[],"#,
        r#""notification":{"event":"disbursement.success","status":"COMPLETED","param":"#,
    );
    let text = event(&param).to_cloud_event();
    let rest = text.strip_prefix(expected).unwrap_or_else(|| panic!("{text}\n{expected}"));
    let quoted = rest.strip_suffix("}}}").expect("three objects end");
    assert_eq!(serde_json::from_str::<String>(quoted).expect("a text"), param, "verbatim");
}

#[test]
fn every_documented_example_becomes_a_plain_event() {
    let named = |name: &str| (name.to_owned(), published(name));
    let ours = |name: &str, param: &str| (name.to_owned(), param.to_owned());
    let qr = published("bluepay-qr-notification");
    let complete_qr = qr.replacen(
        '{',
        r#"{"eventName":"qrcode.payment.success","mchOrderId":"PC880001","fee":35,"#,
        1,
    );
    let examples = [
        named(PAYOUT),
        named("bluepay-qr-notification"),
        ours("the same with the members it lacks, and a fee", &complete_qr),
        ours("webpay", WEBPAY),
        named("bluepay-refund-notification"),
        named("bluepay-dd-auth-notification"),
        named("bluepay-dd-pay-notification"),
        named("bluepay-ticket-notification"),
        ours("settlement", SETTLEMENT),
        ours("settlement V2", SETTLEMENT_V2),
    ];
    let stories: Vec<String> =
        examples.iter().map(|(name, param)| story(name, &event(param))).collect();
    insta::assert_snapshot!(stories.join("\n\n"));
}

/// The members of an event that are not null, one on each line.
fn story(name: &str, event: &Normalised) -> String {
    let whole: Value = serde_json::from_str(&event.to_cloud_event()).expect("JSON");
    let mut lines = vec![format!("# {name}"), format!("{}", event.event_type())];
    lines.push(format!("time = {}", whole["time"]));
    for (member, value) in whole["data"].as_object().expect("members").iter().skip(2) {
        match member.as_str() {
            "notification" => {
                lines.push(format!("notification = {} {}", value["event"], value["status"]))
            }
            _ if value.is_null() || *value == json!([]) => {}
            _ => lines.push(format!("{member} = {value}")),
        }
    }
    lines.extend(event.notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}

/// Any JSON, in which names and words of the profile may occur.
fn any_param() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("disbursement.success".to_owned()),
        Just("payment.refund.cancel".to_owned()),
        Just("settle.x".to_owned()),
        Just("COMPLETED".to_owned()),
        Just("2023-03-02 09:25:12".to_owned()),
        Just("99999999999999999999".to_owned()),
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("1E400".to_owned()),
        Just("-0".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| json!(number).to_string()),
        word.prop_map(|word| json!(word).to_string()),
    ];
    let value = leaf.prop_recursive(4, 32, 4, |inner| {
        proptest::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(",")))
    });
    let name = prop_oneof![
        Just("eventName".to_owned()),
        Just("transactionStatus".to_owned()),
        Just("amount".to_owned()),
        Just("refundAmount".to_owned()),
        Just("mchOrderId".to_owned()),
        Just("createTime".to_owned()),
        Just("failedCode".to_owned()),
        any::<String>(),
    ];
    proptest::collection::hash_map(name, value, 0..8).prop_map(|members| {
        let members: Vec<String> =
            members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
        format!("{{{}}}", members.join(", "))
    })
}

proptest! {
    #[test]
    fn any_json_object_becomes_an_event(param in any_param()) {
        let event = event(&param);
        let whole: Value = serde_json::from_str(&event.to_cloud_event()).expect("JSON");
        prop_assert_eq!(&whole["data"]["notification"]["param"], &json!(param));
        let again = self::event(&param);
        prop_assert_eq!(event.dedupe_key(), again.dedupe_key());
        prop_assert!(event.dedupe_key().len() <= 70);
        let known = event.kind.zip(event.status).is_none_or(|(kind, status)| kind.statuses().contains(&status));
        prop_assert!(known, "{} is not a type of the contract", event.event_type());
        if let Some(amount) = &event.amount {
            let value = amount.value.as_deref().expect("the account has a currency");
            prop_assert_eq!(value.replace('.', "").parse(), Ok(amount.minor));
        }
    }

    #[test]
    fn any_text_is_an_event_or_a_dead_letter(param in "\\PC{0,40}|[{}\\[\\]\":,0-9a-z\\\\ ]{0,40}") {
        let _ = bluepay().normalise(&param, &context());
    }
}
