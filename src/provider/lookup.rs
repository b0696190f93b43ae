//! The status query for a call whose answer was lost: which query to make, and what its answer proves.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::codes::{CodeMeaning, ProviderAnswer};
use super::operation::{Kind, Operation, Resolution};
use super::profile::Provider;
use crate::json::{Member, Object, escape, parse_object};

/// What a query said about a lost call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookedUp {
    /// It arrived. `data` is the exact text of what the provider knows about it.
    Found { data: String },
    /// The provider has no such call. One such answer, soon after the call, is not proof: it may not have it yet.
    NotFound,
    /// The answer proves nothing either way.
    Unclear { why: &'static str },
}

impl Operation {
    /// The parameters of the query for the outcome of a call with `parameters`, as the application would post them.
    /// `None` when the profile has no query, or the call lacks a member that the query needs.
    pub fn lookup(&self, parameters: &Object<'_>) -> Option<String> {
        let resolution = self.resolved_by.as_ref()?;
        let mut text = String::from("{");
        for (asked, taken) in &resolution.members {
            let member = parameters.member(taken)?;
            if text.len() > 1 {
                text.push(',');
            }
            escape(asked, &mut text);
            text.push(':');
            text.push_str(member.raw);
        }
        text.push('}');
        Some(text)
    }
}

impl Provider {
    /// What the answer to the query of [`Operation::lookup`] says about the call of `operation` with `parameters`.
    pub fn looked_up(
        &self,
        operation: &Operation,
        parameters: &Object<'_>,
        answer: &ProviderAnswer,
    ) -> LookedUp {
        let Some(resolution) = &operation.resolved_by else {
            return LookedUp::Unclear { why: "the profile has no query for it" };
        };
        let data = answer.data.as_deref().unwrap_or("null");
        match answer.meaning {
            CodeMeaning::Accepted if !resolution.names(operation.reference.as_deref()) => {
                LookedUp::Unclear { why: "the query's answers do not carry the reference" }
            }
            CodeMeaning::Accepted if resolution.matching.is_empty() => {
                found_as(data, resolution, parameters)
            }
            CodeMeaning::Accepted => found_among(data, resolution, parameters),
            CodeMeaning::NotFound if is_of_another(data, resolution, parameters) => {
                LookedUp::Unclear { why: OF_ANOTHER }
            }
            CodeMeaning::NotFound => LookedUp::NotFound,
            CodeMeaning::Refused
            | CodeMeaning::StaleTimestamp
            | CodeMeaning::Throttled
            | CodeMeaning::Landed
            | CodeMeaning::InDoubt => LookedUp::Unclear { why: "the query was not answered" },
        }
    }

    /// Whether a lost call of `operation` can be looked up at all.
    pub fn can_look_up(&self, operation: &Operation) -> bool {
        operation.kind != Kind::Query && operation.resolved_by.is_some()
    }
}

const OF_ANOTHER: &str = "the query was answered about another call";

/// One object, which must show that it belongs to this call.
fn found_as(data: &str, resolution: &Resolution, parameters: &Object<'_>) -> LookedUp {
    match parse_object(data.as_bytes()) {
        Ok(object) if repeats(&object, resolution.echo(), parameters) => {
            LookedUp::Found { data: data.to_owned() }
        }
        Ok(_) => LookedUp::Unclear { why: OF_ANOTHER },
        Err(_) => LookedUp::Unclear { why: "the query's answer holds no object" },
    }
}

/// A list, in which the call is found by the members that identify it. "Not found" counts only if each of its items
/// shows which call it belongs to.
fn found_among(data: &str, resolution: &Resolution, parameters: &Object<'_>) -> LookedUp {
    let Ok(items) = serde_json::from_str::<Vec<Box<RawValue>>>(data) else {
        return LookedUp::Unclear { why: "the query's answer holds no list" };
    };
    let mut ours = None;
    for item in &items {
        let Ok(object) = parse_object(item.get().as_bytes()) else {
            return LookedUp::Unclear { why: "the list holds something that is not an object" };
        };
        let identified =
            resolution.matching.keys().all(|name| object.member(name).is_some_and(is_id));
        if !identified || !repeats(&object, resolution.echo(), parameters) {
            return LookedUp::Unclear { why: "the list holds an item whose call is not known" };
        }
        if repeats(&object, &resolution.matching, parameters) && ours.replace(item.get()).is_some()
        {
            return LookedUp::Unclear { why: "the list holds the call twice" };
        }
    }
    match ours {
        Some(item) => LookedUp::Found { data: item.to_owned() },
        None => LookedUp::NotFound,
    }
}

