//! Reading and checking the parameters an application posted.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use crate::config::Account;
use crate::json::{self, Object};
use crate::problem::{Code, Problem};
use crate::provider::{FillContext, Operation};
use crate::wire::Request;

/// The longest reference repeated in answers and logs, in bytes: documented ones have at most 32 characters, but a
/// value posted there by mistake can be as long as the body.
const REFERENCE_BYTES_MAX: usize = 512;

/// The body as one JSON object, with every member's exact text.
pub(super) fn read<'r>(operation: &Operation, request: &'r Request) -> Result<Object<'r>, Problem> {
    require_json(request)?;
    json::parse_object(&request.body).map_err(|error| {
        Problem::not_sent(
            Code::MalformedJson,
            format!("{error}; expected the parameters of `{}` as one JSON object", operation.name),
        )
    })
}

/// Checks the parameters by the operation's rules and reports everything wrong with them.
pub(super) fn check(
    account: &Account,
    operation: &Operation,
    parameters: &Object<'_>,
    reference: Option<&str>,
) -> Result<(), Problem> {
    let context = FillContext { unix_ms: 0, notify_url: account.notify_url.as_deref() };
    operation.validate(parameters, &context).map_err(|errors| {
        let count = errors.len();
        let detail = format!("{count} of the parameters of `{}` break its rules", operation.name);
        let detail = match looks_signed(parameters) {
            true => format!(
                "{detail}; the body looks like a signed envelope: post the parameters alone"
            ),
            false => detail,
        };
        Problem::not_sent(Code::InvalidParameters, detail).with_errors(errors).about(reference)
    })
}

/// The merchant's own order id, for answers and logs.
pub(super) fn reference<'p>(operation: &Operation, parameters: &'p Object<'_>) -> Option<&'p str> {
    operation.reference(parameters).filter(|reference| reference.len() <= REFERENCE_BYTES_MAX)
}

/// Whether an application still builds the provider's envelope itself: the most common mistake when moving to
/// Countersign.
fn looks_signed(parameters: &Object<'_>) -> bool {
    parameters.member("sign").is_some() && parameters.member("param").is_some()
}

fn require_json(request: &Request) -> Result<(), Problem> {
    let refuse = |detail: &str| Err(Problem::not_sent(Code::UnsupportedMediaType, detail));
    if request.headers.contains_key(CONTENT_ENCODING) {
        return refuse("expected a body without Content-Encoding");
    }
    let mut values = request.headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return refuse("expected exactly one `Content-Type: application/json`");
    };
    match is_json(value.to_str().unwrap_or_default()) {
        true => Ok(()),
        false => refuse("expected `Content-Type: application/json`, in UTF-8"),
    }
}

/// Whether a media type is `application/json`, with no parameter but a charset of UTF-8.
fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    media_type.eq_ignore_ascii_case("application/json")
        && parts.filter(|part| !part.is_empty()).all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                let charset = value.trim().trim_matches('"');
                charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
            }
            _ => true,
        })
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn only_json_in_utf_8_is_accepted() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/json;",
            "application/json; profile=x",
        ] {
            assert!(is_json(good), "`{good}` should be accepted");
        }
        for bad in [
            "",
            "text/plain",
            "application/jsonx",
            "application/x-www-form-urlencoded",
            "application/json; charset=tis-620",
            "application/problem+json",
        ] {
            assert!(!is_json(bad), "`{bad}` should be refused");
        }
    }
}
