//! Asking what became of a call whose answer was lost: which query to make, and what its answer proves.

use serde_json::value::RawValue;

use super::codes::{CodeMeaning, ProviderAnswer};
use super::compile::Provider;
use super::operation::{Kind, Operation, Resolution};
use crate::json::{Object, escape, parse_object};

/// What a query said about a lost call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookedUp {
    /// It landed. `data` is the exact text of what the provider knows of it.
    Found { data: String },
    /// The provider knows no such call. Said once, soon after the call, that is no proof: it may not know it yet.
    NotFound,
    /// The answer proves nothing either way.
    Unclear,
}

impl Operation {
    /// The parameters of the query that tells what became of a call with `parameters`, as the application would post them.
    /// `None` when the profile knows no query, or the call lacks a member that the query needs.
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
        let Some(resolution) = &operation.resolved_by else { return LookedUp::Unclear };
        match answer.meaning {
            CodeMeaning::Accepted => answer
                .data
                .as_deref()
                .map_or(LookedUp::Unclear, |data| found_in(data, resolution, parameters)),
            CodeMeaning::NotFound => LookedUp::NotFound,
            CodeMeaning::Refused
            | CodeMeaning::StaleTimestamp
            | CodeMeaning::Throttled
            | CodeMeaning::Landed
            | CodeMeaning::InDoubt => LookedUp::Unclear,
        }
    }

    /// Whether a lost call of `operation` can be looked up at all.
    pub fn can_look_up(&self, operation: &Operation) -> bool {
        operation.kind != Kind::Query && operation.resolved_by.is_some()
    }
}

/// One object, or a list in which the call must be found by the members that identify it.
fn found_in(data: &str, resolution: &Resolution, parameters: &Object<'_>) -> LookedUp {
    if resolution.matching.is_empty() {
        return match data.starts_with('{') {
            true => LookedUp::Found { data: data.to_owned() },
            false => LookedUp::Unclear,
        };
    }
    let Ok(items) = serde_json::from_str::<Vec<Box<RawValue>>>(data) else {
        return LookedUp::Unclear;
    };
    let ours = items.iter().find(|item| is_ours(item.get(), resolution, parameters));
    match ours {
        Some(item) => LookedUp::Found { data: item.get().to_owned() },
        // The list is complete for what was asked by; our call is not in it.
        None => LookedUp::NotFound,
    }
}

fn is_ours(item: &str, resolution: &Resolution, parameters: &Object<'_>) -> bool {
    let Ok(item) = parse_object(item.as_bytes()) else { return false };
    resolution.matching.iter().all(|(name, taken)| {
        let (found, sent) = (item.value().get(name), parameters.value().get(taken));
        found.is_some() && found == sent
    })
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
        assert_eq!(query("payout_create", b"{}"), None, "there is nothing to ask by");
        assert_eq!(query("payment_void", b"{}"), None, "no query is known");
    }

    #[test]
    fn only_an_object_of_the_call_proves_that_it_landed() {
        let found = r#"{"code":10000,"message":"Success","data":{"mchOrderId":"A1"}}"#;
        assert!(matches!(looked_up("payout_create", PAYOUT, found), LookedUp::Found { .. }));
        for (answer, expected) in [
            (r#"{"code":21006,"message":"x","data":null}"#, LookedUp::NotFound),
            (r#"{"code":10000,"message":"x","data":null}"#, LookedUp::Unclear),
            (r#"{"code":10000,"message":"x","data":[]}"#, LookedUp::Unclear),
            (r#"{"code":10000,"message":"x"}"#, LookedUp::Unclear),
            (r#"{"code":21000,"message":"x","data":null}"#, LookedUp::Unclear),
            (r#"{"code":21010,"message":"transaction not found","data":null}"#, LookedUp::Unclear),
        ] {
            assert_eq!(looked_up("payout_create", PAYOUT, answer), expected, "{answer}");
        }
    }

    #[test]
    fn a_refund_is_found_in_the_list_by_its_own_id() {
        let list = |ids: &str| format!(r#"{{"code":10000,"message":"Success","data":[{ids}]}}"#);
        let other = r#"{"mchRefundOrderId":"R0","refundStatus":"COMPLETE"}"#;
        let ours = r#"{"refundStatus":"COMPLETE", "mchRefundOrderId":"R1"}"#;
        assert_eq!(looked_up("refund_create", REFUND, &list(other)), LookedUp::NotFound);
        assert_eq!(
            looked_up("refund_create", REFUND, &list(&format!("{other},{ours}"))),
            LookedUp::Found { data: ours.to_owned() }
        );
    }
}
