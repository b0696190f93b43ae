//! A very small HTTP/1.1 client: one POST over its own connection, one bounded answer.
//!
//! The sandbox has its own, like its server side, so that the sidecar's receiving side is not tested with the sidecar's
//! own code. No TLS, no redirects, no reuse.

use std::time::Duration;

use bytes::BytesMut;
use httparse::Status;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::chunks::Chunks;
use super::head::{BodyLength, HEADERS_MAX, body_length, fields_of};
use super::target::Target;

/// The largest answer that is read, in bytes, including its head; an acknowledgement is a few dozen bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A message to post.
#[derive(Clone, Debug)]
pub struct Message {
    /// In addition to those that every post has.
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// A receiver's answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answered {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Message {
    /// A JSON body.
    pub fn json(body: String) -> Self {
        Self { headers: vec![("Content-Type", "application/json".to_string())], body }
    }
}

/// Posts `message` to `target`.
pub async fn post(
    target: &Target,
    message: &Message,
    within: Duration,
) -> Result<Answered, String> {
    match timeout(within, exchange(target, message)).await {
        Ok(answered) => answered,
        Err(_) => Err(format!("no whole answer within {} ms", within.as_millis())),
    }
}

async fn exchange(target: &Target, message: &Message) -> Result<Answered, String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(target.address).await.map_err(failed)?;
    let fields = message.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\n{}Content-Length: {}\r\nConnection: close\r\n\r\n{}",
        target.path,
        target.authority,
        fields.collect::<String>(),
        message.body.len(),
        message.body
    );
    // A receiver may answer and close before it has read everything: its answer counts, whether or not the rest was
    // sent.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut bytes = Vec::new();
    loop {
        let ended = stream.read_buf(&mut bytes).await.map_err(failed)? == 0;
        if let Some(answered) = parse(&bytes, ended)? {
            return Ok(answered);
        }
        if ended {
            return Err("the connection ended before a whole answer".into());
        }
        if bytes.len() > ANSWER_BYTES_MAX {
            return Err(format!("the answer is longer than {ANSWER_BYTES_MAX} bytes"));
        }
    }
}

/// The answer in `bytes`, or `None` while it is not whole. `ended` says that no more bytes will come.
fn parse(mut bytes: &[u8], ended: bool) -> Result<Option<Answered>, String> {
    loop {
        let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Response::new(&mut fields);
        let parsed = head.parse(bytes).map_err(|_| "the answer is not HTTP".to_string())?;
        let Status::Complete(used) = parsed else { return Ok(None) };
        let (status, rest) = (head.code.unwrap_or_default(), &bytes[used..]);
        if (100..200).contains(&status) {
            bytes = rest;
            continue;
        }
        let length = body_length(&fields_of(head.headers));
        let body = match length.map_err(|_| "the answer's length cannot be read")? {
            Some(BodyLength::Chunked) => unchunked(rest)?,
            Some(BodyLength::Exactly(length)) => rest.get(..length).map(<[u8]>::to_vec),
            None if status == 204 => Some(Vec::new()),
            None => ended.then(|| rest.to_vec()),
        };
        return Ok(body.map(|body| Answered { status, body }));
    }
}

/// The body in a chunked coding, or `None` while it is not whole.
fn unchunked(bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let mut chunks = Chunks::new(ANSWER_BYTES_MAX);
    match chunks.take(&mut BytesMut::from(bytes)) {
        Ok(is_whole) => Ok(is_whole.then_some(chunks.body)),
        Err(_) => Err("the answer's chunks cannot be read".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACK: &str = r#"{"code":10000,"message":"Success"}"#;

    fn answer(text: &str, ended: bool) -> Option<Answered> {
        parse(text.as_bytes(), ended).expect("an HTTP answer")
    }

    fn acknowledged() -> Option<Answered> {
        Some(Answered { status: 200, body: ACK.into() })
    }

    #[test]
    fn bytes_that_are_not_an_answer_are_an_error() {
        for text in [
            "SSH-2.0-hello\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n",
        ] {
            assert!(parse(text.as_bytes(), true).is_err(), "{text}");
        }
    }

    #[test]
    fn an_answer_is_read_when_it_is_whole() {
        let whole = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{ACK}", ACK.len());
        for length in 0..whole.len() {
            assert_eq!(answer(&whole[..length], false), None, "{length} bytes are not the answer");
        }
        assert_eq!(answer(&whole, false), acknowledged());
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n1;x\r\nd\r\n0\r\n\r\n";
        assert_eq!(answer(chunked, false).expect("whole").body, b"abcd");
        let to_the_end = format!("HTTP/1.0 200 OK\r\n\r\n{ACK}");
        assert_eq!(answer(&to_the_end, false), None);
        assert_eq!(answer(&to_the_end, true), acknowledged());
        let continued = format!("HTTP/1.1 100 Continue\r\n\r\n{whole}");
        assert_eq!(answer(&continued, false), acknowledged());
    }
}
