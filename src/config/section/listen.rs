//! Listeners: their addresses, their certificates, and conflicts between them.

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::tls;
use crate::config::kind::pem::{CertificateKey, Certificates};
use crate::config::read::{
    Defaulted, Kind, Placed, Reader, Required, Section, Value, Wrong, file_section,
};
use crate::config::snapshot::{Address, Listener, ListenerTls};

/// The longest path of a unix socket that the kernel accepts, in bytes.
const SOCKET_PATH_BYTES_MAX: usize = 107;

file_section! {
    /// Listeners: `"ip:port"`, `"[ipv6]:port"`, `"unix:/path"`, or a table with `address`, `cert` and `key` for TLS.
    ListenFile {
        /// For applications.
        app: ListenerFile = "127.0.0.1:8600",
        /// For the provider's notifications, the public side. None by default.
        notify: ListenerFile,
        /// For metrics and health.
        admin: ListenerFile = "127.0.0.1:8602",
    }
}

/// A listener as written: an address alone, or a table.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum ListenerFile {
    Address(Value<Address>),
    Table(Box<Section<ListenerTable>>),
}

file_section! {
    /// A listener with TLS.
    ListenerTable {
        /// `"ip:port"`, `"[ipv6]:port"` or `"unix:/path"`.
        address: Required<Value<Address>>,
        /// The certificate chain to present, as PEM, leaf first. Needs `key`.
        cert: Value<Certificates>,
        /// The private key of `cert`, as PEM.
        key: Value<CertificateKey>,
    }
}

/// The three listeners. An unreadable address is `None`; the mistake is recorded.
pub(super) struct Listeners {
    pub app: Option<Listener>,
    pub notify: Option<Listener>,
    pub admin: Option<Listener>,
}

/// Reads the listeners and reports conflicts between them.
pub(super) fn compile(reader: &mut Reader<'_>, file: &ListenFile) -> Listeners {
    let app = file.app(reader);
    let notify = file.notify.read(reader, None);
    let admin = file.admin(reader);
    let placed = [(&file.app, &app), (&file.notify, &notify), (&file.admin, &admin)];
    for (index, (file, listener)) in placed.iter().enumerate() {
        let Some(listener) = listener else { continue };
        let mut earlier = placed[..index].iter();
        let same = earlier.find(|(_, other)| {
            other.as_ref().is_some_and(|other| collide(&listener.address, &other.address))
        });
        if let Some((other, _)) = same {
            let problem =
                format!("the same address as `{}`, expected one of its own", other.path());
            reader.mistake(file.path(), problem);
        }
    }
    if let Some(Listener { address: Address::Tcp(address), .. }) = &admin
        && !address.ip().is_loopback()
    {
        reader.warn(
            file.admin.path(),
            "metrics, configuration and reload can be reached from other machines without a \
             password: expected a loopback address",
        );
    }
    Listeners { app, notify, admin }
}

/// Whether only one of the two could be bound.
fn collide(one: &Address, other: &Address) -> bool {
    match (one, other) {
        (Address::Unix(one), Address::Unix(other)) => one == other,
        (Address::Tcp(one), Address::Tcp(other)) => {
            // Port 0 means that the kernel chooses a port, a different one each time.
            one.port() != 0
                && one.port() == other.port()
                && (one.ip() == other.ip()
                    || one.ip().is_unspecified()
                    || other.ip().is_unspecified())
        }
        (Address::Tcp(_), Address::Unix(_)) | (Address::Unix(_), Address::Tcp(_)) => false,
    }
}

impl ListenerFile {
    /// The key path.
    fn path(&self) -> &str {
        match self {
            Self::Address(value) => &value.path,
            Self::Table(section) => &section.path,
        }
    }

