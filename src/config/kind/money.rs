//! An amount of money as a value: `100000.00 THB`. Always in whole minor units, never a binary fraction.

use iso_currency::Currency;

use crate::config::snapshot::Money;

kind!(Money -> Money: money,
    secret: false,
    expected: "an amount above 0 and its ISO 4217 code, such as `100000.00 THB`",
    schema: { "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? [A-Z]{3}$" });

fn money(text: &str) -> Option<Money> {
    let (amount, code) = text.split_once(' ')?;
    let currency = Currency::from_code(code).filter(|currency| currency.code() == code)?;
    let minor = minor_units(amount, usize::from(currency.exponent()?))?;
    (minor > 0).then(|| Money { minor, currency: code.to_owned() })
}

/// The amount in units of which `10^exponent` make one of its currency. Missing decimals are zeros; more decimals
/// than the currency has are refused.
fn minor_units(amount: &str, exponent: usize) -> Option<u64> {
    let (whole, decimals) = match amount.split_once('.') {
        Some((whole, decimals)) if !decimals.is_empty() => (whole, decimals),
        Some(_) => return None,
        None => (amount, ""),
    };
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_plain(whole) || !is_plain(decimals) || decimals.len() > exponent {
        return None;
    }
    format!("{whole}{decimals:0<exponent$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read::Kind;

    #[test]
    fn only_exact_positive_amounts_of_real_currencies_are_read() {
        for text in [
            "",
            "100",
            "THB",
            "100THB",
            "100  THB",
            "THB 100",
            "100 thb",
            "100 XQQ",
            "0 THB",
            "0.00 THB",
            "-1 THB",
            "+1 THB",
            "1. THB",
            ".5 THB",
            "1.005 THB",
            "1,000 THB",
            "1e3 THB",
            "1.5 JPY",
            "1.0 JPY",
            "100.00 THB ",
            "99999999999999999999 THB",
            "100 XAU",
            "١ THB",
        ] {
            assert!(Money::parse(text).is_err(), "`{text}` should be refused");
        }
    }

    #[test]
    fn amounts_are_read_to_the_last_minor_unit() {
        for (text, minor) in [
            ("100000.00 THB", 10_000_000),
            ("100000 THB", 10_000_000),
            ("0.5 THB", 50),
            ("0.01 THB", 1),
            ("5 JPY", 5),
            ("1.234 KWD", 1234),
        ] {
            let money = Money::parse(text).expect(text);
            assert_eq!(money.minor, minor, "`{text}`");
            assert_eq!(money.currency, text[text.len() - 3..], "`{text}`");
        }
    }
}
