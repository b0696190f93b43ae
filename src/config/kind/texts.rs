//! Values that are names, codes or times: each a type that only holds what passed its rule.

use std::net::IpAddr;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::{Value, json};

use crate::config::read::kind::{Setting, Wrong};
use crate::store::StoreUrl;

/// The longest account name: it is a path segment and a metric label.
const ACCOUNT_NAME_BYTES_MAX: usize = 63;
/// The longest key id.
const KEY_ID_BYTES_MAX: usize = 64;
/// The longest application id. Providers' own are shorter; the limit keeps a pasted file out of signed messages.
const APP_ID_BYTES_MAX: usize = 128;
/// The largest distance from UTC in use anywhere, in hours.
const OFFSET_HOURS_MAX: i32 = 14;

/// An account's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountName(pub String);

impl Setting for AccountName {
    const SECRET: bool = false;

    fn expected() -> String {
        format!(
            "lower-case letters, digits and `-`, not beginning with `-`, at most \
             {ACCOUNT_NAME_BYTES_MAX} characters"
        )
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = (1..=ACCOUNT_NAME_BYTES_MAX).contains(&text.len())
            && text.bytes().all(allowed)
            && !text.starts_with('-');
        match fits {
            true => Ok(Self(text.to_owned())),
            false => Err(Self::wrong()),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$" })
    }
}

/// A network of an allow-list; a bare address is a network of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Network(pub ipnet::IpNet);

impl Setting for Network {
    const SECRET: bool = false;

    fn expected() -> String {
        "an IP network such as `192.0.2.0/24` or `2001:db8::/32`, or one address".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(ipnet::IpNet::from));
        network.map(|network| Self(network.trunc())).map_err(|_| Self::wrong())
    }

    fn schema() -> Value {
        json!({ "type": "string" })
    }
}

/// The name of a key within its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyId(pub String);

impl Setting for KeyId {
    const SECRET: bool = false;

    fn expected() -> String {
        format!(
            "letters, digits, `.`, `_` and `-`, beginning with a letter or digit, at most \
             {KEY_ID_BYTES_MAX} characters"
        )
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let fits = text.len() <= KEY_ID_BYTES_MAX
            && text.bytes().all(allowed)
            && text.starts_with(|first: char| first.is_ascii_alphanumeric());
        match fits {
            true => Ok(Self(text.to_owned())),
            false => Err(Self::wrong()),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" })
    }
}

/// The fingerprint of a public key, or of a private key's public half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint(pub String);

impl Setting for Fingerprint {
    const SECRET: bool = false;

    fn expected() -> String {
        "`sha256:` and 64 hexadecimal digits, as `countersign keys show` prints it".into()
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let digits = text.strip_prefix("sha256:").ok_or_else(Self::wrong)?;
        match digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            true => Ok(Self(text.to_ascii_lowercase())),
            false => Err(Self::wrong()),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^sha256:[0-9A-Fa-f]{64}$" })
    }
}

/// The application id that the provider gave the merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AppId(pub String);

impl Setting for AppId {
    const SECRET: bool = false;

    fn expected() -> String {
        format!("1 to {APP_ID_BYTES_MAX} visible ASCII characters")
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let fits = (1..=APP_ID_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        match fits {
            true => Ok(Self(text.to_owned())),
            false => Err(Self::wrong()),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1, "maxLength": APP_ID_BYTES_MAX })
    }
}

/// A currency by its ISO 4217 code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CurrencyCode(pub String);

impl Setting for CurrencyCode {
    const SECRET: bool = false;

    fn expected() -> String {
        "an ISO 4217 code in capitals, such as `THB`".into()
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match iso_currency::Currency::from_code(text) {
            Some(currency) if currency.code() == text => Ok(Self(text.to_owned())),
            _ => Err(Self::wrong()),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[A-Z]{3}$" })
    }
}

/// A fixed distance from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Zone(pub Offset);

impl Setting for Zone {
    const SECRET: bool = false;

