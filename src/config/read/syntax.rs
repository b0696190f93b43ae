//! TOML text to plain values. Syntax errors have line and column, but never the text at that place: it may be a
//! secret.

use serde_json::Value;

use crate::mistake::Mistake;

/// The most syntax errors that are reported. One slip can cause many; the first ones are enough.
const ERRORS_MAX: usize = 20;

/// Reads TOML. Dates and times become their text.
pub(crate) fn parse(text: &str) -> Result<Value, Vec<Mistake>> {
    let (_, errors) = toml::de::DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(errors.iter().take(ERRORS_MAX).map(|error| mistake(text, error)).collect());
    }
    match toml::from_str::<toml::Table>(text) {
        Ok(table) => Ok(plain(toml::Value::Table(table))),
        Err(error) => Err(vec![mistake(text, &error)]),
    }
}

fn mistake(text: &str, error: &toml::de::Error) -> Mistake {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = &text.as_bytes()[..at];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
    let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
    Mistake::new("", format!("line {line}, column {column}: not TOML: {}", error.message()))
}

fn plain(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        // JSON has no NaN and no infinity; as text they are refused like any other wrong value.
        toml::Value::Float(number) => serde_json::Number::from_f64(number)
            .map_or_else(|| Value::String(number.to_string()), Value::Number),
        toml::Value::Boolean(value) => Value::Bool(value),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(items) => Value::Array(items.into_iter().map(plain).collect()),
        toml::Value::Table(table) => {
            Value::Object(table.into_iter().map(|(key, value)| (key, plain(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntax_errors_have_a_place_and_show_nothing_of_the_text() {
        for text in [
            "a = \"canary\nb = 1",
            "a = canary",
            "a = { file = \"canary\"",
            "token = 'canary' 'canary'",
            "a = \"canary\\q\"",
            "a = 1\na = \"canary\"",
            "[canary\n",
            "a = 0xcanary",
            "a = 99999999999999999999",
            "a = 2026-13-45T00:00:00Z",
            "a = \"canary\u{1}\"",
        ] {
            let mistakes = parse(text).expect_err("not TOML");
            for mistake in mistakes {
                let shown = mistake.to_string();
                assert!(shown.starts_with("line "), "`{text}`: {shown}");
                assert!(!shown.contains("canary"), "`{text}`: {shown}");
            }
        }
    }

    #[test]
    fn all_syntax_errors_are_reported_at_once() {
        let mistakes = parse("a = \nb = 1\nc = 'x\n").expect_err("not TOML");
        let lines: Vec<String> = mistakes.iter().map(|it| it.problem[..6].to_owned()).collect();
        assert_eq!(lines, ["line 1", "line 3"]);
    }
}
