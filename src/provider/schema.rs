//! The JSON Schema (2020-12) of an operation's parameters as the application posts them, made from the profile's rows.
//!
//! It says what may be left out and what values look like. A schema cannot say how a number is written (`100` or
//! `100.0`), see `refusal`. Unknown members are accepted, because the profile may not be complete.

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value, json};

use super::member::{Fill, Member, MemberType, RequiredWhen};

/// The schema of an operation with these members.
pub fn schema(
    title: &str,
    note: Option<&str>,
    members: &[Member],
    requires_one_of: &[String],
) -> Value {
    let properties: Map<String, Value> =
        members.iter().map(|member| (member.name.clone(), property(member))).collect();
    let required: Vec<&str> = members
        .iter()
        .filter(|member| member.required && member.fill.is_none())
        .map(|member| member.name.as_str())
        .collect();
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "properties": properties,
        "required": required,
    });
    if let Some(note) = note {
        schema["description"] = json!(sentence(note));
    }
    let conditions = conditions(members);
    if !conditions.is_empty() {
        schema["allOf"] = Value::Array(conditions);
    }
    if !requires_one_of.is_empty() {
        schema["anyOf"] = requires_one_of.iter().map(|name| present(&[name])).collect();
    }
    schema["additionalProperties"] = json!(true);
    schema
}

/// Compiles `schema`. Patterns run on an engine whose time is linear in the text; nothing is fetched.
pub fn validator(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex())
        .offline()
        .build(schema)
        .map_err(|error| error.to_string())
}

/// The schema of one member.
fn property(member: &Member) -> Value {
    let is = |member_type| member.member_type == member_type;
    let (least, most) = member.length.unzip();
    let mut property = json!({
        "title": member.title,
        "description": description(member),
        "type": types(member),
        "format": is(MemberType::Amount).then_some("int64"),
        "minLength": least,
        "maxLength": most,
        "pattern": member.pattern.as_deref().or(is(MemberType::Timestamp).then_some("^[0-9]+$")),
        "enum": values(member),
        "minimum": member.minimum,
        "maximum": member.maximum,
        "x-confirmed": (!member.is_confirmed()).then_some(false),
    });
    if let Some(members) = property.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    property
}

/// The only values allowed, where not every value is.
fn values(member: &Member) -> Option<Vec<Value>> {
    let values = member.values.iter().map(|value| json!(value));
    let null = member.may_be_null().then_some(Value::Null);
    (!member.values.is_empty()).then(|| values.chain(null).collect())
}

fn types(member: &Member) -> Value {
    let mut types = match member.member_type {
        MemberType::String => vec!["string"],
        MemberType::Integer | MemberType::Amount => vec!["integer"],
        MemberType::Timestamp => vec!["integer", "string"],
        MemberType::Object => vec!["object"],
        MemberType::Array => vec!["array"],
    };
    types.extend(member.may_be_null().then_some("null"));
    match types.as_slice() {
        [one] => json!(one),
        _ => json!(types),
    }
}

/// What a reader should know about a member, in sentences.
fn description(member: &Member) -> Option<String> {
    let pattern = member.pattern_means.as_deref();
    let unit = match (member.member_type, &member.unit) {
        (MemberType::Amount, Some(unit)) => Some(format!("whole minor units ({unit})")),
        (_, Some(unit)) => Some(format!("in {unit}")),
        (_, None) => None,
    };
    let filled = member.fill.map(|fill| match fill {
        Fill::TimestampMs | Fill::TimestampS => "added for every attempt when left out",
        Fill::Reference => "the reference is added when left out",
        Fill::NotifyUrl => "the account's `notify_url` is added when left out",
    });
    let condition = member.required_when.as_ref().map(RequiredWhen::to_string);
    let parts = [pattern, unit.as_deref(), filled, condition.as_deref(), member.note.as_deref()];
    let sentences: Vec<String> = parts.into_iter().flatten().map(sentence).collect();
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

/// `text` with a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}

/// One `if`/`then` for each condition, naming every member it makes required.
fn conditions(members: &[Member]) -> Vec<Value> {
    let mut grouped: Vec<(&RequiredWhen, Vec<&str>)> = Vec::new();
    for member in members {
        let Some(condition) = &member.required_when else { continue };
        match grouped.iter_mut().find(|(known, _)| *known == condition) {
            Some((_, names)) => names.push(&member.name),
            None => grouped.push((condition, vec![&member.name])),
        }
    }
    grouped
        .into_iter()
        .map(|(condition, names)| {
            json!({
                "if": {
                    "properties": { &condition.member: { "enum": condition.values } },
                    "required": [condition.member],
                },
                "then": present(&names),
            })
        })
        .collect()
}

/// Requires each of `names` to be present and not null.
fn present(names: &[&str]) -> Value {
    let properties: Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), json!({ "not": { "type": "null" } })))
        .collect();
    json!({ "required": names, "properties": properties })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Provider;

    #[test]
    fn a_schema_reads_like_the_provider_s_page() {
        let provider = Provider::builtin("bluepay").expect("built in");
        let refund = provider.operation("refund_status").expect("an operation");
        insta::assert_json_snapshot!(refund.schema);
    }

    #[test]
    fn filled_members_may_be_left_out_and_conditions_are_kept() {
        let provider = Provider::builtin("bluepay").expect("built in");
        let schema = &provider.operation("payout_create").expect("an operation").schema;
        assert_eq!(
            schema["required"],
            json!(["mchOrderId", "amount", "payMethodCode", "accountNo"]),
            "`timestamp` and `idempotencyId` are added, so the application need not send them"
        );
        let bank = &schema["allOf"][0];
        assert_eq!(bank["if"]["properties"]["payMethodCode"]["enum"], json!(["BANK"]));
        assert_eq!(
            bank["then"]["required"],
            json!(["transferCode", "accountName", "accountType", "accountTaxId", "mobile"])
        );
    }
}
