//! Queries the admin side of a running sidecar, over plain TCP or a unix socket: one request, one answer.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;

use crate::config::{Address, Listener};

/// How long a sidecar on the same machine may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer that is read, in bytes: a thousand accounts need less than this.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The address of a running sidecar's admin side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AdminSide(Address);

/// An answer from the admin side.
#[derive(Debug)]
pub(super) struct Found {
    pub status: u16,
    pub body: Vec<u8>,
}

impl AdminSide {
    /// Parses `text`: `ip:port`, `http://ip:port` or `unix:/path`. `None` when it looks like none of them.
    pub fn named(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Some(Self(Address::Unix(path.into())));
        }
        let text = text.strip_prefix("http://").unwrap_or(text);
        let address = text.strip_suffix('/').unwrap_or(text).parse().ok()?;
        Some(Self(Address::Tcp(reachable(address))))
    }

    /// The address of a sidecar with this listener.
    pub fn of(listener: &Listener) -> Result<Self, String> {
        if listener.tls.is_some() {
            return Err("`listen.admin` has a certificate, and this command does not support TLS"
                .to_owned());
        }
        if matches!(&listener.address, Address::Tcp(address) if address.port() == 0) {
            return Err("`listen.admin` has port 0, so its real port is not known".to_owned());
        }
        Ok(Self(match &listener.address {
            Address::Tcp(address) => Address::Tcp(reachable(*address)),
            unix => unix.clone(),
        }))
    }

    /// The JSON at `path`. The error says why there is none.
    pub fn get(&self, path: &str) -> Result<Value, String> {
        let found = self.ask(path)?;
        let json = (found.status == 200).then(|| serde_json::from_slice(&found.body).ok());
        json.flatten().ok_or_else(|| self.strange())
    }

    /// The answer at `path`, whatever its status. The error says why there is none.
    pub fn ask(&self, path: &str) -> Result<Found, String> {
        let answer = match &self.0 {
            Address::Tcp(address) => TcpStream::connect_timeout(address, PATIENCE).and_then(|it| {
                it.set_read_timeout(Some(PATIENCE))?;
                it.set_write_timeout(Some(PATIENCE))?;
                exchange(it, path)
            }),
            Address::Unix(socket) => UnixStream::connect(socket).and_then(|it| {
                it.set_read_timeout(Some(PATIENCE))?;
                it.set_write_timeout(Some(PATIENCE))?;
                exchange(it, path)
            }),
        };
        let answer = answer.map_err(|error| format!("{self} does not answer: {error}"))?;
        read(answer).ok_or_else(|| self.strange())
    }

    fn strange(&self) -> String {
        format!("{self} answers, but not like a sidecar")
    }
}

impl std::fmt::Display for AdminSide {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A listener on all addresses is reached over loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn exchange(mut stream: impl Read + Write, path: &str) -> io::Result<Vec<u8>> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(answer)
}

/// An answer with a complete head.
fn read(mut answer: Vec<u8>) -> Option<Found> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = head.parse(&answer).ok()? else { return None };
    let status = head.code?;
    Some(Found { status, body: answer.split_off(length) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_an_address_or_something_else() {
        for (text, shown) in [
            ("127.0.0.1:8602", "127.0.0.1:8602"),
            ("http://[::]:8602/", "[::1]:8602"),
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("unix:/run/a.sock", "unix:/run/a.sock"),
        ] {
            assert_eq!(AdminSide::named(text).expect("an address").to_string(), shown);
        }
        for text in ["config/countersign.toml", "old.toml", "localhost:8602", ""] {
            assert_eq!(AdminSide::named(text), None, "`{text}` is a file");
        }
    }

    #[test]
    fn an_answer_needs_a_complete_head() {
        for answer in ["", "HTTP/1.1 200 OK\r\n", "SSH-2.0\r\n\r\n{}"] {
            assert!(read(answer.into()).is_none(), "{answer:?}");
        }
        let right = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}";
        let found = read(right.into()).expect("an answer");
        assert_eq!((found.status, found.body.as_slice()), (503, &b"{}"[..]));
    }
}