    /// The listener; the default if it is missing, and nothing, with a mistake, if it is wrong.
    fn read(&self, reader: &mut Reader<'_>, default: Option<&Json>) -> Option<Listener> {
        match self {
            Self::Address(value) => {
                let address = match default.filter(|_| !value.is_given()) {
                    Some(default) => Some(value.read_or(reader, default)),
                    None => reader.optional(value),
                };
                address.map(|address| Listener { address, tls: None })
            }
            Self::Table(section) => {
                let table = reader.section(section)?;
                let address = reader.required(&table.address);
                let tls = tls::pair(reader, &table.cert, &table.key)
                    .map(|(cert_pem, key_pem)| ListenerTls { cert_pem, key_pem });
                if let (Some(Address::Unix(_)), Some(_)) = (&address, &tls) {
                    let problem = "a certificate on a unix socket, expected none: TLS is for TCP";
                    reader.mistake(&table.cert.path, problem);
                }
                address.map(|address| Listener { address, tls })
            }
        }
    }
}

impl Defaulted for ListenerFile {
    type Parsed = Option<Listener>;

    fn read_or(&self, reader: &mut Reader<'_>, default: &Json) -> Option<Listener> {
        self.read(reader, Some(default))
    }
}

impl Placed for ListenerFile {
    fn placed(path: String, found: Json) -> Self {
        let is_reference = |table: &Map<String, Json>| {
            table.len() == 1 && ["env", "file"].iter().any(|key| table.contains_key(*key))
        };
        match found.as_object() {
            Some(table) if !is_reference(table) => {
                Self::Table(Box::new(Section::placed(path, found)))
            }
            _ => Self::Address(Value::placed(path, found)),
        }
    }
}

impl Kind for Address {
    type Parsed = Self;

    const SECRET: bool = false;

    fn expected() -> String {
        "`ip:port`, `[ipv6]:port` or `unix:/path`".into()
    }

    fn parse(text: &str) -> Result<Self, Wrong> {
        let Some(path) = text.strip_prefix("unix:") else {
            return text.parse::<SocketAddr>().map(Self::Tcp).map_err(|_| Self::wrong());
        };
        match path.starts_with('/') && !path.ends_with('/') && !path.chars().any(char::is_control) {
            true if path.len() <= SOCKET_PATH_BYTES_MAX => Ok(Self::Unix(PathBuf::from(path))),
            true => Err(format!("a socket path of at most {SOCKET_PATH_BYTES_MAX} bytes").into()),
            false => {
                Err("`unix:` and an absolute path, such as `unix:/run/countersign/app.sock`".into())
            }
        }
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^(unix:/.+|.+:[0-9]+)$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).expect("an address")
    }

    #[test]
    fn addresses_are_numbers_or_sockets() {
        for text in [
            "",
            "8600",
            ":8600",
            "localhost:8600",
            "127.0.0.1",
            "127.0.0.1:99999",
            "::1:8600:",
            "unix:",
            "unix:/",
            "unix:/run/",
            "unix:relative.sock",
            "unix:/a\0b",
            &format!("unix:/{}", "a".repeat(107)),
        ] {
            assert!(Address::parse(text).is_err(), "`{text}` should be refused");
        }
        assert_eq!(address("unix:/run/a.sock"), Address::Unix("/run/a.sock".into()));
        assert!(matches!(address("[::1]:8600"), Address::Tcp(_)));
    }

    #[test]
    fn listeners_that_cannot_both_be_bound_collide() {
        for (one, other) in [
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("127.0.0.1:1", "[::]:1"),
            ("unix:/a", "unix:/a"),
        ] {
            assert!(collide(&address(one), &address(other)), "{one} and {other}");
        }
        for (one, other) in [
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("127.0.0.1:1", "127.0.0.2:1"),
            ("127.0.0.1:1", "127.0.0.1:2"),
            ("unix:/a", "unix:/b"),
            ("unix:/a", "127.0.0.1:1"),
        ] {
            assert!(!collide(&address(one), &address(other)), "{one} and {other}");
        }
    }

    #[test]
    fn only_loopback_and_sockets_are_not_exposed() {
        for (text, exposed) in [
            ("127.0.0.1:1", false),
            ("[::1]:1", false),
            ("[::ffff:127.0.0.1]:1", false),
            ("unix:/a", false),
            ("0.0.0.0:1", true),
            ("10.0.0.1:1", true),
            ("[::]:1", true),
        ] {
            assert_eq!(address(text).is_exposed(), exposed, "{text}");
        }
    }
}
