//! Checks a request the way the provider documents it: envelope, application, signature, parameters, timestamp.
//!
//! Deliberately shares no code with the signer: the body is read with plain `serde_json`, the member names are written
//! here, and the signature is checked with aws-lc-rs over the decoded `param` text. A mistake in the signer's canonical
//! bytes must not be repeated by the check.

use std::time::Duration;

use aws_lc_rs::signature::ParsedPublicKey;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::codes::{Code, Refusal};
use crate::provider::{Member, MemberType};
use crate::sandbox::engine::dialect::{Request, Verified};
use crate::sandbox::engine::settings::Sandbox;

/// Checks the body of `request`.
pub fn verify(sandbox: &Sandbox, request: &Request<'_>) -> Result<Verified, Refusal> {
    let envelope = Envelope::read(request.body)?;
    let app = sandbox.app(&envelope.app_id).ok_or(Code::APP_ID_ERROR)?;
    check_signature(&envelope, app.public_key.parsed())?;
    let Ok(Value::Object(parameters)) = serde_json::from_str(&envelope.param) else {
        return Err(Refusal::because(Code::PARAM_ERROR, "`param` is not a JSON object"));
    };
    let timestamp = parameters.get("timestamp");
    check_timestamp(timestamp, request.now_ms, sandbox.timestamp_window)?;
    for member in request.operation.members.iter().filter(|member| member.name != "timestamp") {
        check_member(member, parameters.get(&member.name))?;
    }
    Ok(Verified { app_id: envelope.app_id, parameters })
}

/// The outer body. Unknown members are ignored, as the documentation says nothing about them.
struct Envelope {
    app_id: String,
    sign: String,
    param: String,
}

impl Envelope {
    fn read(body: &[u8]) -> Result<Self, Refusal> {
        let Ok(Value::Object(mut members)) = serde_json::from_slice(body) else {
            return Err(Refusal::because(Code::PARAM_ERROR, "the body is not a JSON object"));
        };
        let mut take = |name: &str| match members.remove(name) {
            Some(Value::String(text)) => Ok(text),
            _ => {
                let detail = format!("`{name}` is missing or not a string");
                Err(Refusal::because(Code::PARAM_ERROR, detail))
            }
        };
        Ok(Self { app_id: take("appId")?, sign: take("sign")?, param: take("param")? })
    }
}

fn check_signature(envelope: &Envelope, key: &ParsedPublicKey) -> Result<(), Refusal> {
    let signature = STANDARD.decode(&envelope.sign).map_err(|_| Code::SIGN_ERROR)?;
    key.verify_sig(envelope.param.as_bytes(), &signature).map_err(|_| Code::SIGN_ERROR.into())
}

/// A number or a string of digits, in milliseconds or in seconds: the provider's examples show all four.
fn check_timestamp(value: Option<&Value>, now_ms: i64, window: Duration) -> Result<(), Refusal> {
    let bad = || Refusal::because(Code::TIMESTAMP_ERROR, "`timestamp` is missing or not a time");
    let number = match value {
        Some(Value::Number(number)) => number.as_i64().ok_or_else(bad)?,
        Some(Value::String(text)) if is_digits(text) => text.parse().map_err(|_| bad())?,
        _ => return Err(bad()),
    };
    if number <= 0 {
        return Err(bad());
    }
    // Ten digits of seconds reach the year 2286; thirteen digits of milliseconds start in 2001.
    const SECONDS_BELOW: i64 = 100_000_000_000;
    let at_ms = if number < SECONDS_BELOW { number * 1_000 } else { number };
    match Duration::from_millis(now_ms.abs_diff(at_ms)) <= window {
        true => Ok(()),
        false => Err(Code::TIMESTAMP_EXPIRED.into()),
    }
}

fn check_member(member: &Member, value: Option<&Value>) -> Result<(), Refusal> {
    let problem = match value {
        None | Some(Value::Null) if member.required => "is required",
        None | Some(Value::Null) => return Ok(()),
        Some(Value::String(text)) if member.required && text.is_empty() => "is empty",
        Some(value) if !fits(member.member_type, value) => "is not of the documented type",
        Some(_) => return Ok(()),
    };
    Err(Refusal::because(Code::PARAM_ERROR, format!("`{}` {problem}", member.name)))
}

