//! Every near miss, made on purpose and detected.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::json;

use super::*;
use crate::sign::PrivateKey;
use crate::sign::fixture::{first, second, verify_recipe};
use crate::sign::recipe::Algorithm;

const PARAM: &str = r#"{"b":1.10, "a":"ก/é","list":[1, {"d":2,"c":3}]}"#;

fn sign(key: &PrivateKey, hash: Hash, text: &str) -> String {
    STANDARD.encode(key.sign(hash, text.as_bytes()))
}

fn body(sign: &str, param: &str) -> Vec<u8> {
    json!({ "sign": sign, "param": param }).to_string().into_bytes()
}

fn explained(body: &[u8]) -> Explanation {
    let candidates = [
        Candidate { name: "provider", key: first().public(), role: Role::Expected },
        Candidate { name: "own", key: second().public(), role: Role::Other },
    ];
    explain(body, &verify_recipe(), &candidates)
}

/// The one near miss of a signature that does not verify.
fn only_miss(explanation: &Explanation) -> &NearMiss {
    assert!(!explanation.verified, "should not verify: {}", explanation.conclusion);
    let [miss] = explanation.near_misses.as_slice() else {
        panic!("expected one near miss, found {:?}", explanation.near_misses);
    };
    assert!(explanation.conclusion.contains(&miss.explanation), "{}", explanation.conclusion);
    miss
}

