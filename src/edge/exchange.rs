//! One request and its answer on an open connection. Whatever fails here, the provider may have acted.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode};
use pingora_core::ErrorType;
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::v1::client::HttpSession;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::wire::{Answer, AnswerBody, Call, NoAnswer, PROVIDER_BODY_BYTES_MAX, Target};

/// Interim answers (103 and the like) tolerated before the real one.
const INTERIM_ANSWERS_MAX: usize = 16;

/// How long to look for an answer after writing failed: an early answer is already in the socket.
const EARLY_ANSWER_WAIT: Duration = Duration::from_millis(500);

/// How long to wait for a body that is ignored: what comes with the head is there by then, and a body that does not
/// end must not keep an answer from counting.
const IGNORED_BODY_WAIT: Duration = Duration::from_millis(500);

const USER_AGENT: &str = concat!("countersign/", env!("CARGO_PKG_VERSION"));

/// A connection that can carry another request, and how long the server will wait for one, as it announced.
pub(super) struct Reusable {
    pub(super) stream: Stream,
    pub(super) announced: Option<Duration>,
}

/// Writes `request` and reads the answer. Never repeats anything.
pub(super) async fn exchange(
    mut stream: Stream,
    request: &[u8],
    send_limit: Duration,
    answer_body: AnswerBody,
) -> Result<(Answer, Option<Reusable>), NoAnswer> {
    let written = timeout(send_limit, write(&mut stream, request)).await;
    let mut session = HttpSession::new(stream);
    if !matches!(written, Ok(Ok(()))) {
        // A server that refuses early (413, 401) may stop reading; its answer is still useful.
        let early = timeout(EARLY_ANSWER_WAIT, read_answer(&mut session, answer_body)).await;
        return match early {
            Ok(Ok((answer, _))) => Ok((answer, None)),
            _ => Err(NoAnswer::Write),
        };
    }
    let (answer, end) = read_answer(&mut session, answer_body).await?;
    let reusable = match end {
        End::Reached => reusable(session, &answer.headers).await,
        End::Left => None,
    };
    Ok((answer, reusable))
}

/// The exact bytes of one call: head and body in one piece, so that they leave in one packet where they fit.
pub(super) fn request_bytes(target: &Target, call: &Call) -> Bytes {
    let mut bytes = BytesMut::with_capacity(512 + call.body.len());
    bytes.put_slice(b"POST ");
    put_path(&mut bytes, &target.base_path);
    put_path(&mut bytes, &call.path);
    bytes.put_slice(b" HTTP/1.1\r\n");
    put_field(&mut bytes, "Host", authority(target).as_bytes());
    for (name, default) in [("User-Agent", USER_AGENT), ("Accept", "application/json")] {
        if !call.headers.iter().any(|(given, _)| given.as_str().eq_ignore_ascii_case(name)) {
            put_field(&mut bytes, name, default.as_bytes());
        }
    }
    let ours = [HOST, CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING];
    for (name, value) in call.headers.iter().filter(|(name, _)| !ours.contains(name)) {
        put_field(&mut bytes, &usual_case(name.as_str()), value.as_bytes());
    }
    put_field(&mut bytes, "Content-Length", call.body.len().to_string().as_bytes());
    bytes.put_slice(b"\r\n");
    bytes.put_slice(&call.body);
    bytes.freeze()
}

async fn write(stream: &mut Stream, request: &[u8]) -> std::io::Result<()> {
    stream.write_all(request).await?;
    stream.flush().await
}

/// How completely an answer was read.
enum End {
    Reached,
    /// More of it may still come, so the connection cannot be reused.
    Left,
}

async fn read_answer(
    session: &mut HttpSession,
    answer_body: AnswerBody,
) -> Result<(Answer, End), NoAnswer> {
    let status = read_final_head(session).await?;
    let head = session.resp_header().ok_or(NoAnswer::NotHttp)?;
    let headers = head.headers.clone();
    let reading = read_body(session, &headers);
    let (body, end) = match answer_body {
        AnswerBody::Needed => (reading.await?, End::Reached),
        AnswerBody::Ignored => match timeout(IGNORED_BODY_WAIT, reading).await {
            Ok(Ok(body)) => (body, End::Reached),
            Ok(Err(_)) | Err(_) => (Bytes::new(), End::Left),
        },
    };
    Ok((Answer { status, headers, body }, end))
}

async fn read_body(session: &mut HttpSession, headers: &HeaderMap) -> Result<Bytes, NoAnswer> {
    check_framing(headers)?;
    let mut body = BytesMut::new();
    while let Some(piece) = session.read_body_ref().await.map_err(|error| reason(&error))? {
        if body.len() + piece.len() > PROVIDER_BODY_BYTES_MAX {
            return Err(NoAnswer::TooLarge);
        }
        body.extend_from_slice(piece);
    }
    Ok(body.freeze())
}

async fn read_final_head(session: &mut HttpSession) -> Result<StatusCode, NoAnswer> {
    for _ in 0..=INTERIM_ANSWERS_MAX {
        session.read_response().await.map_err(|error| reason(&error))?;
        match session.get_status() {
            // We never ask to switch protocols.
            Some(StatusCode::SWITCHING_PROTOCOLS) | None => return Err(NoAnswer::NotHttp),
            Some(status) if status.is_informational() => {}
            Some(status) => return Ok(status),
        }
    }
    Err(NoAnswer::NotHttp)
}

