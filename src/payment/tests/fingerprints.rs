//! When two calls under one reference are the same call.

use super::super::Fingerprint;
use crate::json::parse_object;
use crate::provider::Provider;

fn of(body: &str) -> Fingerprint {
    let provider = Provider::builtin("bluepay").expect("built in");
    let operation = provider.operation("payout_create").expect("an operation");
    Fingerprint::of(operation, &parse_object(body.as_bytes()).expect("JSON"))
}

const PAYOUT: &str =
    r#"{"mchOrderId":"A1","amount":100,"remark":"caf\u00e9","more":{"a":[1,"x"],"b":null}}"#;

#[test]
fn another_value_anywhere_is_another_call() {
    for other in [
        r#"{"mchOrderId":"A2","amount":100,"remark":"café","more":{"a":[1,"x"],"b":null}}"#,
        r#"{"mchOrderId":"A1","amount":101,"remark":"café","more":{"a":[1,"x"],"b":null}}"#,
        r#"{"mchOrderId":"A1","amount":"100","remark":"café","more":{"a":[1,"x"],"b":null}}"#,
        r#"{"mchOrderId":"A1","amount":100,"remark":"cafe","more":{"a":[1,"x"],"b":null}}"#,
        r#"{"mchOrderId":"A1","amount":100,"remark":"café","more":{"a":["x",1],"b":null}}"#,
        r#"{"mchOrderId":"A1","amount":100,"remark":"café","more":{"a":[1,"x"]}}"#,
        r#"{"mchOrderId":"A1","amount":100,"remark":"café","more":{"a":[1,"x"],"b":"null"}}"#,
        r#"{"mchOrderId":"A1","amount":100,"remark":"café"}"#,
        r#"{"mchOrderId":"A1","amount":100,"remark":"café","more":{"a":[1,"x"],"b":null},"c":1}"#,
        r#"{"mchOrderId":"A1","amount":100,"remark":"café","more":{"a":[1,"x"],"b":null},"idempotencyId":"other"}"#,
    ] {
        assert_ne!(of(other), of(PAYOUT), "{other}");
    }
}

#[test]
fn numbers_that_a_parser_would_round_to_the_same_are_not_the_same() {
    assert_ne!(
        of(r#"{"amount":100000000000000000000000000000001}"#),
        of(r#"{"amount":100000000000000000000000000000002}"#)
    );
}

#[test]
fn order_spacing_and_escapes_do_not_matter() {
    let same = "{ \"more\" : {\"b\": null, \"\\u0061\": [ 1 , \"\\u0078\" ]},\n \"amount\":100, \
                \"remark\":\"café\",\"mchOrderId\" : \"A\\u0031\" }";
    assert_eq!(of(same), of(PAYOUT));
}

#[test]
fn what_countersign_would_have_added_itself_does_not_matter() {
    let plain = r#"{"mchOrderId":"A1","amount":100}"#;
    for same in [
        r#"{"mchOrderId":"A1","amount":100,"timestamp":1678356680999}"#,
        r#"{"mchOrderId":"A1","amount":100,"timestamp":"1678356681000"}"#,
        r#"{"mchOrderId":"A1","amount":100,"idempotencyId":"A\u0031"}"#,
    ] {
        assert_eq!(of(same), of(plain), "{same}");
    }
}

#[test]
fn different_texts_never_have_the_same_form() {
    assert_ne!(of(r#"{"a":"b","c":""}"#), of(r#"{"a":"bc","":""}"#));
    assert_ne!(of(r#"{"a":["b","c"]}"#), of(r#"{"a":["bc"]}"#));
    assert_ne!(of(r#"{"a":[[],"c"]}"#), of(r#"{"a":[["c"]]}"#));
}
