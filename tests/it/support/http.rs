//! A raw HTTP/1.1 client: it sends exactly the bytes it is given and reads one answer at a time.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any configured time-out; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// One answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of the header field with that name, which must be in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("the body is not JSON ({error}): {}", self.text()))
    }

    /// Asserts that this is the problem `code` and returns its members.
    #[track_caller]
    pub fn problem(&self, code: &str, status: u16) -> serde_json::Value {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.text()
        );
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem:#}");
        assert_eq!(self.status, status, "{problem:#}");
        assert_eq!(problem["status"], status, "status member and status line should agree");
        assert_eq!(problem["type"], format!("urn:countersign:problem:{code}"));
        problem
    }
}

/// Posts a JSON body on its own connection.
pub fn post(address: SocketAddr, path: &str, body: &str) -> Answer {
    post_with(address, path, &[("Content-Type", "application/json")], body.as_bytes())
}

/// Posts with exactly these header fields besides `Host`, `Content-Length` and `Connection`.
pub fn post_with(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    request(address, "POST", path, headers, body)
}

pub fn get(address: SocketAddr, path: &str) -> Answer {
    request(address, "GET", path, &[], b"")
}

/// The value of exactly this series among the metrics of the sidecar whose admin side is at `admin`.
pub fn metric(admin: SocketAddr, series: &str) -> Option<f64> {
    let text = get(admin, "/metrics").text();
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(value.parse().expect("a metric has a number"))
}

pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut stream = connect(address);
    stream.write_all(&render(method, path, headers, body)).expect("the request is written");
    read_answer(&mut stream).expect("an answer")
}

/// The bytes of a request.
pub fn render(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a read time-out");
    stream.set_write_timeout(Some(PATIENCE)).expect("a write time-out");
    stream.set_nodelay(true).expect("no delay");
    stream
}

/// Posts JSON to an address that may have no listener any more, and leaves the answer to be read within `patience`.
pub fn try_post(
    address: SocketAddr,
    path: &str,
    body: &str,
    patience: Duration,
) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    let headers = [("Content-Type", "application/json")];
    stream.write_all(&render("POST", path, &headers, body.as_bytes())).ok()?;
    Some(stream)
}

/// Ends a connection abruptly, as a crash would.
pub fn reset(stream: &TcpStream) {
    let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
    let _ = stream.shutdown(Shutdown::Both);
}

/// Reads one answer; `None` when the connection ends before it is complete. Interim answers (1xx) are skipped.
pub fn read_answer(stream: &mut impl Read) -> Option<Answer> {
    loop {
        let head = read_head(stream)?;
        let mut lines = head.split("\r\n");
        let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        if (100..200).contains(&status) {
            continue;
        }
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length: usize = length.map_or(0, |(_, value)| value.parse().expect("one length"));
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        return Some(Answer { status, headers, body });
    }
}

/// Reads up to, but without, the empty line that ends a head.
pub fn read_head(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    head.truncate(head.len() - 4);
    String::from_utf8(head).ok()
}
