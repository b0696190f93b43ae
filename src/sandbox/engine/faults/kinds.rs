//! Every kind of fault as named in a rule, with its members and their defaults.

use std::time::Duration;

use http::StatusCode;
use http::header::RETRY_AFTER;

use super::notification::NotificationFault;
use super::parameters::{HOLD_MS_MAX, Parameters};
use super::request::{Fault, Instead, Work};
use crate::sandbox::engine::http::reply::{bare, json};

/// The largest oversized answer, in bytes.
const OVERSIZED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What a rule does to a request or notification that it hits.
#[derive(Clone, Debug)]
pub enum Effect {
    Request(Fault),
    Notification(NotificationFault),
}

/// One kind of fault.
pub struct Kind {
    pub name: &'static str,
    /// Its members in addition to those of every rule.
    pub parameters: &'static [&'static str],
    pub build: fn(&Parameters<'_>) -> Result<Effect, String>,
}

/// All kinds, in the order of the documentation.
pub const KINDS: &[Kind] = &[
    Kind::new("late_answer", &["delay_ms"], |p| {
        done(Instead::Late(p.milliseconds("delay_ms", 5_000)?))
    }),
    Kind::new("reset_before_reading", &[], |_| request(Work::Unread, Instead::Reset)),
    Kind::new("reset_after_commit", &[], |_| done(Instead::Reset)),
    Kind::new("close_after_commit", &[], |_| done(Instead::Silence(Duration::ZERO))),
    Kind::new("stall", &["delay_ms"], |p| {
        done(Instead::Silence(p.milliseconds("delay_ms", HOLD_MS_MAX)?))
    }),
    Kind::new("stall_before_commit", &["delay_ms"], |p| {
        request(Work::Undone, Instead::Silence(p.milliseconds("delay_ms", HOLD_MS_MAX)?))
    }),
    Kind::new("status_with_body", &["status", "body", "commit"], |p| {
        let body = p.text("body", r#"{"error":"a fault was requested"}"#)?;
        request(commit(p, false)?, Instead::Reply(json(status(p, 500)?, body)))
    }),
    Kind::new("status_without_body", &["status", "commit"], |p| {
        request(commit(p, false)?, Instead::Reply(bare(status(p, 502)?)))
    }),
    Kind::new("error_code", &["code", "message", "commit"], |p| {
        let message = p.text("message", "a fault was requested")?;
        let reply = p.dialect.error(p.sandbox, p.given("code"), &message)?;
        request(commit(p, false)?, Instead::Reply(reply))
    }),
    Kind::new("garbage", &["body", "commit"], |p| {
        let body = p.text("body", "<html>not the provider's envelope")?;
        request(commit(p, true)?, Instead::Reply(json(StatusCode::OK, body)))
    }),
    Kind::new("truncated", &["commit"], |p| request(commit(p, true)?, Instead::Half)),
    Kind::new("slow_drip", &["interval_ms"], |p| {
        done(Instead::Drip(p.milliseconds("interval_ms", 50)?))
    }),
    Kind::new("throttled", &["retry_after", "body"], |p| {
        let seconds = p.number("retry_after", 1, 0, 86_400)?;
        let body = p.text("body", "")?;
        let reply = match body.is_empty() {
            true => bare(StatusCode::TOO_MANY_REQUESTS),
            false => json(StatusCode::TOO_MANY_REQUESTS, body),
        };
        let reply = reply.with_header(RETRY_AFTER, &seconds.to_string());
        request(Work::Undone, Instead::Reply(reply))
    }),
    Kind::new("oversized", &["bytes", "commit"], |p| {
        let bytes = p.number("bytes", 8 * 1024 * 1024, 1, OVERSIZED_BYTES_MAX)?;
        let bytes = usize::try_from(bytes).map_err(|_| "`bytes` is too large".to_string())?;
        request(commit(p, true)?, Instead::Blanks(bytes))
    }),
    Kind::new("not_http", &["body", "commit"], |p| {
        let body = p.text("body", "SSH-2.0-not-a-provider\r\n")?;
        request(commit(p, true)?, Instead::Bytes(body))
    }),
    Kind::new("duplicate_notification", &["times"], |p| {
        notification(NotificationFault::Duplicate { times: p.number("times", 1, 1, 100)? })
    }),
    Kind::new("late_notification", &["delay_ms"], |p| {
        notification(NotificationFault::Late { delay: p.milliseconds("delay_ms", 5_000)? })
    }),
    Kind::new("out_of_order_notifications", &["order"], |p| {
        match p.text("order", "pending_afterwards")?.as_str() {
            "pending_afterwards" => notification(NotificationFault::PendingAfterwards),
            "after_next" => notification(NotificationFault::AfterNext),
            _ => Err("`order` must be `pending_afterwards` or `after_next`".into()),
        }
    }),
    Kind::new("wrong_signature", &[], |_| notification(NotificationFault::WrongSignature)),
    Kind::new("tampered_notification", &[], |_| notification(NotificationFault::Tampered)),
    Kind::new("no_notification", &[], |_| notification(NotificationFault::Withheld)),
    Kind::new("key_roll", &[], |_| notification(NotificationFault::KeyRoll)),
    Kind::new("misnamed_param", &[], |_| notification(NotificationFault::MisnamedParam)),
];

impl Kind {
    const fn new(
        name: &'static str,
        parameters: &'static [&'static str],
        build: fn(&Parameters<'_>) -> Result<Effect, String>,
    ) -> Self {
        Self { name, parameters, build }
    }
}

fn request(work: Work, instead: Instead) -> Result<Effect, String> {
    Ok(Effect::Request(Fault { work, instead }))
}

fn done(instead: Instead) -> Result<Effect, String> {
    request(Work::Done, instead)
}

fn notification(fault: NotificationFault) -> Result<Effect, String> {
    Ok(Effect::Notification(fault))
}

fn commit(parameters: &Parameters<'_>, default: bool) -> Result<Work, String> {
    Ok(match parameters.flag("commit", default)? {
        true => Work::Done,
        false => Work::Undone,
    })
}

fn status(parameters: &Parameters<'_>, default: u64) -> Result<StatusCode, String> {
    let status = parameters.number("status", default, 400, 599)?;
    let status = u16::try_from(status).ok().and_then(|it| StatusCode::from_u16(it).ok());
    status.ok_or_else(|| "`status` is no HTTP status".to_string())
}
