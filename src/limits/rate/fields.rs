//! The header fields that inform a client about a rate limit: `RateLimit-Policy` and `RateLimit` of the IETF's
//! `draft-ietf-httpapi-ratelimit-headers`, as structured field lists.

use std::fmt::Write;
use std::time::Duration;

use crate::config::Rate;

/// The values of the two header fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimitFields {
    /// `RateLimit-Policy`: the allowed rates. Missing when only the provider knows them.
    pub policy: Option<String>,
    /// `RateLimit`: what is left, and when there will be more.
    pub limit: String,
}

/// Lists `policies` by name, and states that the one called `refusing` has nothing left for `wait`.
pub(super) fn fields<'a>(
    policies: impl Iterator<Item = (&'a str, Rate)>,
    refusing: &str,
    wait: Duration,
) -> RateLimitFields {
    let policies: Vec<String> = policies
        .map(|(name, rate)| format!("{};q={};w={}", string(name), rate.count, rate.per.as_secs()))
        .collect();
    let seconds = wait.as_millis().div_ceil(1000);
    let mut limit = string(refusing);
    let _ = write!(limit, ";r=0;t={seconds}");
    RateLimitFields { policy: (!policies.is_empty()).then(|| policies.join(", ")), limit }
}

/// A structured field string (RFC 9651, section 3.3.3): printable ASCII, quotes and backslashes escaped.
fn string(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars().filter(|found| (' '..='~').contains(found)) {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_structured_lists_with_whole_seconds_rounded_up() {
        let rate = |count, seconds| Rate { count, per: Duration::from_secs(seconds) };
        let policies = [("account", rate(50, 1)), ("payout_create", rate(300, 60))];
        let wait = Duration::from_millis(1001);
        let fields = fields(policies.into_iter(), "payout_create", wait);
        assert_eq!(
            fields.policy.as_deref(),
            Some(r#""account";q=50;w=1, "payout_create";q=300;w=60"#)
        );
        assert_eq!(fields.limit, r#""payout_create";r=0;t=2"#);
    }

    #[test]
    fn a_name_cannot_break_out_of_its_string() {
        assert_eq!(string("a\"b\\c\r\nd"), r#""a\"b\\cd""#);
    }
}
