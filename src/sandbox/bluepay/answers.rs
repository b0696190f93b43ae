//! The provider's answers: the envelope, its codes, and how it writes times, ids and money.
//!
//! The shapes of each operation's `data` stand with the operations. The codes are the provider's documented ones; where
//! a case has no documented code, the choice is ours and `docs/sandbox.md` says so.

use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::{Map, Value};

use crate::provider::AnswerShape;
use crate::wire::Reply;

/// The code of an accepted call.
pub const ACCEPTED: i64 = 10000;

/// A refusal as the provider words it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    GeneralError,
    SignError,
    ParamError,
    AppIdError,
    NotFound,
    DuplicateOrderId,
    TimestampError,
    TimestampExpired,
    BalanceInsufficient,
    DuplicateIdempotencyId,
    CancelNotAllowed,
    RefundNotAllowed,
    RefundTooOld,
    RefundAmountInvalid,
    DuplicateRefundOrderId,
    OriginalNotCompleted,
    RefundPending,
    VoidNotSuccessful,
    VoidOverTheDay,
    AlreadyVoided,
    DuplicateVoidOrderId,
}

impl Code {
    /// The number in the answer.
    pub fn number(self) -> i64 {
        match self {
            Self::GeneralError => 21000,
            Self::SignError => 21001,
            Self::ParamError => 21002,
            Self::AppIdError => 21003,
            Self::NotFound => 21006,
            Self::DuplicateOrderId => 21007,
            Self::TimestampError => 21008,
            Self::TimestampExpired => 21009,
            Self::BalanceInsufficient => 21014,
            Self::DuplicateIdempotencyId => 21015,
            Self::CancelNotAllowed => 21025,
            Self::RefundNotAllowed => 21402,
            Self::RefundTooOld => 21403,
            Self::RefundAmountInvalid => 21406,
            Self::DuplicateRefundOrderId => 21407,
            Self::OriginalNotCompleted => 21408,
            Self::RefundPending => 21409,
            Self::VoidNotSuccessful => 21500,
            Self::VoidOverTheDay => 21503,
            Self::AlreadyVoided => 21504,
            Self::DuplicateVoidOrderId => 21505,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::GeneralError => "Server error, try again later",
            Self::SignError => "Request sign error",
            Self::ParamError => "Request param error",
            Self::AppIdError => "Request appId error",
            Self::NotFound => "Merchant transaction not found",
            Self::DuplicateOrderId => "Duplicate merchant order id",
            Self::TimestampError => "Request timestamp error",
            Self::TimestampExpired => "Request timestamp expired",
            Self::BalanceInsufficient => "Merchant balance insufficient",
            Self::DuplicateIdempotencyId => "Duplicate idempotencyId",
            Self::CancelNotAllowed => "Not allowed to cancel",
            Self::RefundNotAllowed => "Not allowed to refund",
            Self::RefundTooOld => "Transactions older than 60 days cannot be refunded",
            Self::RefundAmountInvalid => "Refund amount invalid",
            Self::DuplicateRefundOrderId => "mchRefundOrderId repeated",
            Self::OriginalNotCompleted => "Original transaction not completed",
            Self::RefundPending => "Original transaction already has a pending refund",
            Self::VoidNotSuccessful => "Original transaction status is not success",
            Self::VoidOverTheDay => "Cannot void over the day",
            Self::AlreadyVoided => "Original transaction already voided",
            Self::DuplicateVoidOrderId => "Duplicate void order id",
        }
    }
}

/// Why the sandbox refuses a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    /// The code's title, with what exactly is wrong where that helps.
    pub message: String,
}

impl Refusal {
    /// A refusal that says what exactly is wrong; people debug against the sandbox.
    pub fn because(code: Code, detail: impl std::fmt::Display) -> Self {
        Self { code, message: format!("{}: {detail}", code.title()) }
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self { code, message: code.title().to_string() }
    }
}

/// The answer to an accepted call.
pub fn accepted(shape: &AnswerShape, data: Value) -> Reply {
    envelope(shape, ACCEPTED, "Success", data)
}

/// The answer with a code that is not success; refusals travel with HTTP 200 too.
pub fn refusal(shape: &AnswerShape, code: i64, message: &str) -> Reply {
    envelope(shape, code, message, Value::Null)
}

fn envelope(shape: &AnswerShape, code: i64, message: &str, data: Value) -> Reply {
    let mut members = Map::new();
    members.insert(shape.code.clone(), code.into());
    members.insert(shape.message.clone(), message.into());
    members.insert(shape.data.clone(), data);
    json(StatusCode::OK, Value::Object(members).to_string())
}

/// An answer with a JSON body.
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    Reply::new(status, "application/json", body)
}

/// An answer without a body.
pub fn bare(status: StatusCode) -> Reply {
    Reply { status, headers: http::HeaderMap::new(), body: Bytes::new(), ticket: None }
}

/// What is not part of the provider's API: unknown paths, the sandbox's own pages.
pub fn problem(status: StatusCode, detail: &str) -> Reply {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = serde_json::json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail,
    });
    Reply::new(status, "application/problem+json", body.to_string())
}

/// `yyyy-MM-dd HH:mm:ss` in the provider's zone.
pub fn time(unix_ms: i64, zone: Offset) -> String {
    let at = Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::MAX);
    zone.to_datetime(at).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The same instant as ISO 8601 with its offset, as a direct debit's notification has it.
pub fn zoned_time(unix_ms: i64, zone: Offset) -> String {
    let at = Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::MAX);
    at.to_zoned(zone.to_time_zone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// `yyyy-MM-dd` in the provider's zone.
pub fn date(unix_ms: i64, zone: Offset) -> String {
    let at = Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::MAX);
    zone.to_datetime(at).date().to_string()
}

/// Minor units as a decimal string of major units: the balance is written so, unlike every other amount.
pub fn major(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let units = minor.unsigned_abs();
    format!("{sign}{}.{:02}", units / 100, units % 100)
}

/// The provider's words for why a transaction failed, by its `failedCode`.
pub fn failed_message(failed_code: i64) -> &'static str {
    match failed_code {
        -10000 => "Transaction Service Error",
        -10001 => "Transaction Exceed Limit",
        -10002 => "Transaction Params Error",
        -10003 => "Transaction Insufficient Balance",
        -10005 => "Transaction Destination Account Error",
        -10006 => "Transaction Network Reject",
        -10009 => "Channel Refund Failed",
        _ => "Transaction Channel Rejected",
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