/// Refuses what pingora would interpret differently than intended, and bodies that are announced as too large.
fn check_framing(headers: &HeaderMap) -> Result<(), NoAnswer> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if !codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Err(NoAnswer::NotHttp);
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    match announced.and_then(|length| length.parse::<u64>().ok()) {
        Some(length) if length > PROVIDER_BODY_BYTES_MAX as u64 => Err(NoAnswer::TooLarge),
        _ => Ok(()),
    }
}

fn reason(error: &pingora_core::Error) -> NoAnswer {
    match error.etype() {
        ErrorType::ConnectionClosed | ErrorType::ReadError | ErrorType::ReadTimedout => {
            NoAnswer::ConnectionLost
        }
        _ => NoAnswer::NotHttp,
    }
}

async fn reusable(mut session: HttpSession, headers: &HeaderMap) -> Option<Reusable> {
    session.respect_keepalive();
    if !session.will_keepalive() {
        return None;
    }
    let announced = announced_idle(headers);
    session.reuse().await.map(|stream| Reusable { stream, announced })
}

/// The `timeout` parameter of a `Keep-Alive` field.
fn announced_idle(headers: &HeaderMap) -> Option<Duration> {
    let parameters = headers.get("keep-alive")?.to_str().ok()?;
    parameters.split(',').find_map(|parameter| {
        let (name, seconds) = parameter.split_once('=')?;
        let is_timeout = name.trim().eq_ignore_ascii_case("timeout");
        is_timeout.then(|| seconds.trim().parse().ok().map(Duration::from_secs))?
    })
}

fn authority(target: &Target) -> String {
    let default_port = if target.tls.is_some() { 443 } else { 80 };
    let is_bare_ipv6 = target.host.contains(':') && !target.host.starts_with('[');
    let host = if is_bare_ipv6 { format!("[{}]", target.host) } else { target.host.clone() };
    if target.port == default_port { host } else { format!("{host}:{}", target.port) }
}

/// `content-type` as `Content-Type`: names are case-insensitive, but not every server respects that.
fn usual_case(name: &str) -> String {
    let mut previous = '-';
    let capitalise = |letter: char| {
        let starts_word = std::mem::replace(&mut previous, letter) == '-';
        if starts_word { letter.to_ascii_uppercase() } else { letter }
    };
    name.chars().map(capitalise).collect()
}

fn put_field(bytes: &mut BytesMut, name: &str, value: &[u8]) {
    bytes.put_slice(name.as_bytes());
    bytes.put_slice(b": ");
    bytes.put_slice(value);
    bytes.put_slice(b"\r\n");
}

/// Copies a path, escaping what would end it: a path from a profile must not be able to add a header.
fn put_path(bytes: &mut BytesMut, path: &str) {
    for byte in path.bytes() {
        match byte {
            b'!'..=b'~' => bytes.put_u8(byte),
            _ => bytes.put_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn target(host: &str, port: u16) -> Target {
        Target {
            tls: None,
            host: host.to_owned(),
            port,
            base_path: "/base".to_owned(),
            fingerprint: String::new(),
        }
    }

    fn text(target: &Target, call: &Call) -> String {
        String::from_utf8(request_bytes(target, call).to_vec()).unwrap()
    }

    #[test]
    fn a_path_cannot_add_a_header() {
        let call = Call {
            path: "/a b\r\nX: y".to_owned(),
            headers: Vec::new(),
            body: Bytes::from_static(b"{}"),
            answer_body: AnswerBody::Needed,
        };
        let text = text(&target("localhost", 80), &call);
        assert!(text.starts_with("POST /base/a%20b%0D%0AX:%20y HTTP/1.1\r\nHost: localhost\r\n"));
    }

    #[test]
    fn framing_is_ours_and_other_headers_are_the_callers() {
        let pair = |name, value| (HeaderName::from_static(name), HeaderValue::from_static(value));
        let call = Call {
            path: "/pay".to_owned(),
            headers: vec![
                pair("content-length", "99"),
                pair("host", "elsewhere"),
                pair("accept", "text/plain"),
                pair("content-type", "application/json"),
            ],
            body: Bytes::from_static(b"{\"a\":1}"),
            answer_body: AnswerBody::Needed,
        };
        let agent = USER_AGENT;
        assert_eq!(
            text(&target("::1", 8080), &call),
            format!(
                "POST /base/pay HTTP/1.1\r\nHost: [::1]:8080\r\nUser-Agent: {agent}\r\n\
                 Accept: text/plain\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n\
                 {{\"a\":1}}"
            )
        );
    }

    #[test]
    fn an_announced_idle_time_is_read() {
        let idle = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("keep-alive", HeaderValue::from_static(value));
            announced_idle(&headers)
        };
        assert_eq!(idle("max=100, Timeout=5"), Some(Duration::from_secs(5)));
        assert_eq!(idle("timeout=18446744073709551615"), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(idle("timeout=18446744073709551616"), None);
        assert_eq!(idle("timeout=soon"), None);
        assert_eq!(announced_idle(&HeaderMap::new()), None);
    }
}
