use super::*;
use crate::provider::FillContext;

fn bluepay() -> Provider {
    Provider::builtin("bluepay").expect("built in")
}

fn mistakes(text: &str) -> Vec<String> {
    match Provider::from_toml(text) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
    }
}

/// A profile whose only mistakes are in `operations` and `codes`.
fn profile(codes: &str, operations: &str) -> String {
    format!(
        r#"
name = "acme"
title = "Acme Pay"
[sources]
codes = "https://acme.example/codes"
[signing.request]
message = [{{ json_string_member = "param" }}]
algorithm = {{ rsa_pkcs1v15 = "sha256" }}
encoding = "base64"
envelope = [
  {{ name = "sign", value = "signature" }},
  {{ name = "param", value = "parameters_as_string" }},
]
[signing.notification]
message = [{{ json_string_member = "param" }}]
algorithm = {{ rsa_pkcs1v15 = "sha256" }}
encoding = "base64"
placement = {{ json_member = "sign" }}
[answer]
code = "code"
message = "message"
data = "data"
[notification]
event = "eventName"
time_formats = ["iso8601"]
amount_unit = "minor"
acknowledge = {{ status = 200, content_type = "text/plain", body = "ok" }}
[codes]
{codes}
{operations}
"#
    )
}

const ACCEPTED: &str = r#"0 = { title = "ok", meaning = "accepted", source = "codes" }"#;

#[test]
fn every_mistake_of_a_profile_is_reported_at_once() {
    let text = profile(
        r#"
ten = { title = "ten", meaning = "refused", source = "codes" }
10 = { title = "ten", meaning = "refused", source = "elsewhere" }
"#,
        r#"
[[operation]]
name = "pay"
title = "Pay"
path = "pay/"
kind = "create"
reference = "order"
resolved_by = { operation = "look", members = { id = "id" } }
source = "codes"
members = [
  { name = "id", type = "string", length = [10, 1], fill = "reference" },
  { name = "id", type = "amount", pattern = "[0-9]+", minimum = 5, maximum = 1 },
  { name = "mobile", type = "string", pattern = "0(", required_when = { member = "phone", in = [] } },
]
[[operation]]
name = "pay"
title = "Pay again"
path = "/status"
kind = "query"
money_moving = true
source = "codes"
requires_one_of = ["a"]
members = []
[[operation]]
name = "status"
title = "Status"
path = "/status"
kind = "query"
resolved_by = { operation = "pay", members = { a = "b" }, match = { c = "d" } }
source = "codes"
members = []
"#,
    );
    insta::assert_snapshot!(mistakes(&text).join("\n"));
}

/// A profile with one operation whose reference is `member`.
fn paying_by(member: &str) -> String {
    let operation = format!(
        "[[operation]]\nname = \"pay\"\ntitle = \"Pay\"\npath = \"/pay\"\nkind = \"create\"\nmoney_moving = true\n\
         reference = \"order\"\nsource = \"codes\"\nmembers = [{{ name = \"order\", {member} }}]\n"
    );
    profile(ACCEPTED, &operation)
}

