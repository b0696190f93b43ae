//! Checks a parsed head for problems that pingora accepts, and turns head and body into a [`Request`].
//!
//! Everything refused here is something that two HTTP parsers could interpret differently, so that the request an
//! application sent and the request we act on might differ.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Version};
use pingora_core::protocols::http::v1::server::HttpSession;
use tokio::time::Instant;

use crate::wire::{Peer, Refusal, Request};

/// Refuses a head that pingora accepts and we do not.
pub(super) fn check_head(session: &HttpSession) -> Result<(), Refusal> {
    let head = session.req_header();
    if !head.raw_path_is_utf8() {
        return Err(Refusal::BadRequest);
    }
    if head.version != Version::HTTP_11 {
        // Older clients know neither `Host` nor codings nor expectations; pingora refused what they may not send.
        return check_length(&head.headers);
    }
    if !head.headers.contains_key(HOST) {
        return Err(Refusal::BadRequest);
    }
    check_coding(&head.headers, &session.get_headers_raw_bytes())?;
    check_length(&head.headers)?;
    check_expectation(&head.headers)
}

/// Why pingora refused a head: a transfer coding it does not support, or a plain error.
pub(super) fn refusal_of_unparsed(session: &HttpSession) -> Refusal {
    match session.get_header(TRANSFER_ENCODING) {
        Some(coding) if !is_chunked(coding.as_bytes()) => Refusal::UnknownTransferCoding,
        _ => Refusal::BadRequest,
    }
}

/// The complete request.
pub(super) fn request_of(
    session: &HttpSession,
    body: Bytes,
    peer: Peer,
    received_at: Instant,
) -> Request {
    let head = session.req_header();
    let (path, query) = split_target(&String::from_utf8_lossy(head.raw_path()));
    Request {
        method: head.method.clone(),
        path,
        query,
        headers: head.headers.clone(),
        body,
        peer,
        received_at,
    }
}

/// One length, in digits: pingora also accepts `2, 2` and the same length twice.
fn check_length(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let (first, second) = (lengths.next(), lengths.next());
    let is_plain = first.is_none_or(|length| length.as_bytes().iter().all(u8::is_ascii_digit));
    if is_plain && second.is_none() { Ok(()) } else { Err(Refusal::BadRequest) }
}

fn check_coding(headers: &HeaderMap, raw_head: &[u8]) -> Result<(), Refusal> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(()) };
    if codings.next().is_some() || !is_chunked(coding.as_bytes()) {
        return Err(Refusal::UnknownTransferCoding);
    }
    // pingora drops a `Content-Length` beside a coding, so only the raw text shows it.
    if has_field(raw_head, CONTENT_LENGTH.as_str()) {
        return Err(Refusal::BadRequest);
    }
    Ok(())
}

fn check_expectation(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut expectations = headers.get_all(EXPECT).iter();
    let known = expectations.all(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if known { Ok(()) } else { Err(Refusal::UnknownExpectation) }
}

fn is_chunked(coding: &[u8]) -> bool {
    coding.eq_ignore_ascii_case(b"chunked")
}

fn has_field(raw_head: &[u8], name: &str) -> bool {
    raw_head.split(|byte| *byte == b'\n').skip(1).any(|line| {
        let field = line.split(|byte| *byte == b':').next().unwrap_or_default();
        field.eq_ignore_ascii_case(name.as_bytes())
    })
}

/// Path and query of a request target; the scheme and authority of an absolute one are dropped.
fn split_target(target: &str) -> (String, String) {
    let local = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => match rest.find(['/', '?']) {
            Some(start) => &rest[start..],
            None => "/",
        },
        _ => target,
    };
    let (path, query) = local.split_once('?').unwrap_or((local, ""));
    (if path.is_empty() { "/" } else { path }.to_owned(), query.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_split_into_path_and_query() {
        let cases = [
            ("/shop/pay?a=1?b", ("/shop/pay", "a=1?b")),
            ("/a%2Fb", ("/a%2Fb", "")),
            ("/redirect?to=http://x/", ("/redirect", "to=http://x/")),
            ("http://host:1/p?q", ("/p", "q")),
            ("http://host?q", ("/", "q")),
            ("http://host", ("/", "")),
            ("*", ("*", "")),
        ];
        for (target, (path, query)) in cases {
            assert_eq!(split_target(target), (path.to_owned(), query.to_owned()), "{target}");
        }
    }

    #[test]
    fn a_length_beside_a_coding_is_found_in_the_text() {
        assert!(has_field(b"POST / HTTP/1.1\r\ncontent-LENGTH: 3\r\n\r\n", "content-length"));
        assert!(!has_field(b"POST /content-length: HTTP/1.1\r\nA: b\r\n\r\n", "content-length"));
    }
}