/// Whether `object` has all members of `pairs`, with the values of the lost call.
fn repeats(object: &Object<'_>, pairs: &BTreeMap<String, String>, parameters: &Object<'_>) -> bool {
    pairs.iter().all(|(name, taken)| {
        let members = object.member(name).zip(parameters.member(taken));
        members.is_some_and(|(found, sent)| is_same(found, sent))
    })
}

/// Whether an answer without such a call says that it is about another one.
fn is_of_another(data: &str, resolution: &Resolution, parameters: &Object<'_>) -> bool {
    let Ok(object) = parse_object(data.as_bytes()) else { return false };
    resolution.echo().iter().any(|(name, taken)| {
        let members = object.member(name).filter(|member| is_id(member));
        members.zip(parameters.member(taken)).is_some_and(|(found, sent)| !is_same(found, sent))
    })
}

/// A text that is not empty, or a number.
fn is_id(member: &Member<'_>) -> bool {
    match member.raw.as_bytes() {
        [b'"', b'"'] => false,
        [b'"' | b'-' | b'0'..=b'9', ..] => true,
        _ => false,
    }
}

/// Numbers are compared as written: a parser would round different large ones to the same value.
fn is_same(found: &Member<'_>, sent: &Member<'_>) -> bool {
    is_id(found)
        && match (found.text(), sent.text()) {
            (Some(found), Some(sent)) => found == sent,
            (None, None) => found.raw == sent.raw,
            (Some(_), None) | (None, Some(_)) => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYOUT: &[u8] = br#"{"mchOrderId":"A\u0031","amount":5}"#;
    const REFUND: &[u8] =
        br#"{"mchRefundOrderId":"R1","originalTransactionId":"C1","refundAmount":5}"#;

    fn bluepay() -> Provider {
        Provider::builtin("bluepay").expect("built in")
    }

    fn looked_up(operation: &str, parameters: &[u8], answer: &str) -> LookedUp {
        let provider = bluepay();
        let operation = provider.operation(operation).expect("an operation");
        let parameters = parse_object(parameters).expect("JSON");
        let answer = provider.read_answer(answer.as_bytes()).expect("the provider's envelope");
        provider.looked_up(operation, &parameters, &answer)
    }

    #[test]
    fn the_query_asks_by_the_members_of_the_lost_call() {
        let provider = bluepay();
        let query = |operation: &str, parameters: &[u8]| {
            let operation = provider.operation(operation).expect("an operation");
            operation.lookup(&parse_object(parameters).expect("JSON"))
        };
        assert_eq!(query("payout_create", PAYOUT).as_deref(), Some(r#"{"mchOrderId":"A\u0031"}"#));
        assert_eq!(
            query("refund_create", REFUND).as_deref(),
            Some(r#"{"originalTransactionId":"C1"}"#)
        );
        assert_eq!(query("payout_create", b"{}"), None, "the query's members are missing");
        assert_eq!(query("payment_void", b"{}"), None, "no query is known");
    }

    fn is_unclear(operation: &str, parameters: &[u8], data: &str) {
        let answer = format!(r#"{{"code":10000,"message":"Success","data":{data}}}"#);
        let found = looked_up(operation, parameters, &answer);
        assert!(matches!(found, LookedUp::Unclear { .. }), "{data}: {found:?}");
    }

    #[test]
    fn only_an_object_of_the_call_proves_that_it_arrived() {
        let found = r#"{"code":10000,"message":"Success","data":{"mchOrderId":"\u00411"}}"#;
        assert!(matches!(looked_up("payout_create", PAYOUT, found), LookedUp::Found { .. }));
        for data in [
            "null",
            "[]",
            "{}",
            r#"[{"mchOrderId":"A1"}]"#,
            r#"{"mchOrderId":null,"transactionStatus":"COMPLETED"}"#,
            r#"{"mchOrderId":""}"#,
            r#"{"mchOrderId":["A1"]}"#,
            r#"{"mchOrderId":"A2","transactionStatus":"COMPLETED"}"#,
            r#"{"mchOrderId":"a1"}"#,
            r#"{"mchOrderId":"A1 "}"#,
            r#"{"transactionId":"D1","amount":5,"transactionStatus":"COMPLETED"}"#,
        ] {
            is_unclear("payout_create", PAYOUT, data);
        }
        for answer in [
            r#"{"code":10000,"message":"x"}"#,
            r#"{"code":21000,"message":"x","data":null}"#,
            r#"{"code":21010,"message":"transaction not found","data":null}"#,
            r#"{"code":21006,"message":"x","data":{"mchOrderId":"A2"}}"#,
        ] {
            let found = looked_up("payout_create", PAYOUT, answer);
            assert!(matches!(found, LookedUp::Unclear { .. }), "{answer}: {found:?}");
        }
        for data in ["null", "{}", r#"{"mchOrderId":null}"#, r#"{"mchOrderId":"A1"}"#] {
            let answer = format!(r#"{{"code":21006,"message":"x","data":{data}}}"#);
            assert_eq!(looked_up("payout_create", PAYOUT, &answer), LookedUp::NotFound, "{data}");
        }
    }

    #[test]
    fn numbers_that_a_parser_would_round_to_the_same_are_not_the_same() {
        let numbers = |found: &str| {
            let text = format!(r#"{{"a":{found},"b":12345678901234567890123}}"#);
            let object = parse_object(text.as_bytes()).expect("JSON");
            is_same(object.member("a").expect("there"), object.member("b").expect("there"))
        };
        assert!(numbers("12345678901234567890123"));
        assert!(!numbers("12345678901234567890124"));
        assert!(!numbers(r#""12345678901234567890123""#), "a text is not a number");
    }

    const OTHER: &str =
        r#"{"mchRefundOrderId":"R0","originalTransactionId":"C1","refundStatus":"COMPLETE"}"#;
    const OURS: &str =
        r#"{"refundStatus":"COMPLETE", "mchRefundOrderId":"R1","originalTransactionId":"C1"}"#;

    #[test]
    fn a_refund_is_found_in_the_list_by_its_own_id() {
        let list = |ids: &str| format!(r#"{{"code":10000,"message":"Success","data":[{ids}]}}"#);
        assert_eq!(looked_up("refund_create", REFUND, &list(OTHER)), LookedUp::NotFound);
        assert_eq!(looked_up("refund_create", REFUND, &list("")), LookedUp::NotFound);
        assert_eq!(
            looked_up("refund_create", REFUND, &list(&format!("{OTHER},{OURS}"))),
            LookedUp::Found { data: OURS.to_owned() }
        );
    }

    #[test]
    fn a_list_with_an_item_of_an_unknown_call_proves_nothing() {
        for item in [
            r#"{"originalTransactionId":"C1","refundStatus":"COMPLETE"}"#,
            r#"{"mchRefundOrderId":null,"originalTransactionId":"C1"}"#,
            r#"{"mchRefundOrderId":"","originalTransactionId":"C1"}"#,
            r#"{"mchRefundOrderId":"R0"}"#,
            r#"{"mchRefundOrderId":"R0","originalTransactionId":"C2"}"#,
            r#"{"mchRefundOrderId":"R1","originalTransactionId":"C2"}"#,
            "null",
            r#""R0""#,
            "[]",
            "{}",
        ] {
            is_unclear("refund_create", REFUND, &format!("[{item}]"));
            is_unclear("refund_create", REFUND, &format!("[{OTHER},{item}]"));
        }
        for data in ["null", "{}", OURS, "\"[]\""] {
            is_unclear("refund_create", REFUND, data);
        }
        is_unclear("refund_create", REFUND, &format!("[{OURS},{OTHER},{OURS}]"));
    }

    #[test]
    fn an_answer_without_the_reference_finds_nothing() {
        let parameters = br#"{"userId":"u1","requestId":"q1"}"#;
        is_unclear("authorization_create", parameters, r#"{"userId":"u1","tokenList":[]}"#);
    }
}
