//! A request's head: what it requests, and the length of the body after it.

use http::StatusCode;

/// The most header fields in one head.
pub const HEADERS_MAX: usize = 64;

/// A request's head.
#[derive(Debug)]
pub struct Head {
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// Names and values in their order.
    pub headers: Vec<(String, String)>,
    pub length: BodyLength,
    /// Whether the client wants to reuse the connection.
    pub keep_alive: bool,
    pub expects_continue: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    Exactly(usize),
    Chunked,
}

impl Head {
    pub fn header(&self, name: &str) -> Option<&str> {
        field(&self.headers, name)
    }
}

/// The head at the start of `bytes` and its length, or `None` while it is not whole.
pub fn parse_head(bytes: &[u8]) -> Result<Option<(Head, usize)>, StatusCode> {
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    let used = match request.parse(bytes) {
        Ok(httparse::Status::Complete(used)) => used,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        Err(_) => return Err(StatusCode::BAD_REQUEST),
    };
    let target = request.path.unwrap_or_default();
    let headers = fields_of(request.headers);
    let says = |name, word| field(&headers, name).is_some_and(|value| lists(value, word));
    let head = Head {
        method: request.method.unwrap_or_default().to_string(),
        path: target.split('?').next().unwrap_or_default().to_string(),
        length: body_length(&headers)?.unwrap_or(BodyLength::Exactly(0)),
        keep_alive: match request.version {
            Some(1) => !says("connection", "close"),
            _ => says("connection", "keep-alive"),
        },
        expects_continue: says("expect", "100-continue"),
        headers,
    };
    Ok(Some((head, used)))
}

/// Names and values in their order.
pub fn fields_of(headers: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    let value = |bytes| String::from_utf8_lossy(bytes).trim().to_string();
    headers.iter().map(|field| (field.name.to_string(), value(field.value))).collect()
}

/// The length that a head gives for the body after it, if it gives one. Two lengths, or a length beside a transfer
/// coding, are ambiguous and refused.
pub fn body_length(headers: &[(String, String)]) -> Result<Option<BodyLength>, StatusCode> {
    let all = |wanted: &str| {
        let mut found = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        (found.next().map(|(_, value)| value.as_str()), found.next().is_some())
    };
    let (length, length_again) = all("content-length");
    let (coding, coding_again) = all("transfer-encoding");
    if length_again || coding_again || (length.is_some() && coding.is_some()) {
        return Err(StatusCode::BAD_REQUEST);
    }
    match (length, coding) {
        (None, None) => Ok(None),
        (_, Some(coding)) if coding.eq_ignore_ascii_case("chunked") => {
            Ok(Some(BodyLength::Chunked))
        }
        (_, Some(_)) => Err(StatusCode::NOT_IMPLEMENTED),
        (Some(length), _) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
            let length = length.parse().map_err(|_| StatusCode::BAD_REQUEST)?;
            Ok(Some(BodyLength::Exactly(length)))
        }
        (Some(_), _) => Err(StatusCode::BAD_REQUEST),
    }
}

/// The value of the first header field called `wanted`.
pub fn field<'h>(headers: &'h [(String, String)], wanted: &str) -> Option<&'h str> {
    let found = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    found.map(|(_, value)| value.as_str())
}

fn lists(value: &str, word: &str) -> bool {
    value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Option<(Head, usize)>, StatusCode> {
        parse_head(text.as_bytes())
    }

    #[test]
    fn ambiguous_lengths_are_refused() {
        for fields in [
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: \r\n",
            "Content-Length: 99999999999999999999999\r\n",
        ] {
            let refused = head(&format!("POST / HTTP/1.1\r\n{fields}\r\n"));
            assert_eq!(refused.expect_err(fields), StatusCode::BAD_REQUEST, "{fields}");
        }
        let coding = head("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n");
        assert_eq!(coding.expect_err("unknown coding"), StatusCode::NOT_IMPLEMENTED);
    }

    #[test]
    fn a_head_is_read_when_it_is_whole() {
        assert!(head("POST /a HTTP/1.1\r\nHost: x\r\n").expect("fine so far").is_none());
        let (head, used) =
            head("POST /a?b=c HTTP/1.1\r\nHost: x\r\n\r\nbody").expect("valid").expect("whole");
        assert_eq!((head.method.as_str(), head.path.as_str()), ("POST", "/a"));
        assert_eq!(used, "POST /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n".len());
        assert!(head.keep_alive);
    }

    #[test]
    fn the_client_says_whether_the_connection_stays_open() {
        let keeps = |text: &str| head(text).expect("valid").expect("whole").0.keep_alive;
        assert!(!keeps("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n"));
        assert!(!keeps("GET / HTTP/1.0\r\n\r\n"));
        assert!(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    }

    #[test]
    fn hostile_heads_never_panic() {
        for bytes in [&b"\0"[..], b"POST", b"\xff\xfe / HTTP/1.1\r\n\r\n", b"GET  HTTP/9.9\r\n\r\n"]
        {
            let _ = parse_head(bytes);
        }
    }
}
