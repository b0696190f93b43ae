//! One call of the provider's API, as its profile describes it: what it is called, what goes into it, what Countersign
//! adds, and how a lost one is looked up. It holds no request and does no I/O.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::refusal;
use crate::json::{self, Object};

/// An operation of a provider.
#[derive(Clone)]
pub struct Operation {
    pub name: String,
    pub title: String,
    /// Path below the base URL, beginning with `/`.
    pub path: String,
    pub kind: Kind,
    /// Whether it moves money (payout, refund, void, debit).
    pub money_moving: bool,
    /// Whether it gives a payer's money back (refund, void): it goes before what starts something new.
    pub gives_back: bool,
    /// The member that carries the merchant's own order id.
    pub reference: Option<String>,
    pub members: Vec<Member>,
    /// At least one of these members is required; empty when there is no such rule.
    pub requires_one_of: Vec<String>,
    /// The query that tells what became of a lost call of this operation.
    pub resolved_by: Option<Resolution>,
    /// The name of the event rule by which a query's answer about a call is read.
    pub event: Option<String>,
    /// Whether the provider's own documentation confirms path and members.
    pub confirmed: bool,
    /// Address of the page the row comes from.
    pub source: String,
    /// What an operator should know, in particular when no page gives the path.
    pub note: Option<String>,
    /// JSON Schema (2020-12) of the parameters as the application posts them.
    pub schema: Value,
    pub(super) validator: Arc<jsonschema::Validator>,
}

/// What an operation does to the provider's state, and so what may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Reads; always safe to repeat.
    Query,
    /// Makes something new; repeating it blindly could make it twice.
    Create,
    /// Ends something; naturally idempotent by state.
    Cancel,
}

/// How a lost call is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    pub operation: String,
    /// (member of the query, member of the lost call it is taken from).
    pub members: Vec<(String, String)>,
    /// (member of what is found, member of the lost call it must equal): of the answer's object, or of every item of a
    /// list. What lacks one of them, or has another value there, is of something else.
    pub echo: Vec<(String, String)>,
    /// Where the answer is a list: (member of an item, member of the lost call it must equal). Empty otherwise.
    pub matching: Vec<(String, String)>,
}

/// One member of an operation's parameters.
#[derive(Clone, Debug)]
pub struct Member {
    pub name: String,
    pub title: Option<String>,
    pub member_type: MemberType,
    /// Whether the provider requires it; the application may leave it out when `fill` says so.
    pub required: bool,
    pub required_when: Option<RequiredWhen>,
    /// Least and most characters of a string.
    pub length: Option<(u32, u32)>,
    pub pattern: Option<Pattern>,
    /// The only values allowed; empty when any is.
    pub values: Vec<String>,
    pub minimum: Option<i64>,
    pub maximum: Option<i64>,
    /// What Countersign adds when the application left the member out.
    pub fill: Option<Fill>,
    /// What the number counts, as in `satang` or `ms`.
    pub unit: Option<String>,
    pub confirmed: bool,
    /// Address of the page, where it is not the operation's.
    pub source: Option<String>,
    pub note: Option<String>,
}

/// The longest reference, in characters: 512 bytes at most. A longer one would not be recognised, neither in a call that is
/// repeated nor in a notification; documented ones have at most 32.
pub(super) const REFERENCE_CHARACTERS_MAX: u32 = 128;

impl Member {
    /// Makes sure that the member can carry a reference: a text that is never too long to be recognised again. One without
    /// a limit gets it. The error is a key of the member and what is wrong with it.
    pub(super) fn bound_as_reference(&mut self) -> Result<(), (&'static str, String)> {
        if self.member_type != MemberType::String {
            return Err((
                "type",
                "is not that of a text, but the member is the reference, expected `string`".into(),
            ));
        }
        let (least, most) = *self.length.get_or_insert((0, REFERENCE_CHARACTERS_MAX));
        match most > REFERENCE_CHARACTERS_MAX {
            true => Err((
                "length",
                format!(
                    "[{least}, {most}] allows references that are too long to be recognised again, expected at most \
                     {REFERENCE_CHARACTERS_MAX} characters"
                ),
            )),
            false => Ok(()),
        }
    }
}

/// When a member that is not always required becomes so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredWhen {
    pub member: String,
    pub values: Vec<String>,
}

/// A regular expression that a string must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    pub regex: String,
    /// The same in words, for messages.
    pub means: Option<String>,
}

/// A member's JSON type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberType {
    String,
    /// A whole number in plain digits, `-` allowed.
    Integer,
    /// Whole minor units: plain digits, no fraction, no exponent.
    Amount,
    /// A number or a string of digits.
    Timestamp,
    Object,
    Array,
}

/// What Countersign adds to the parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// The time of the attempt, a number of milliseconds since the Unix epoch.
    TimestampMs,
    /// The time of the attempt, a number of seconds since the Unix epoch.
    TimestampS,
    /// The value of the reference member.
    Reference,
    /// The account's `notify_url`.
    NotifyUrl,
}

/// What there is to fill members with.
#[derive(Clone, Copy, Debug)]
pub struct FillContext<'a> {
    /// The time of the attempt, in milliseconds since the Unix epoch.
    pub unix_ms: i64,
    /// The account's `notify_url`.
    pub notify_url: Option<&'a str>,
}

