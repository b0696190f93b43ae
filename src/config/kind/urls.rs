//! The three kinds of URL in the configuration: the provider's, the public notify URL, and the application's own.
//!
//! No URL may carry a user name or password: they would end up in logs. Plain http is for loopback.

use serde_json::{Value as Json, json};
use url::{Host, Url};

use crate::config::read::{Kind, Wrong};

/// A URL of a host that is called, split into its parts.
#[derive(Debug, Clone)]
pub(crate) struct HostUrl {
    pub url: Url,
    pub is_https: bool,
    pub is_loopback: bool,
    /// In lower case; an IPv6 address has no brackets.
    pub host: String,
    pub port: u16,
}

impl HostUrl {
    /// The whole URL without a `/` at its end; the host in lower case, a default port left out.
    pub fn text(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// The path without a `/` at its end; may be empty.
    pub fn base_path(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// The target of a request: the path, and the query if there is one.
    pub fn path_and_query(&self) -> String {
        self.url[url::Position::BeforePath..].to_owned()
    }

    /// Neither https nor loopback: data in transit can be read and changed.
    pub fn is_exposed(&self) -> bool {
        !self.is_https && !self.is_loopback
    }

    fn protected(self) -> Result<Self, String> {
        match self.is_exposed() {
            true => Err("https; plain http is allowed only towards a loopback host".into()),
            false => Ok(self),
        }
    }
}

/// The URL of a provider's API.
pub(crate) struct BaseUrl;

impl Kind for BaseUrl {
    type Parsed = HostUrl;

    const SECRET: bool = false;

    fn expected() -> String {
        "an https URL with nothing after its path, such as `https://api.provider.example`".into()
    }

    fn parse(text: &str) -> Result<HostUrl, Wrong> {
        let url = plain_url(text)?.protected()?;
        match url.url.query() {
            None => Ok(url),
            Some(_) => Err("a URL without a query".into()),
        }
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^https?://[^/?#@]+(/[^?#]*)?$" })
    }
}

/// The address to which the provider posts notifications.
pub(crate) struct NotifyUrl;

impl Kind for NotifyUrl {
    type Parsed = String;

    const SECRET: bool = false;

    fn expected() -> String {
        "an https URL, such as `https://pay.merchant.example/shop-th`".into()
    }

    fn parse(text: &str) -> Result<String, Wrong> {
        plain_url(text)?.protected()?;
        Ok(text.to_owned())
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^https?://[^/?#@]+(/[^#]*)?$" })
    }
}

/// The address to which events, or traces, are posted.
pub(crate) struct DeliveryUrl;

impl Kind for DeliveryUrl {
    type Parsed = HostUrl;

    const SECRET: bool = false;

    fn expected() -> String {
        "an http or https URL, such as `http://127.0.0.1:9000/payments`".into()
    }

    fn parse(text: &str) -> Result<HostUrl, Wrong> {
        Ok(plain_url(text)?)
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^https?://[^/?#@]+([/?][^#]*)?$" })
    }
}

/// Reads an http or https URL without user, password and fragment.
fn plain_url(text: &str) -> Result<HostUrl, String> {
    // The parser repairs blanks, backslashes and missing slashes; such errors should be corrected in the file.
    let has_scheme = text.starts_with("https://") || text.starts_with("http://");
    let is_clean = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if !has_scheme || !is_clean {
        return Err("a URL beginning with `https://`, in visible ASCII characters".into());
    }
    let url = Url::parse(text).map_err(|error| format!("a URL that can be read: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() || authority(text).contains('@') {
        return Err("a URL without user name and password".into());
    }
    if url.fragment().is_some() {
        return Err("a URL without a fragment".into());
    }
    // `https:///path` is read as host `path`, which is never intended.
    if authority(text).is_empty() || url.port() == Some(0) {
        return Err("a URL with a host, and a port above 0 if there is one".into());
    }
    Ok(HostUrl {
        is_https: url.scheme() == "https",
        is_loopback: is_loopback(&url),
        host: host_text(&url)?,
        port: url.port_or_known_default().unwrap_or(443),
        url,
    })
}

/// The part between the scheme's slashes and the path.
fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

/// The host as a name for TLS, or as the text of an address.
fn host_text(url: &Url) -> Result<String, String> {
    match url.host() {
        Some(Host::Ipv4(address)) => Ok(address.to_string()),
        Some(Host::Ipv6(address)) => Ok(address.to_string()),
        Some(Host::Domain(name)) => match rustls::pki_types::DnsName::try_from(name) {
            Ok(_) if !name.ends_with('.') => Ok(name.to_owned()),
            _ => Err("a host that is a valid DNS name without a dot at its end".into()),
        },
        None => Err("a URL with a host".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_https_without_user_query_or_fragment() {
        for text in [
            "",
            "api.example.com",
            "ftp://api.example.com",
            "http://api.example.com",
            "http://10.0.0.1",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "https://",
            "https:///path",
            "https:api.example.com",
            "https://user@api.example.com",
            "https://user:password@api.example.com",
            "https://@api.example.com",
            "https://api.example.com?x=1",
            "https://api.example.com/#x",
            "https://api.example.com:0",
            "https://api.example.com:99999",
            "https://api.example.com.",
            "https://api .example.com",
            "https:\\\\api.example.com",
            " https://api.example.com",
        ] {
            assert!(BaseUrl::parse(text).is_err(), "`{text}` should be refused");
        }
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        for text in ["http://127.0.0.1:8700", "http://[::1]:8700", "http://localhost"] {
            let url = BaseUrl::parse(text).expect("loopback may be plain");
            assert!(url.is_loopback && !url.is_https, "`{text}`");
        }
    }

    #[test]
    fn a_base_url_is_split_into_its_parts() {
        let url = BaseUrl::parse("https://API.example.com/v1/").expect("a URL");
        assert_eq!((url.host.as_str(), url.port, url.base_path()), ("api.example.com", 443, "/v1"));
        assert_eq!(url.text(), "https://api.example.com/v1");
        let url = BaseUrl::parse("https://[2001:db8::1]:8443").expect("a URL");
        assert_eq!((url.host.as_str(), url.port, url.base_path()), ("2001:db8::1", 8443, ""));
    }

    #[test]
    fn deliveries_over_plain_http_beyond_loopback_are_noticed() {
        let exposed = |text| DeliveryUrl::parse(text).expect("a URL").is_exposed();
        assert!(exposed("http://shop.internal:9000/events"));
        assert!(!exposed("http://127.0.0.1:9000/events"));
        assert!(!exposed("https://shop.example.com/events?a=b"));
    }

    #[test]
    fn the_query_of_a_delivery_address_is_part_of_every_delivery() {
        let path = |text| DeliveryUrl::parse(text).expect("a URL").path_and_query();
        assert_eq!(path("https://shop.example.com/events?a=b&c"), "/events?a=b&c");
        assert_eq!(path("http://shop.internal:9000"), "/");
        assert_eq!(path("http://[fd00::1]:9000?a"), "/?a");
    }
}
