//! How the provider writes times, money and JSON objects.

use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::{Map, Value};

use super::words::failed_message;
use crate::sandbox::engine::transaction::{Status, Transaction};

/// `yyyy-MM-dd HH:mm:ss` in the provider's zone.
pub fn time(unix_ms: i64, zone: Offset) -> String {
    written(unix_ms, zone, "%Y-%m-%d %H:%M:%S")
}

/// The same instant as ISO 8601 with its offset, as a direct debit's notification has it.
pub fn zoned_time(unix_ms: i64, zone: Offset) -> String {
    written(unix_ms, zone, "%Y-%m-%dT%H:%M:%S%:z")
}

/// `yyyy-MM-dd` in the provider's zone.
pub fn date(unix_ms: i64, zone: Offset) -> String {
    written(unix_ms, zone, "%Y-%m-%d")
}

fn written(unix_ms: i64, zone: Offset, format: &str) -> String {
    let at = Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::MAX);
    at.to_zoned(zone.to_time_zone()).strftime(format).to_string()
}

/// Minor units as a decimal string of major units: the balance is written like this, unlike every other amount.
pub fn major(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let units = minor.unsigned_abs();
    format!("{sign}{}.{:02}", units / 100, units % 100)
}

/// A JSON object of the members that have a value, in the order of the provider's pages.
#[derive(Default)]
pub struct Members(Map<String, Value>);

impl Members {
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        if !value.is_null() {
            self.0.insert(name.to_string(), value);
        }
        self
    }

    pub fn text(self) -> String {
        Value::from(self).to_string()
    }

    /// The values that the merchant's request had under these names.
    pub fn echo(self, transaction: &Transaction, names: &[&str]) -> Self {
        names.iter().fold(self, |members, name| members.with(name, transaction.text(name)))
    }

    /// Why the transaction failed, if `status` says that it did.
    pub fn failure(self, transaction: &Transaction, status: Status) -> Self {
        let code = transaction.failed_code.filter(|_| status == Status::Failed);
        self.with("failedCode", code).with("failedMessage", code.map(failed_message))
    }
}

impl From<Members> for Value {
    fn from(members: Members) -> Self {
        Self::Object(members.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_the_configured_zone() {
        let zone = Offset::constant(7);
        assert_eq!(time(1_677_723_912_000, zone), "2023-03-02 09:25:12");
        assert_eq!(date(1_677_690_000_000, zone), "2023-03-02");
        assert_eq!(date(1_677_689_999_999, zone), "2023-03-01");
        assert_eq!(date(1_677_690_000_000, Offset::UTC), "2023-03-01");
    }

    #[test]
    fn the_balance_is_written_in_major_units() {
        assert_eq!(major(0), "0.00");
        assert_eq!(major(5), "0.05");
        assert_eq!(major(1_000_000), "10000.00");
        assert_eq!(major(-250), "-2.50");
        assert_eq!(major(i64::MIN), "-92233720368547758.08");
    }

    #[test]
    fn far_away_times_do_not_panic() {
        for at in [i64::MIN, -1, 0, i64::MAX] {
            let _ = (time(at, Offset::MAX), date(at, Offset::MIN));
        }
    }
}