fn fits(wanted: MemberType, value: &Value) -> bool {
    match wanted {
        MemberType::String => value.is_string(),
        MemberType::Integer | MemberType::Amount => value.is_i64() || value.is_u64(),
        MemberType::Timestamp => value.is_number() || value.as_str().is_some_and(is_digits),
        MemberType::Object => value.is_object(),
        MemberType::Array => value.is_array(),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::provider::Provider;

    const NOW_MS: i64 = 1_700_000_000_000;
    const WINDOW: Duration = Duration::from_secs(300);

    fn timestamp(value: Value) -> Option<Code> {
        check_timestamp(Some(&value), NOW_MS, WINDOW).err().map(|refusal| refusal.code)
    }

    #[test]
    fn a_timestamp_that_is_not_a_time_is_refused() {
        for value in [
            json!(null),
            json!(""),
            json!("now"),
            json!("-1700000000000"),
            json!("99999999999999999999999999"),
            json!(0),
            json!(-1),
            json!(1.5),
            json!(1e300),
            json!(u64::MAX),
            json!([NOW_MS]),
        ] {
            assert_eq!(timestamp(value.clone()), Some(Code::TIMESTAMP_ERROR), "{value}");
        }
        let missing = check_timestamp(None, NOW_MS, WINDOW).expect_err("missing");
        assert_eq!(missing.code, Code::TIMESTAMP_ERROR);
    }

    #[test]
    fn an_old_or_future_timestamp_is_expired() {
        for value in [
            json!(NOW_MS - 300_001),
            json!(NOW_MS + 300_001),
            json!((NOW_MS / 1000) - 301),
            json!(1),
            json!(i64::MAX),
        ] {
            assert_eq!(timestamp(value.clone()), Some(Code::TIMESTAMP_EXPIRED), "{value}");
        }
    }

    #[test]
    fn every_documented_way_to_write_a_timestamp_is_accepted() {
        for value in [
            json!(NOW_MS),
            json!(NOW_MS - 300_000),
            json!(NOW_MS.to_string()),
            json!(NOW_MS / 1000),
            json!((NOW_MS / 1000).to_string()),
        ] {
            assert_eq!(timestamp(value.clone()), None, "{value}");
        }
    }

    #[test]
    fn members_are_checked_for_presence_and_type() {
        let provider = Provider::builtin("bluepay").expect("the built-in profile");
        let any = provider.operations[0].members[0].clone();
        let member = |member_type, required| Member { member_type, required, ..any.clone() };
        let refused = |m: &Member, value: Value| check_member(m, Some(&value)).is_err();
        let amount = member(MemberType::Amount, true);
        assert!(check_member(&amount, None).is_err(), "a required member is missing");
        for value in [json!("5"), json!(5.0), json!(5.5), json!(true), json!(null)] {
            assert!(refused(&amount, value.clone()), "{value} is no amount");
        }
        assert!(!refused(&amount, json!(5)));
        let remark = member(MemberType::String, false);
        assert!(check_member(&remark, None).is_ok());
        assert!(!refused(&remark, json!(null)), "an optional member may be null");
        assert!(refused(&remark, json!(1)));
        assert!(refused(&member(MemberType::String, true), json!("")));
    }

    #[test]
    fn hostile_bodies_are_refused_and_never_panic() {
        let deep = "[".repeat(5_000);
        for body in [
            "",
            "null",
            "[]",
            "{}",
            "\0",
            deep.as_str(),
            r#"{"appId":1,"sign":"","param":""}"#,
            r#"{"appId":"a","sign":"","param":{}}"#,
            r#"{"appId":"\ud800","sign":"","param":""}"#,
        ] {
            let refusal = Envelope::read(body.as_bytes()).err().expect(body);
            assert_eq!(refusal.code, Code::PARAM_ERROR, "{body}");
        }
        assert!(Envelope::read(b"{\"appId\":\"\xff\"}").is_err());
    }
}