#[test]
fn a_signed_text_that_was_changed_in_transit_is_recognised() {
    for (signed, change) in [
        (format!("{PARAM}\n"), TextChange::LineFeedAdded),
        (format!("{PARAM}\r\n"), TextChange::CrLfAdded),
        (r#"{"b":1.10,"a":"ก/é","list":[1,{"d":2,"c":3}]}"#.into(), TextChange::BlanksRemoved),
        (r#"{"b":1.1,"a":"ก/é","list":[1,{"d":2,"c":3}]}"#.into(), TextChange::Reprinted),
        (
            r#"{"b":1.1,"a":"\u0e01\/\u00e9","list":[1,{"d":2,"c":3}]}"#.into(),
            TextChange::ReprintedEscaped,
        ),
        (
            r#"{"b": 1.1, "a": "ก/é", "list": [1, {"d": 2, "c": 3}]}"#.into(),
            TextChange::ReprintedSpaced,
        ),
        (r#"{"a":"ก/é","b":1.1,"list":[1,{"c":3,"d":2}]}"#.into(), TextChange::Sorted),
        (
            r#"{"a": "ก/é", "b": 1.1, "list": [1, {"c": 3, "d": 2}]}"#.into(),
            TextChange::SortedSpaced,
        ),
        (PARAM.replace('"', "\\\""), TextChange::StillEscaped),
        (format!("\"{}\"", PARAM.replace('"', "\\\"")), TextChange::JsonText),
    ] {
        let explanation = explained(&body(&sign(first(), Hash::Sha256, &signed), PARAM));
        let miss = only_miss(&explanation);
        assert_eq!((miss.text, miss.signature), (change, SignatureChange::AsWritten));
        assert_eq!((miss.key.as_str(), miss.hash), ("provider", Hash::Sha256));
    }
}

#[test]
fn a_text_sent_with_more_blanks_than_were_signed_is_recognised() {
    let signature = sign(first(), Hash::Sha256, "{\"a\":1}");
    for (sent, change) in [
        ("{\"a\":1}\n", TextChange::LineEndRemoved),
        ("{\"a\":1}\r\n", TextChange::LineEndRemoved),
        (" {\"a\":1} ", TextChange::Trimmed),
        ("{ \"a\": 1 }", TextChange::BlanksRemoved),
    ] {
        assert_eq!(only_miss(&explained(&body(&signature, sent))).text, change, "`{sent:?}`");
    }
}

#[test]
fn a_signature_that_was_written_differently_is_recognised() {
    let (param, signature) = text_with_telling_signature(PARAM);
    let base64 = STANDARD.encode(&signature);
    let hexadecimal = hex(&signature);
    let wrapped: Vec<&str> = base64
        .as_bytes()
        .chunks(76)
        .map(|line| std::str::from_utf8(line).expect("base64"))
        .collect();
    for (written, change) in [
        (wrapped.join("\r\n"), SignatureChange::Wrapped),
        (base64.trim_end_matches('=').to_owned(), SignatureChange::Unpadded),
        (URL_SAFE.encode(&signature), SignatureChange::UrlSafe),
        (URL_SAFE_NO_PAD.encode(&signature), SignatureChange::UrlSafe),
        (base64.replace('+', " "), SignatureChange::PlusLost),
        (
            base64.replace('+', "%2B").replace('/', "%2f").replace('=', "%3D"),
            SignatureChange::PercentEncoded,
        ),
        (STANDARD.encode(&base64), SignatureChange::Base64Twice),
        (hexadecimal.clone(), SignatureChange::Hexadecimal),
        (hexadecimal.to_uppercase(), SignatureChange::Hexadecimal),
        (STANDARD.encode(&hexadecimal), SignatureChange::Base64OfHexadecimal),
    ] {
        let explanation = explained(&body(&written, &param));
        let miss = only_miss(&explanation);
        assert_eq!((miss.signature, miss.text), (change, TextChange::AsReceived));
    }
    let recipe = VerifyRecipe { encoding: Encoding::Hex, ..verify_recipe() };
    let key = Candidate { name: "provider", key: first().public(), role: Role::Expected };
    let explanation = explain(&body(&base64, &param), &recipe, &[key]);
    assert_eq!(only_miss(&explanation).signature, SignatureChange::Base64);
}

/// A text whose signature has both a `+` and a `/`, so that every spelling of it differs; and that signature.
fn text_with_telling_signature(param: &str) -> (String, Vec<u8>) {
    (0..)
        .map(|number| param.replace("1.10", &format!("1.10{number}")))
        .map(|text| (text.clone(), first().sign(Hash::Sha256, text.as_bytes())))
        .find(|(_, signature)| {
            let text = STANDARD.encode(signature);
            text.contains('+') && text.contains('/')
        })
        .expect("one of the first few texts")
}

#[test]
fn another_hash_and_another_key_are_recognised() {
    for hash in [Hash::Sha1, Hash::Sha512] {
        let explanation = explained(&body(&sign(first(), hash, PARAM), PARAM));
        assert_eq!(only_miss(&explanation).hash, hash);
        assert!(explanation.conclusion.contains("expected SHA-256"), "{}", explanation.conclusion);
    }
    let explanation = explained(&body(&sign(second(), Hash::Sha256, PARAM), PARAM));
    let miss = only_miss(&explanation);
    assert_eq!((miss.key.as_str(), miss.role), ("own", Role::Other));
    assert!(explanation.keys[1].verifies, "the key that signed is named");
}

#[test]
fn several_mistakes_at_once_are_all_named() {
    let signature =
        URL_SAFE_NO_PAD.encode(second().sign(Hash::Sha512, format!("{PARAM}\n").as_bytes()));
    let explanation = explained(&body(&signature, PARAM));
    let miss = only_miss(&explanation);
    assert_eq!((miss.text, miss.hash), (TextChange::LineFeedAdded, Hash::Sha512));
    assert_eq!((miss.signature, miss.role), (SignatureChange::UrlSafe, Role::Other));
}

#[test]
fn a_signature_over_another_text_names_its_key_and_digest() {
    let explanation = explained(&body(&sign(first(), Hash::Sha256, "{}"), PARAM));
    assert!(explanation.near_misses.is_empty());
    assert_eq!(
        explanation.conclusion,
        "the signature does not verify: it was made by key `provider`, but over another text"
    );
    let signed = explanation.keys[0].signed.as_ref().expect("the key signed something");
    assert_eq!(signed.digest, hex(Hash::Sha256.digest(b"{}").as_ref()));
    assert!(explanation.keys[1].signed.is_none());
}

#[test]
fn a_strangers_signature_and_an_unreadable_body_are_reported() {
    let stranger = STANDARD.encode([0x55; 256]);
    for (body, words) in [
        (body(&stranger, PARAM), "made by none of the keys"),
        (body("abcdef", PARAM), "not encoded as the recipe says"),
        (body("", PARAM), "not encoded as the recipe says"),
        (b"no JSON".to_vec(), "not usable JSON"),
        (br#"{"param":"{}"}"#.to_vec(), "no member `sign`"),
        (br#"{"sign":"x"}"#.to_vec(), "no member `param`"),
        (br#"{"sign":7,"param":"{}"}"#.to_vec(), "`sign` is not a JSON string"),
    ] {
        let explanation = explained(&body);
        assert!(!explanation.verified);
        assert!(explanation.conclusion.contains(words), "`{}`: {words}", explanation.conclusion);
        assert_eq!(explanation.keys.len(), 2, "the keys are still listed");
    }
}

#[test]
fn a_member_that_should_have_been_a_string_is_recognised() {
    let signature = sign(first(), Hash::Sha256, "{\"a\": 1}");
    let explanation =
        explained(format!("{{\"param\":{{\"a\": 1}},\"sign\":\"{signature}\"}}").as_bytes());
    assert_eq!(only_miss(&explanation).text, TextChange::JsonText);
    assert!(explanation.conclusion.starts_with("member `param` is not a JSON string"));
    assert!(explanation.text.is_none());
}

#[test]
fn a_good_signature_is_reported_with_its_text_and_key() {
    let explanation = explained(&body(&sign(first(), Hash::Sha256, PARAM), PARAM));
    assert!(explanation.verified && explanation.near_misses.is_empty());
    let text = explanation.text.as_ref().expect("a text");
    assert_eq!((text.text.as_str(), text.bytes), (PARAM, PARAM.len()));
    assert_eq!(text.sha256, hex(Hash::Sha256.digest(PARAM.as_bytes()).as_ref()));
    let signature = explanation.signature.as_ref().expect("a signature");
    assert_eq!((signature.characters, signature.bytes), (344, Some(256)));
    assert_eq!(explanation.keys[0].fingerprint, first().public().fingerprint());
    assert!(explanation.keys[0].verifies && !explanation.keys[1].verifies);
    let report = serde_json::to_value(&explanation).expect("serialisable");
    assert_eq!(report["keys"][0]["role"], "expected");
    assert_eq!(report["text"]["hash"], "sha256");
}

#[test]
fn a_key_given_in_both_roles_verifies_and_is_not_a_near_miss() {
    let key = first().public();
    let candidates = [Role::Other, Role::Expected].map(|role| Candidate { name: "key", key, role });
    let body = body(&sign(first(), Hash::Sha256, PARAM), PARAM);
    let explanation = explain(&body, &verify_recipe(), &candidates);
    assert!(explanation.verified && explanation.near_misses.is_empty());
}

#[test]
fn a_recipe_with_another_hash_verifies_with_it() {
    let recipe =
        VerifyRecipe { algorithm: Algorithm::RsaPkcs1v15(Hash::Sha512), ..verify_recipe() };
    let key = Candidate { name: "provider", key: first().public(), role: Role::Expected };
    let explanation = explain(&body(&sign(first(), Hash::Sha512, PARAM), PARAM), &recipe, &[key]);
    assert!(explanation.verified);
}

#[test]
fn the_text_for_people_shows_everything_and_escapes_control_characters() {
    let param = "{\"a\":\"x\u{1b}[2Jy\"}";
    let shown = explained(&body(&sign(second(), Hash::Sha256, param), param)).to_string();
    assert!(!shown.contains('\u{1b}'), "a terminal would execute an escape sequence");
    for words in [
        r#"{"a":"x\u{1b}[2Jy"}"#,
        "14 bytes, to be signed with SHA-256",
        "344 characters, 256 bytes",
        "provider, 2048 bits: did not sign",
        "own, 2048 bits: verifies, but is not an expected key",
        "near miss    key `own` verifies: it was made by key `own`, which is not an expected one",
    ] {
        assert!(shown.contains(words), "`{words}` should be in\n{shown}");
    }
}
