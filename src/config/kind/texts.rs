//! Values that are names, codes, places or times.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use jiff::tz::Offset;

use crate::config::read::{LABEL_BYTES_MAX, is_label};
use crate::provider::builtin_names;

/// The longest key id.
const KEY_ID_BYTES_MAX: usize = 64;
/// The longest application id. Those of providers are shorter; the limit keeps a pasted file out of signed messages.
const APP_ID_BYTES_MAX: usize = 128;
/// The longest name of a process that a collector shows.
const SERVICE_NAME_BYTES_MAX: usize = 64;
/// The largest distance from UTC in use anywhere, in hours.
const OFFSET_HOURS_MAX: i32 = 14;

kinds! {
    /// An account's name: a path segment and a metric label.
    AccountName -> String: |text| as_written(text, is_label(text)),
        expected: format!(
            "lower-case letters, digits and `-`, not beginning with `-`, at most {LABEL_BYTES_MAX} characters"
        ),
        schema: { "type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$" };

    /// A network of an allow-list; a bare address is a network of one.
    Network -> IpNet: |text| {
            let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.ok().map(|network| network.trunc())
        },
        expected: "an IP network such as `192.0.2.0/24` or `2001:db8::/32`, or one address",
        schema: { "type": "string" };

    /// The name of a key within its account.
    KeyId -> String: |text| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            let fits = text.len() <= KEY_ID_BYTES_MAX
                && text.bytes().all(allowed)
                && text.starts_with(|first: char| first.is_ascii_alphanumeric());
            as_written(text, fits)
        },
        expected: format!(
            "letters, digits, `.`, `_` and `-`, beginning with a letter or digit, at most {KEY_ID_BYTES_MAX} characters"
        ),
        schema: { "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" };

    /// The fingerprint of a public key, or of a private key's public half.
    Fingerprint -> String: |text| {
            let digits = text.strip_prefix("sha256:")?;
            let fits = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            fits.then(|| text.to_ascii_lowercase())
        },
        expected: "`sha256:` and 64 hexadecimal digits, as `countersign keys show` prints it",
        schema: { "type": "string", "pattern": "^sha256:[0-9A-Fa-f]{64}$" };

    /// The application id that the provider assigned to the merchant.
    AppId -> String: |text| as_written(text, is_visible(text, APP_ID_BYTES_MAX)),
        expected: format!("1 to {APP_ID_BYTES_MAX} visible ASCII characters"),
        schema: { "type": "string", "minLength": 1, "maxLength": APP_ID_BYTES_MAX };

    /// The name under which a collector shows this process.
    ServiceName -> String: |text| as_written(text, is_visible(text, SERVICE_NAME_BYTES_MAX)),
        expected: format!("a name of 1 to {SERVICE_NAME_BYTES_MAX} visible ASCII characters"),
        schema: { "type": "string", "pattern": "^[!-~]{1,64}$" };

    /// A currency by its ISO 4217 code.
    CurrencyCode -> String: |text| {
            let currency = iso_currency::Currency::from_code(text)?;
            as_written(text, currency.code() == text)
        },
        expected: "an ISO 4217 code in capitals, such as `THB`",
        schema: { "type": "string", "pattern": "^[A-Z]{3}$" };

    /// A fixed distance from UTC.
    Zone -> Offset: offset,
        expected: "a distance from UTC of at most 14 hours, such as `+07:00`",
        schema: { "type": "string", "pattern": "^[+-][0-9]{2}:[0-9]{2}$" };

    /// A profile that is built into the program, by its name.
    ProfileName -> String: |text| as_written(text, builtin_names().contains(&text)),
        expected: {
            let names: Vec<String> = builtin_names().iter().map(|it| format!("`{it}`")).collect();
            format!("a built-in profile ({}) or `{{ file = \"…\" }}`", names.join(", "))
        },
        schema: { "enum": builtin_names() };

    /// The path of an operation at the provider.
    ProviderPath -> String: |text| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/._~-".contains(&byte);
            let fits = text.starts_with('/') && text.len() > 1 && text.bytes().all(allowed);
            as_written(text, fits)
        },
        expected: "a path beginning with `/`, without query, blanks or escapes",
        schema: { "type": "string", "pattern": "^/[A-Za-z0-9/._~-]+$" };

    /// The name of a member of an operation's parameters.
    MemberName -> String: |text| as_written(text, is_plain(text)),
        expected: "the name of one of the operation's members",
        schema: { "type": "string", "minLength": 1 };

    /// The path of a file that is written.
    FilePath -> String: |text| as_written(text, is_plain(text) && !text.ends_with('/')),
        expected: "the path of a file, such as `data/audit.log`",
        schema: { "type": "string", "minLength": 1 };
}

kind!(Timestamp -> Timestamp: |text| text.parse().ok(),
    secret: false,
    expected: "a date and time with its zone, such as `2026-01-01T00:00:00Z`",
    schema: { "type": "string", "format": "date-time" });

fn as_written(text: &str, fits: bool) -> Option<String> {
    fits.then(|| text.to_owned())
}

fn is_visible(text: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

fn offset(text: &str) -> Option<Offset> {
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
    let seconds = match sign {
        b'+' => seconds,
        b'-' => -seconds,
        _ => return None,
    };
    Offset::from_seconds(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read::Kind;

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
