//! The examples printed in the provider's documentation: real texts, and signatures that prove nothing.
//!
//! There the same signature appears under different texts and no key is published with them, so none may ever verify.
//! They are useful for byte-exactness: each `param` must come out as printed.

use serde::Deserialize;

use crate::sign::fixture::{first, second, verify_recipe};
use crate::sign::{Hash, PublicKey};

const EXAMPLES: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/vectors/bluepay-published-examples.json"
));

#[derive(Deserialize)]
struct Example {
    name: String,
    source: String,
    param: String,
    sign: String,
}

fn examples() -> Vec<Example> {
    let examples: Vec<Example> = serde_json::from_str(EXAMPLES).expect("the examples are JSON");
    assert!(examples.len() >= 18, "only {} examples were read", examples.len());
    examples
}

fn body(example: &Example) -> Vec<u8> {
    serde_json::json!({ "sign": example.sign, "param": example.param }).to_string().into_bytes()
}

#[test]
fn no_published_signature_verifies_under_a_key_of_ours() {
    let keys: [&PublicKey; 2] = [first().public(), second().public()];
    for example in examples() {
        assert!(example.source.starts_with("https://"), "`{}` has no source", example.name);
        let verified = verify_recipe().verify(&body(&example), keys);
        assert_eq!(verified, None, "`{}` should be refused", example.name);
    }
}

#[test]
fn published_texts_come_out_byte_for_byte_and_verify_once_signed() {
    for example in examples() {
        let unverified = verify_recipe().read(&body(&example)).expect("readable");
        assert_eq!(unverified.message(), example.param.as_bytes(), "`{}`", example.name);
        let signature = first().sign(Hash::Sha256, unverified.message());
        assert!(first().public().verify(Hash::Sha256, example.param.as_bytes(), &signature));
    }
}

#[test]
fn the_blank_inside_the_payout_notification_is_kept() {
    let examples = examples();
    let payout = examples
        .iter()
        .find(|example| example.name == "bluepay-payout-notification")
        .expect("the payout notification is among the examples");
    let unverified = verify_recipe().read(&body(payout)).expect("readable");
    let text = std::str::from_utf8(unverified.message()).expect("text");
    assert!(
        text.contains("\"D1631118424367169536\", \"transactionStatus\""),
        "the documentation prints a blank before that member: `{text}`"
    );
}
