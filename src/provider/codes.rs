//! What the provider's answer codes mean for the outcome. The code decides, never the HTTP status or the message text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::{Member, parse_object};

/// What one code says about the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeMeaning {
    /// The provider accepted it.
    Accepted,
    /// The provider refused; nothing happened.
    Refused,
    /// Refused because of its timestamp; nothing happened, a fresh signature may be accepted.
    StaleTimestamp,
    /// Refused because of too many requests; nothing happened, a later call may be accepted.
    Throttled,
    /// The queried thing does not exist. For a query after a lost create: a sign, not proof, that it did not arrive.
    NotFound,
    /// An earlier attempt with the same ids arrived.
    Landed,
    /// It may or may not have happened.
    InDoubt,
}

/// A provider's code table. Codes it does not list are [`CodeMeaning::InDoubt`].
#[derive(Clone, Debug)]
pub struct CodeTable {
    pub codes: BTreeMap<i64, Code>,
}

/// One row of the table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    pub meaning: CodeMeaning,
    /// The provider's own words, for people.
    pub title: String,
    #[serde(default = "super::confirmed")]
    pub confirmed: bool,
    /// Address of the page the row comes from.
    pub source: String,
    pub note: Option<String>,
}

/// The names of the answer's members in its JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerShape {
    pub code: String,
    pub message: String,
    pub data: String,
}

/// A provider answer that could be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderAnswer {
    pub code: i64,
    pub meaning: CodeMeaning,
    /// The exact text of the `data` member, when there is one.
    pub data: Option<String>,
}

impl CodeTable {
    /// What `code` says about the call.
    pub fn meaning(&self, code: i64) -> CodeMeaning {
        self.codes.get(&code).map_or(CodeMeaning::InDoubt, |row| row.meaning)
    }
}

/// Understands an answer body, or `None` when it is not the provider's envelope: then it is not known what happened.
pub(super) fn read(shape: &AnswerShape, codes: &CodeTable, body: &[u8]) -> Option<ProviderAnswer> {
    let answer = parse_object(body).ok()?;
    let code = number(answer.member(&shape.code)?)?;
    let data = answer.member(&shape.data).map(|member| member.raw.to_owned());
    Some(ProviderAnswer { code, meaning: codes.meaning(code), data })
}

/// The code in plain digits, as a number or a string: sister platforms print both.
fn number(member: &Member<'_>) -> Option<i64> {
    let text = member.text().unwrap_or(Cow::Borrowed(member.raw));
    let digits = text.strip_prefix('-').unwrap_or(&text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Provider;

    fn answer(body: &str) -> Option<ProviderAnswer> {
        Provider::builtin("bluepay").expect("built in").read_answer(body.as_bytes())
    }

    #[test]
    fn an_answer_that_is_not_the_envelope_is_not_understood() {
        for body in [
            "",
            "<html>502 Bad Gateway</html>",
            "null",
            "[]",
            "{}",
            "10000",
            r#"{"message":"Success","data":{}}"#,
            r#"{"code":null}"#,
            r#"{"code":true}"#,
            r#"{"code":10000.0}"#,
            r#"{"code":1e4}"#,
            r#"{"code":""}"#,
            r#"{"code":"-"}"#,
            r#"{"code":" 10000"}"#,
            r#"{"code":"+10000"}"#,
            r#"{"code":"SUCCESS"}"#,
            r#"{"code":[10000]}"#,
            r#"{"code":99999999999999999999}"#,
            r#"{"code":10000,"message":"Success""#,
            r#"{"code":21001,"code":10000}"#,
            r#"{"code":10000,"data":{"amount":1,"amount":2}}"#,
        ] {
            assert_eq!(answer(body), None, "`{body}` should not be taken for an answer");
        }
    }

    #[test]
    fn data_keeps_its_exact_text() {
        let found = answer(
            "{\"code\": 10000,\"message\":\"Success\",\"data\": {\"a\" :1.10,\"b\":\"\\u0e01\"} }",
        );
        assert_eq!(
            found,
            Some(ProviderAnswer {
                code: 10000,
                meaning: CodeMeaning::Accepted,
                data: Some("{\"a\" :1.10,\"b\":\"\\u0e01\"}".into()),
            })
        );
    }

    #[test]
    fn a_code_in_quotes_is_still_a_code() {
        let found = answer(r#"{"code":"21007","message":"x","data":null}"#).expect("understood");
        assert_eq!((found.code, found.meaning), (21007, CodeMeaning::Landed));
        assert_eq!(found.data.as_deref(), Some("null"));
    }

    #[test]
    fn the_message_decides_nothing() {
        let found = answer(r#"{"code":21010,"message":"transaction not found","data":null}"#);
        assert_eq!(found.map(|answer| answer.meaning), Some(CodeMeaning::Refused));
    }

    #[test]
    fn each_code_means_what_its_page_says() {
        use CodeMeaning::{
            Accepted, InDoubt, Landed, NotFound, Refused, StaleTimestamp, Throttled,
        };
        let provider = Provider::builtin("bluepay").expect("built in");
        let expected = [
            (Accepted, &[10000][..]),
            (InDoubt, &[21000, 21011, 21021, 21022, 21023]),
            (NotFound, &[21006]),
            (Landed, &[21007, 21015, 21401, 21407, 21409, 21504, 21505]),
            (StaleTimestamp, &[21008, 21009]),
            (Throttled, &[21020]),
            (Refused, &[21001, 21002, 21003, 21004, 21005, 21010, 21012, 21013, 21014, 21016]),
            (Refused, &[21402, 21403, 21404, 21405, 21406, 21408, 21500, 21501, 21502, 21503]),
        ];
        for (meaning, codes) in expected {
            for code in codes {
                assert!(provider.codes.codes.contains_key(code), "code {code} should be listed");
                assert_eq!(provider.codes.meaning(*code), meaning, "code {code}");
            }
        }
        assert!(!provider.codes.codes.contains_key(&21017), "no edition near BluePay documents it");
        for unlisted in [0, -1, 200, 1000, 21017, 21999] {
            assert_eq!(provider.codes.meaning(unlisted), InDoubt, "unlisted code {unlisted}");
        }
    }

    #[test]
    fn only_the_provider_s_own_pages_confirm_a_code() {
        let provider = Provider::builtin("bluepay").expect("built in");
        for (code, row) in &provider.codes.codes {
            let own = row.source.starts_with("https://docs.bluepay.asia/");
            assert_eq!(row.confirmed, own, "code {code} comes from {}", row.source);
        }
    }
}