#[test]
fn a_reference_that_could_not_be_recognised_again_is_refused() {
    for (member, told) in [
        (r#"type = "string", length = [1, 129]"#, "operation.pay.member.order.length: [1, 129]"),
        (r#"type = "string", length = [1, 4000]"#, "expected at most 128 characters"),
        (r#"type = "integer""#, "operation.pay.member.order.type: "),
    ] {
        let found = mistakes(&paying_by(member));
        assert!(found.len() == 1 && found[0].contains(told), "{member}: {found:?}");
    }
    let longest = Provider::from_toml(&paying_by(r#"type = "string", length = [1, 128]"#));
    assert!(longest.is_ok(), "it has 512 bytes at most");
}

#[test]
fn a_reference_without_a_limit_gets_one() {
    let provider = Provider::from_toml(&paying_by(r#"type = "string", required = true"#));
    let provider = provider.unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let pay = provider.operation("pay").expect("an operation");
    let validate = |length: usize| {
        let text = format!(r#"{{"order":"{}"}}"#, "ก".repeat(length));
        let parameters = crate::json::parse_object(text.as_bytes()).expect("JSON");
        pay.validate(&parameters, &FillContext { unix_ms: 0, notify_url: None })
    };
    assert_eq!(validate(128), Ok(()));
    let errors = validate(129).expect_err("too long");
    assert_eq!(errors[0].pointer, "/order");
}

#[test]
fn a_signed_text_of_several_parts_is_refused() {
    let parts = r#"message = [{ json_string_member = "time" }, { json_string_member = "param" }]
algorithm = { rsa_pkcs1v15 = "sha256" }
encoding = "base64"
placement"#;
    let one = r#"message = [{ json_string_member = "param" }]
algorithm = { rsa_pkcs1v15 = "sha256" }
encoding = "base64"
placement"#;
    let text = paying_by(r#"type = "string""#);
    assert!(text.contains(one) && Provider::from_toml(&text).is_ok());
    let found = mistakes(&text.replace(one, parts));
    assert!(
        found[0].starts_with("signing.notification: `message` has 2 parts, expected one"),
        "{found:?}"
    );
}

#[test]
fn an_answer_that_carries_no_reference_proves_nothing() {
    let pay = |resolved_by: &str| {
        let operations = format!(
            r#"
[[operation]]
name = "pay"
title = "Pay"
path = "/pay"
kind = "create"
money_moving = true
reference = "order"
resolved_by = {{ operation = "look", {resolved_by} }}
source = "codes"
members = [{{ name = "order", type = "string" }}, {{ name = "user", type = "string" }}]
[[operation]]
name = "look"
title = "Look"
path = "/look"
kind = "query"
source = "codes"
members = [{{ name = "order", type = "string" }}, {{ name = "user", type = "string" }}]
"#
        );
        mistakes(&profile(ACCEPTED, &operations))
    };
    for proves in [
        r#"members = { order = "order" }"#,
        r#"members = { user = "user" }, echo = { id = "order" }"#,
        r#"members = { user = "user" }, match = { id = "order" }"#,
    ] {
        assert_eq!(pay(proves), [] as [String; 0], "{proves}");
    }
    for (proves_not, key) in [
        (r#"members = { user = "user" }"#, "echo"),
        (r#"members = { order = "order" }, echo = {}"#, "echo"),
        (r#"members = { order = "order" }, match = { id = "user" }"#, "match"),
    ] {
        let found = pay(proves_not);
        let place = format!("operation.pay.resolved_by.{key}: does not name");
        assert!(found.len() == 1 && found[0].starts_with(&place), "{found:?}");
    }
}

#[test]
fn a_profile_that_is_not_toml_is_reported_with_line_and_column() {
    let found = mistakes("name = \"acme\"\ntitle = acme\n");
    assert!(found[0].starts_with("line 2, column 9: "), "{found:?}");
}

#[test]
fn unknown_keys_and_primitives_are_refused_with_the_choices() {
    let operation = r#"
[[operation]]
name = "pay"
title = "Pay"
path = "/pay"
kind = "create"
sauce = "codes"
source = "codes"
members = []
"#;
    let found = mistakes(&profile(ACCEPTED, operation));
    assert!(found[0].contains("unknown field `sauce`"), "{found:?}");
    let text = profile(ACCEPTED, "").replace("rsa_pkcs1v15", "rot13");
    let found = mistakes(&text);
    assert!(found[0].contains("rot13") && found[0].contains("rsa_pkcs1v15"), "{found:?}");
}

#[test]
fn the_operations_are_in_the_order_of_the_documentation() {
    let provider = bluepay();
    let names: Vec<&str> = provider.operations.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "balance",
            "payout_create",
            "payout_status",
            "qr_create",
            "qr_detail",
            "qr_payments",
            "qr_cancel",
            "webpay_create",
            "webpay_status",
            "refund_create",
            "refund_status",
            "payment_void",
            "authorization_create",
            "authorization_status",
            "authorization_cancel",
            "debit_create",
            "debit_status",
        ]
    );
}

#[test]
fn a_call_never_counts_as_lost_without_a_wait_and_an_answer() {
    let text = include_str!("../../../config/providers/bluepay.toml");
    for (key, value) in [("grace_seconds", 60), ("not_found_needed", 2)] {
        let with = |other: u32| {
            mistakes(&text.replace(&format!("{key} = {value}"), &format!("{key} = {other}")))
        };
        let found = with(0);
        assert!(found[0].starts_with(&format!("lost.{key}: found 0, expected")), "{found:?}");
        assert!(with(1).is_empty(), "`{key} = 1` is enough");
    }
}

#[test]
fn money_moves_in_four_operations_and_a_lost_one_can_be_looked_up_except_a_void() {
    let provider = bluepay();
    let moving: Vec<&str> = provider
        .operations
        .iter()
        .filter(|row| row.money_moving)
        .map(|row| row.name.as_str())
        .collect();
    assert_eq!(moving, ["payout_create", "refund_create", "payment_void", "debit_create"]);
    let creates = provider.operations.iter().filter(|row| !row.safe_to_repeat());
    let unresolved: Vec<&str> =
        creates.filter(|row| row.resolved_by.is_none()).map(|row| row.name.as_str()).collect();
    assert_eq!(unresolved, ["payment_void"]);
    let refund = provider.operation("refund_create").expect("an operation");
    let resolution = refund.resolved_by.as_ref().expect("refunds can be looked up");
    let own_id = "mchRefundOrderId".to_owned();
    assert_eq!(resolution.matching, BTreeMap::from([(own_id.clone(), own_id)]));
}

#[test]
fn only_rows_on_the_provider_s_own_pages_are_confirmed() {
    for operation in &bluepay().operations {
        let own = operation.source.starts_with("https://docs.bluepay.asia/");
        let confirmed = own && operation.name != "payment_void";
        assert_eq!(operation.confirmed, confirmed, "`{}`", operation.name);
        assert!(confirmed || operation.note.is_some(), "`{}` should say why", operation.name);
    }
    for name in ["qr_cancel", "payment_void", "authorization_cancel"] {
        let provider = bluepay();
        let note = provider.operation(name).and_then(|row| row.note.clone()).unwrap_or_default();
        let key = format!("[account.operation.{name}] path");
        assert!(note.contains("no page gives this path") && note.contains(&key), "{note}");
    }
}

#[test]
fn an_operation_is_found_only_by_name_and_by_path() {
    let provider = bluepay();
    for operation in &provider.operations {
        for rest in [operation.name.as_str(), &operation.path[1..]] {
            let found = provider.find(rest).map(|found| found.name.as_str());
            assert_eq!(found, Some(operation.name.as_str()), "`{rest}`");
            for wrong in [
                format!("{rest}/"),
                format!("{rest}x"),
                format!("/{rest}"),
                format!("{rest}/x"),
                format!("{rest}?a=b"),
                rest[..rest.len() - 1].to_owned(),
                rest.to_uppercase(),
            ] {
                assert!(provider.find(&wrong).is_none(), "`{wrong}` should name nothing");
            }
        }
    }
    for wrong in ["", "/", "open-api", "open-api/disbursement", "../balance"] {
        assert!(provider.find(wrong).is_none(), "`{wrong}` should name nothing");
    }
}

#[test]
fn only_compiled_in_profiles_are_built_in() {
    assert!(Provider::builtin("paypal").is_none());
    for name in builtin_names() {
        assert!(Provider::builtin(name).is_some_and(|provider| provider.name == *name));
    }
}
