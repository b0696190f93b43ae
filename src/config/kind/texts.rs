//! Values that are names, codes, places or times.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::{Value as Json, json};

use crate::config::read::{Kind, LABEL_BYTES_MAX, Wrong, is_label};
use crate::provider::builtin_names;

/// The longest key id.
const KEY_ID_BYTES_MAX: usize = 64;
/// The longest application id. Providers' own are shorter; the limit keeps a pasted file out of signed messages.
const APP_ID_BYTES_MAX: usize = 128;
/// The largest distance from UTC in use anywhere, in hours.
const OFFSET_HOURS_MAX: i32 = 14;

/// Declares kinds of text that are taken as they are written when they fit a rule.
macro_rules! texts {
    ($(
        $(#[$about:meta])*
        $name:ident: $fits:expr, expected: $expected:expr, schema: $schema:tt;
    )*) => {$(
        $(#[$about])*
        pub(crate) struct $name;

        impl Kind for $name {
            type Parsed = String;

            const SECRET: bool = false;

            fn expected() -> String {
                $expected.into()
            }

            fn parse(text: &str) -> Result<String, Wrong> {
                let fits: fn(&str) -> bool = $fits;
                fits(text).then(|| text.to_owned()).ok_or_else(Self::wrong)
            }

            fn schema() -> Json {
                json!($schema)
            }
        }
    )*};
}

texts! {
    /// An account's name: a path segment and a metric label.
    AccountName: is_label,
        expected: format!(
            "lower-case letters, digits and `-`, not beginning with `-`, at most {LABEL_BYTES_MAX} characters"
        ),
        schema: { "type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$" };

    /// The name of a key within its account.
    KeyId: |text| {
            text.len() <= KEY_ID_BYTES_MAX
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
                && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        },
        expected: format!(
            "letters, digits, `.`, `_` and `-`, beginning with a letter or digit, at most {KEY_ID_BYTES_MAX} characters"
        ),
        schema: { "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" };

    /// The application id that the provider gave the merchant.
    AppId: |text| is_visible(text, APP_ID_BYTES_MAX),
        expected: format!("1 to {APP_ID_BYTES_MAX} visible ASCII characters"),
        schema: { "type": "string", "minLength": 1, "maxLength": APP_ID_BYTES_MAX };

    /// The name under which a collector shows this process.
    ServiceName: |text| is_visible(text, 64),
        expected: "a name of 1 to 64 visible ASCII characters",
        schema: { "type": "string", "pattern": "^[!-~]{1,64}$" };

    /// A currency by its ISO 4217 code.
    CurrencyCode: |text| {
            iso_currency::Currency::from_code(text).is_some_and(|currency| currency.code() == text)
        },
        expected: "an ISO 4217 code in capitals, such as `THB`",
        schema: { "type": "string", "pattern": "^[A-Z]{3}$" };

    /// A profile that is compiled into the program, by its name.
    ProfileName: |text| builtin_names().contains(&text),
        expected: {
            let names: Vec<String> = builtin_names().iter().map(|it| format!("`{it}`")).collect();
            format!("a built-in profile ({}) or `{{ file = \"…\" }}`", names.join(", "))
        },
        schema: { "enum": builtin_names() };

    /// The path of an operation at the provider.
    ProviderPath: |text| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/._~-".contains(&byte);
            text.starts_with('/') && text.len() > 1 && text.bytes().all(allowed)
        },
        expected: "a path beginning with `/`, without query, blanks or escapes",
        schema: { "type": "string", "pattern": "^/[A-Za-z0-9/._~-]+$" };

    /// The name of a member of an operation's parameters.
    MemberName: |text| !text.is_empty() && !text.chars().any(char::is_control),
        expected: "the name of one of the operation's members",
        schema: { "type": "string", "minLength": 1 };

    /// The path of a file that is written.
    FilePath: |text| {
            !text.is_empty() && !text.ends_with('/') && !text.chars().any(char::is_control)
        },
        expected: "the path of a file, such as `data/audit.log`",
        schema: { "type": "string", "minLength": 1 };
}

fn is_visible(text: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A network of an allow-list; a bare address is a network of one.
pub(crate) struct Network;

impl Kind for Network {
    type Parsed = IpNet;

    const SECRET: bool = false;

    fn expected() -> String {
        "an IP network such as `192.0.2.0/24` or `2001:db8::/32`, or one address".to_owned()
    }

    fn parse(text: &str) -> Result<IpNet, Wrong> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(|network| network.trunc()).map_err(|_| Self::wrong())
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }
}

/// The fingerprint of a public key, or of a private key's public half.
pub(crate) struct Fingerprint;

impl Kind for Fingerprint {
    type Parsed = String;

    const SECRET: bool = false;

    fn expected() -> String {
        "`sha256:` and 64 hexadecimal digits, as `countersign keys show` prints it".into()
    }

    fn parse(text: &str) -> Result<String, Wrong> {
        let digits = text.strip_prefix("sha256:").ok_or_else(Self::wrong)?;
        let fits = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        fits.then(|| text.to_ascii_lowercase()).ok_or_else(Self::wrong)
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^sha256:[0-9A-Fa-f]{64}$" })
    }
}

/// A fixed distance from UTC.
pub(crate) struct Zone;

impl Kind for Zone {
    type Parsed = Offset;

    const SECRET: bool = false;

    fn expected() -> String {
        "a distance from UTC of at most 14 hours, such as `+07:00`".into()
    }

    fn parse(text: &str) -> Result<Offset, Wrong> {
        let offset = offset_seconds(text).and_then(|seconds| Offset::from_seconds(seconds).ok());
        offset.ok_or_else(Self::wrong)
    }

    fn schema() -> Json {
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

impl Kind for Timestamp {
    type Parsed = Self;

    const SECRET: bool = false;

    fn expected() -> String {
        "a date and time with its zone, such as `2026-01-01T00:00:00Z`".into()
    }

    fn parse(text: &str) -> Result<Self, Wrong> {
        text.parse().map_err(|_| Self::wrong())
    }

    fn schema() -> Json {
        json!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_names_are_path_segments_and_labels() {
        for name in ["", "-a", "A", "a_b", "a b", "a/b", "ä", &"a".repeat(64)] {
            assert!(AccountName::parse(name).is_err(), "`{name}` should be refused");
        }
        for name in ["a", "7", "shop-th", &"a".repeat(63)] {
            assert!(AccountName::parse(name).is_ok(), "`{name}` should be accepted");
        }
    }

    #[test]
    fn zones_are_signed_hours_and_minutes() {
        for zone in ["", "07:00", "+7:00", "+0700", "+07:60", "+14:01", "+15:00", "Z", "+0a:00"] {
            assert!(Zone::parse(zone).is_err(), "`{zone}` should be refused");
        }
        let seconds = |text| Zone::parse(text).expect("a zone").seconds();
        assert_eq!(seconds("+07:00"), 25_200);
        assert_eq!(seconds("-03:30"), -12_600);
    }

    #[test]
    fn times_need_a_zone() {
        for time in ["2026-01-01", "2026-01-01T00:00:00", "soon", ""] {
            assert!(<Timestamp as Kind>::parse(time).is_err(), "`{time}` should be refused");
        }
        assert!(<Timestamp as Kind>::parse("2026-01-01T00:00:00+07:00").is_ok());
    }

    #[test]
    fn only_real_currencies_are_accepted() {
        for code in ["", "thb", "XQQ", "THBB", "Baht"] {
            assert!(CurrencyCode::parse(code).is_err(), "`{code}` should be refused");
        }
        assert!(CurrencyCode::parse("THB").is_ok());
    }
}
