//! Money in events: whole minor units, and the same amount as a decimal text. Integers only, never a float.

use iso_currency::Currency;
use serde::{Deserialize, Serialize};

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// Whole minor units (satang, sen, fils).
    pub minor: i64,
    /// The same in the main unit, with as many decimals as the currency has. Missing when the currency is not known.
    pub value: Option<String>,
    /// ISO 4217 code. Missing when the account has none.
    pub currency: Option<String>,
}

/// The unit that a provider's whole numbers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AmountUnit {
    /// The currency's minor unit: 10000 is 100.00 THB.
    Minor,
    /// The currency's main unit: 10000 is 10000.00 IDR.
    Main,
}

impl Amount {
    /// An amount of `minor` units of the currency with the ISO 4217 code `currency`.
    pub fn of_minor(minor: i64, currency: Option<&str>) -> Self {
        let value = currency.and_then(decimals).map(|decimals| decimal(minor, decimals));
        Self { minor, value, currency: currency.map(str::to_owned) }
    }

    /// Reads a whole number in plain digits that counts `unit`; the error says what is wrong with it.
    pub(in crate::provider) fn read(
        text: &str,
        unit: AmountUnit,
        currency: Option<&str>,
    ) -> Result<Self, &'static str> {
        let number = whole(text)?;
        let minor = match unit {
            AmountUnit::Minor => number,
            AmountUnit::Main => {
                let decimals = currency
                    .and_then(decimals)
                    .ok_or("counts the main unit of a currency that is not known")?;
                10_i64
                    .checked_pow(decimals)
                    .and_then(|factor| number.checked_mul(factor))
                    .ok_or(TOO_LARGE)?
            }
        };
        Ok(Self::of_minor(minor, currency))
    }
}

const TOO_LARGE: &str = "is larger than any amount";

fn whole(text: &str) -> Result<i64, &'static str> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("is not a whole number in plain digits");
    }
    // Plain digits fail to parse only when there are too many.
    text.parse().map_err(|_| TOO_LARGE)
}

/// How many decimals the currency has.
fn decimals(currency: &str) -> Option<u32> {
    Currency::from_code(currency)?.exponent().map(u32::from)
}

/// `minor` units with the decimal point before the last `decimals` digits.
fn decimal(minor: i64, decimals: u32) -> String {
    let width = usize::try_from(decimals).unwrap_or(usize::MAX);
    if width == 0 {
        return minor.to_string();
    }
    let sign = if minor < 0 { "-" } else { "" };
    // At least one digit is before the point.
    let digits = format!("{:0>1$}", minor.unsigned_abs(), width.saturating_add(1));
    let (main, fraction) = digits.split_at(digits.len() - width);
    format!("{sign}{main}.{fraction}")
}

#[cfg(test)]
mod tests {
    use crate::provider::Provider;
    use proptest::prelude::*;

    use super::*;

    fn value(minor: i64, currency: &str) -> Option<String> {
        Amount::of_minor(minor, Some(currency)).value
    }

    #[test]
    fn only_a_whole_number_in_plain_digits_is_an_amount() {
        for text in
            ["", "-", "+1", " 1", "1 ", "1.0", "1e4", "1_000", "1,000", "٣", "NaN", "0x10", "--1"]
        {
            let read = Amount::read(text, AmountUnit::Minor, Some("THB"));
            assert_eq!(read, Err("is not a whole number in plain digits"), "`{text}`");
        }
        for text in ["9223372036854775808", "-9223372036854775809", &"9".repeat(5000)] {
            let read = Amount::read(text, AmountUnit::Minor, Some("THB"));
            assert_eq!(read, Err("is larger than any amount"));
        }
    }

    #[test]
    fn each_currency_has_its_own_number_of_decimals() {
        for (minor, currency, expected) in [
            (10000, "THB", "100.00"),
            (5, "THB", "0.05"),
            (0, "THB", "0.00"),
            (-5, "THB", "-0.05"),
            (10000, "JPY", "10000"),
            (0, "JPY", "0"),
            (10000, "KWD", "10.000"),
            (1, "KWD", "0.001"),
            (10000, "CLF", "1.0000"),
            (i64::MAX, "THB", "92233720368547758.07"),
            (i64::MIN, "KWD", "-9223372036854775.808"),
        ] {
            assert_eq!(value(minor, currency).as_deref(), Some(expected), "{minor} {currency}");
        }
    }

    #[test]
    fn without_a_known_currency_there_is_no_value() {
        assert_eq!(value(1, "XAU"), None, "gold has no minor unit");
        assert_eq!(value(1, "???"), None);
        let bare = Amount::of_minor(10000, None);
        assert_eq!(bare, Amount { minor: 10000, value: None, currency: None });
    }

    #[test]
    fn main_units_become_minor_ones() {
        let read = |text, currency| Amount::read(text, AmountUnit::Main, currency);
        let rupiah = read("10000", Some("IDR")).expect("an amount");
        assert_eq!((rupiah.minor, rupiah.value.as_deref()), (1_000_000, Some("10000.00")));
        let yen = read("10000", Some("JPY")).expect("an amount");
        assert_eq!((yen.minor, yen.value.as_deref()), (10_000, Some("10000")));
        assert!(read("10000", None).is_err(), "without a currency its minor units are not known");
        assert_eq!(read("92233720368547759", Some("IDR")), Err("is larger than any amount"));
    }

    #[test]
    fn sent_amounts_count_in_the_unit_of_reported_ones() {
        let mut provider = Provider::builtin("bluepay").expect("built in");
        assert_eq!(provider.minor_units("10000", Some("IDR")), Some(10_000));
        provider.events.amount_unit = AmountUnit::Main;
        assert_eq!(provider.minor_units("10000", Some("IDR")), Some(1_000_000));
        assert_eq!(provider.minor_units("10000", None), None);
    }

    proptest! {
        #[test]
        fn the_decimal_point_changes_no_digit(minor in any::<i64>()) {
            for currency in ["JPY", "THB", "KWD", "CLF"] {
                let value = value(minor, currency).expect("a currency with decimals");
                prop_assert_eq!(value.replace('.', "").parse::<i64>(), Ok(minor));
            }
        }
    }
}
