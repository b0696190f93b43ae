//! Where a notification may go: only to this machine.
//!
//! A notify URL comes with a request, so a sandbox that posted anywhere could be used to attack others. It is for
//! tests, and tests listen on loopback. No name is resolved: `localhost` is the loopback address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use url::{Host, Url};

/// A receiver on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub address: SocketAddr,
    /// The value of `Host`.
    pub authority: String,
    /// Path and query.
    pub path: String,
}

impl Target {
    /// Reads a notify URL. The error says why nothing is posted there.
    pub fn from_url(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|_| "the notify URL is not a URL".to_string())?;
        if url.scheme() != "http" {
            return Err("the sandbox posts notifications over plain `http` only".into());
        }
        let ip = match url.host() {
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
            Some(Host::Domain("localhost")) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Some(Host::Domain(_)) | None => return Err(not_loopback()),
        };
        if !ip.to_canonical().is_loopback() {
            return Err(not_loopback());
        }
        let port = url.port_or_known_default().unwrap_or(80);
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(Self {
            address: SocketAddr::new(ip, port),
            authority: format!("{}:{port}", url.host_str().unwrap_or_default()),
            path: format!("{}{query}", url.path()),
        })
    }
}

fn not_loopback() -> String {
    "the sandbox posts notifications to loopback addresses only".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_this_machine() {
        for text in [
            "https://127.0.0.1/",
            "http://example.com/",
            "http://localhost.example.com/",
            "http://127.0.0.1.example.com/",
            "http://127.0.0.1@example.com/",
            "http://10.0.0.1/",
            "http://0.0.0.0/",
            "http://[::]/",
            "http://[::ffff:10.0.0.1]/",
            "http://2130706434x/",
            "ftp://127.0.0.1/",
            "127.0.0.1:8601",
            "/shop-th",
            "",
        ] {
            assert!(Target::from_url(text).is_err(), "`{text}` should not be posted to");
        }
    }

    #[test]
    fn loopback_in_every_form_is_posted_to() {
        for (text, address, authority, path) in [
            ("http://127.0.0.1:8601/shop-th", "127.0.0.1:8601", "127.0.0.1:8601", "/shop-th"),
            ("http://localhost:1", "127.0.0.1:1", "localhost:1", "/"),
            ("http://[::1]:5/a?b=c#d", "[::1]:5", "[::1]:5", "/a?b=c"),
            ("http://127.8.8.8/", "127.8.8.8:80", "127.8.8.8:80", "/"),
        ] {
            let target = Target::from_url(text).expect(text);
            assert_eq!(target.address, address.parse().expect("an address"), "{text}");
            assert_eq!((target.authority.as_str(), target.path.as_str()), (authority, path));
        }
    }
}