/// What an account's configuration may change about an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationOverride {
    pub path: Option<String>,
    pub reference: Option<String>,
    pub confirmed: Option<bool>,
}

/// One thing wrong with the parameters.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ParameterError {
    /// JSON pointer to the member, to where it would stand when it is missing.
    pub pointer: String,
    pub message: String,
}

impl Operation {
    /// Checks parsed parameters against the schema, numbers for being plain as written, and that every member
    /// Countersign is to add can be added. Reports everything at once, in the order of the profile.
    pub fn validate(
        &self,
        parameters: &Object<'_>,
        ctx: &FillContext<'_>,
    ) -> Result<(), Vec<ParameterError>> {
        let errors = refusal::errors(self, parameters, ctx);
        match errors.is_empty() {
            true => Ok(()),
            false => Err(errors),
        }
    }

    /// What Countersign adds to `parameters` for one attempt: names and JSON texts. Never a member that stands there
    /// already, whatever its value. Cheap enough to do anew for every attempt.
    pub fn additions(&self, parameters: &Object<'_>, ctx: &FillContext<'_>) -> Vec<(&str, String)> {
        self.members
            .iter()
            .filter(|member| parameters.member(&member.name).is_none())
            .filter_map(|member| {
                let text = self.filling(member.fill?, parameters, ctx)?;
                Some((member.name.as_str(), text))
            })
            .collect()
    }

    /// The merchant's own order id in `parameters`, escapes undone.
    pub fn reference<'a>(&self, parameters: &'a Object<'_>) -> Option<&'a str> {
        parameters.value().get(self.reference.as_deref()?)?.as_str()
    }

    /// The member of that name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Whether a lost call may simply be made again.
    pub fn safe_to_repeat(&self) -> bool {
        !matches!(self.kind, Kind::Create)
    }

    /// The JSON text that `fill` stands for, when there is one.
    fn filling(
        &self,
        fill: Fill,
        parameters: &Object<'_>,
        ctx: &FillContext<'_>,
    ) -> Option<String> {
        match fill {
            Fill::TimestampMs => Some(ctx.unix_ms.to_string()),
            Fill::TimestampS => Some(ctx.unix_ms.div_euclid(1000).to_string()),
            Fill::Reference => {
                let member = parameters.member(self.reference.as_deref()?)?;
                Some(member.raw.to_owned())
            }
            Fill::NotifyUrl => {
                let mut text = String::new();
                json::escape(ctx.notify_url?, &mut text);
                Some(text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_object;
    use crate::provider::Provider;

    const CTX: FillContext<'_> =
        FillContext { unix_ms: 1_678_356_680_999, notify_url: Some("https://shop.example/\"n\"") };

    fn additions(operation: &str, body: &str, ctx: FillContext<'_>) -> Vec<(String, String)> {
        let provider = Provider::builtin("bluepay").expect("built in");
        let operation = provider.operation(operation).expect("an operation");
        let object = parse_object(body.as_bytes()).expect("JSON");
        let additions = operation.additions(&object, &ctx);
        additions.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
    }

    #[test]
    fn what_the_application_left_out_is_added() {
        let added = additions("payout_create", r#"{"mchOrderId":"CCP\u0031","amount":1}"#, CTX);
        assert_eq!(
            added,
            [
                ("timestamp".into(), "1678356680999".into()),
                ("idempotencyId".into(), r#""CCP\u0031""#.into()),
            ],
            "the reference is copied as it was written"
        );
        let added = additions("qr_create", "{}", CTX);
        assert_eq!(added[1], ("notifyUrl".into(), r#""https://shop.example/\"n\"""#.into()));
        let added = additions("refund_create", "{}", CTX);
        assert_eq!(added[1].0, "refundCallbackUrl");
    }

    #[test]
    fn what_the_application_wrote_is_never_touched() {
        let body = r#"{"mchOrderId":"A","idempotencyId":null,"timestamp":"0"}"#;
        assert_eq!(additions("payout_create", body, CTX), []);
        let body = r#"{"notif\u0079Url":"","timestamp":1}"#;
        assert_eq!(additions("qr_create", body, CTX), [], "an escaped name is the same name");
    }

    #[test]
    fn what_is_not_known_is_not_added() {
        let ctx = FillContext { notify_url: None, ..CTX };
        let names = additions("qr_create", "{}", ctx);
        assert_eq!(names, [("timestamp".into(), "1678356680999".into())]);
        let names = additions("payout_create", "{}", ctx);
        assert_eq!(names.len(), 1, "without a reference there is no idempotency key");
    }

    #[test]
    fn the_reference_is_read_with_its_escapes_undone() {
        let provider = Provider::builtin("bluepay").expect("built in");
        let refund = provider.operation("refund_create").expect("an operation");
        for (body, expected) in [
            (r#"{"mchRefundOrderId":"R\u0031"}"#, Some("R1")),
            (r#"{"mchRefundOrderId":5}"#, None),
            (r#"{"mchOrderId":"A"}"#, None),
        ] {
            let object = parse_object(body.as_bytes()).expect("JSON");
            assert_eq!(refund.reference(&object), expected, "{body}");
        }
    }
}