    fn expected() -> String {
        "a distance from UTC of at most 14 hours, such as `+07:00`".into()
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        offset_seconds(text)
            .and_then(|seconds| Offset::from_seconds(seconds).ok())
            .map(Self)
            .ok_or_else(Self::wrong)
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[+-][0-9]{2}:[0-9]{2}$" })
    }
}

fn offset_seconds(text: &str) -> Option<i32> {
    let &[sign, h1, h2, b':', m1, m2] = text.as_bytes() else { return None };
    let number = |tens: u8, ones: u8| -> Option<i32> {
        let digits = [char::from(tens).to_digit(10)?, char::from(ones).to_digit(10)?];
        i32::try_from(digits[0] * 10 + digits[1]).ok()
    };
    let (hours, minutes) = (number(h1, h2)?, number(m1, m2)?);
    let seconds = hours * 3600 + minutes * 60;
    if minutes > 59 || seconds > OFFSET_HOURS_MAX * 3600 {
        return None;
    }
    match sign {
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

impl Setting for Timestamp {
    const SECRET: bool = false;

    fn expected() -> String {
        "a date and time with its zone, such as `2026-01-01T00:00:00Z`".into()
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.parse().map_err(|_| Self::wrong())
    }

    fn schema() -> Value {
        json!({ "type": "string", "format": "date-time" })
    }
}

/// The path of an operation at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProviderPath(pub String);

impl Setting for ProviderPath {
    const SECRET: bool = false;

    fn expected() -> String {
        "a path beginning with `/`, without query, blanks or escapes".into()
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/._~-".contains(&byte);
        match text.starts_with('/') && text.len() > 1 && text.bytes().all(allowed) {
            true => Ok(Self(text.to_owned())),
            false => Err(Self::wrong()),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^/[A-Za-z0-9/._~-]+$" })
    }
}

/// The name of a member of an operation's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemberName(pub String);

impl Setting for MemberName {
    const SECRET: bool = false;

    fn expected() -> String {
        "the name of one of the operation's members".into()
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match text.is_empty() || text.chars().any(char::is_control) {
            true => Err(Self::wrong()),
            false => Ok(Self(text.to_owned())),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1 })
    }
}

/// Where the journal and the inbox are kept.
impl Setting for StoreUrl {
    const SECRET: bool = false;

    fn expected() -> String {
        Self::EXPECTED.into()
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match text.starts_with("sqlite:") {
            true => text.parse().map_err(Wrong::Problem),
            false => Err(Self::wrong()),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^sqlite:.+$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_names_are_path_segments_and_labels() {
        for name in ["", "-a", "A", "a_b", "a b", "a/b", "ä", &"a".repeat(64)] {
            assert!(AccountName::from_text(name).is_err(), "`{name}` should be refused");
        }
        for name in ["a", "7", "shop-th", &"a".repeat(63)] {
            assert!(AccountName::from_text(name).is_ok(), "`{name}` should be accepted");
        }
    }

    #[test]
    fn zones_are_signed_hours_and_minutes() {
        for zone in ["", "07:00", "+7:00", "+0700", "+07:60", "+14:01", "+15:00", "Z", "+0a:00"] {
            assert!(Zone::from_text(zone).is_err(), "`{zone}` should be refused");
        }
        let seconds = |text| Zone::from_text(text).expect("a zone").0.seconds();
        assert_eq!(seconds("+07:00"), 25_200);
        assert_eq!(seconds("-03:30"), -12_600);
    }

    #[test]
    fn times_need_a_zone() {
        for time in ["2026-01-01", "2026-01-01T00:00:00", "soon", ""] {
            assert!(Timestamp::from_text(time).is_err(), "`{time}` should be refused");
        }
        assert!(Timestamp::from_text("2026-01-01T00:00:00+07:00").is_ok());
    }

    #[test]
    fn only_real_currencies_are_accepted() {
        for code in ["", "thb", "XQQ", "THBB", "Baht"] {
            assert!(CurrencyCode::from_text(code).is_err(), "`{code}` should be refused");
        }
        assert!(CurrencyCode::from_text("THB").is_ok());
    }
}
