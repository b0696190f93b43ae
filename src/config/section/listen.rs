//! Listeners: their addresses, their certificates, and what may not be combined.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use super::file::ListenFile;
use crate::config::kind::pem::{CertificateKey, Certificates, check_pair};
use crate::config::read::kind::{Setting, Wrong};
use crate::config::read::reader::Walk;
use crate::config::read::section::Section;
use crate::config::read::value::{Leaf, Required};
use crate::config::snapshot::{Address, Listener, ListenerTls};

/// The longest path of a unix socket that the kernel takes, in bytes.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// A listener as it is written: an address alone, or a table.
pub(crate) enum ListenerFile {
    Address(Leaf<Address>),
    Table(Box<Section<ListenerTable>>),
}

/// A listener with TLS.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ListenerTable {
    /// `"ip:port"`, `"[ipv6]:port"` or `"unix:/path"`.
    pub address: Required<Leaf<Address>>,
    /// The certificate chain to present, as PEM, leaf first. Needs `key`.
    pub cert: Leaf<Certificates>,
    /// The private key of `cert`, as PEM.
    pub key: Leaf<CertificateKey>,
}

/// The three listeners. An address that could not be read is `None`; the mistake is noted.
pub(crate) struct Listeners {
    pub app: Option<Listener>,
    pub notify: Option<Listener>,
    pub admin: Option<Listener>,
}

/// Reads the listeners and notes what they may not be together.
pub(crate) fn compile(walk: &mut Walk<'_>, file: &ListenFile) -> Listeners {
    let app = listener(walk, &file.app, Some(ListenFile::APP));
    let notify = listener(walk, &file.notify, None);
    let admin = listener(walk, &file.admin, Some(ListenFile::ADMIN));
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
            walk.mistake(file.path(), problem);
        }
    }
    if let Some(Listener { address: Address::Tcp(address), .. }) = &admin
        && !address.ip().is_loopback()
    {
        walk.warn(
            file.admin.path(),
            "metrics, configuration and reload can be reached from other machines, and ask for no \
             password: expected a loopback address",
        );
    }
    Listeners { app, notify, admin }
}

/// Reads the admin side's listener alone.
pub(crate) fn admin(walk: &mut Walk<'_>, file: &ListenFile) -> Option<Listener> {
    listener(walk, &file.admin, Some(ListenFile::ADMIN))
}

/// Whether other machines can reach the address.
pub(crate) fn is_exposed(address: &Address) -> bool {
    match address {
        Address::Tcp(address) => !address.ip().to_canonical().is_loopback(),
        Address::Unix(_) => false,
    }
}

fn listener(
    walk: &mut Walk<'_>,
    file: &ListenerFile,
    default: Option<&'static str>,
) -> Option<Listener> {
    match file {
        ListenerFile::Address(leaf) => {
            let address = match (leaf.is_given(), default) {
                (false, Some(default)) => Some(walk.or(leaf, default)),
                _ => walk.optional(leaf),
            };
            address.map(|address| Listener { address, tls: None })
        }
        ListenerFile::Table(section) => {
            let table = walk.section(section)?;
            let address = walk.required(&table.address);
            let tls = tls(walk, table);
            if let (Some(Address::Unix(_)), Some(_)) = (&address, &tls) {
                let problem = "a certificate on a unix socket, expected none: TLS is for TCP";
                walk.mistake(&table.cert.path, problem);
            }
            address.map(|address| Listener { address, tls })
        }
    }
}

fn tls(walk: &mut Walk<'_>, table: &ListenerTable) -> Option<ListenerTls> {
    let (cert, key) = pair(walk, &table.cert, &table.key)?;
    Some(ListenerTls { cert_pem: cert.pem, key_pem: key.pem })
}

/// A certificate chain with its key: both or neither, and belonging together.
pub(crate) fn pair(
    walk: &mut Walk<'_>,
    cert: &Leaf<Certificates>,
    key: &Leaf<CertificateKey>,
) -> Option<(Certificates, CertificateKey)> {
    let missing = match (cert.is_given(), key.is_given()) {
        (true, false) => Some(&key.path),
        (false, true) => Some(&cert.path),
        (true, true) | (false, false) => None,
    };
    if let Some(missing) = missing {
        walk.mistake(missing, "nothing found, expected certificate and key together");
    }
    let (chain, private) = (walk.optional(cert), walk.optional(key));
    let (chain, private) = (chain?, private?);
    if let Err(expected) = check_pair(&chain, &private) {
        walk.mistake(&key.path, format!("does not go with `{}`, expected {expected}", cert.path));
    }
    Some((chain, private))
}

/// Whether only one of the two could be bound.
fn collide(one: &Address, other: &Address) -> bool {
    match (one, other) {
        (Address::Unix(one), Address::Unix(other)) => one == other,
        (Address::Tcp(one), Address::Tcp(other)) => {
            // Port 0 is a port of the kernel's choice, a different one each time.
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
    pub fn path(&self) -> &str {
        match self {
            Self::Address(leaf) => &leaf.path,
            Self::Table(section) => &section.path,
        }
    }
}

impl<'de> Deserialize<'de> for ListenerFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let located = Value::deserialize(deserializer)?;
        let is_reference = |table: &serde_json::Map<String, Value>| {
            table.len() == 1 && (table.contains_key("env") || table.contains_key("file"))
        };
        let read = match &located[1] {
            Value::Object(table) if !is_reference(table) => {
                Section::deserialize(located).map(|table| Self::Table(Box::new(table)))
            }
            _ => Leaf::deserialize(located).map(Self::Address),
        };
        read.map_err(serde::de::Error::custom)
    }
}

impl Serialize for ListenerFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Address(leaf) => leaf.serialize(serializer),
            Self::Table(section) => section.serialize(serializer),
        }
    }
}

impl JsonSchema for ListenerFile {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Listener".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                generator.subschema_for::<Leaf<Address>>(),
                generator.subschema_for::<ListenerTable>(),
            ],
        })
    }
}

impl Setting for Address {
    const SECRET: bool = false;

    fn expected() -> String {
        "`ip:port`, `[ipv6]:port` or `unix:/path`".into()
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let Some(path) = text.strip_prefix("unix:") else {
            return match text.parse::<SocketAddr>() {
                Ok(address) => Ok(Self::Tcp(address)),
                Err(_) => Err(Self::wrong()),
            };
        };
        match path.starts_with('/') && !path.ends_with('/') && !path.chars().any(char::is_control) {
            true if path.len() <= SOCKET_PATH_BYTES_MAX => Ok(Self::Unix(PathBuf::from(path))),
            true => Err(format!("a socket path of at most {SOCKET_PATH_BYTES_MAX} bytes").into()),
            false => {
                Err("`unix:` and an absolute path, such as `unix:/run/countersign/app.sock`".into())
            }
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^(unix:/.+|.+:[0-9]+)$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::from_text(text).expect("an address")
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
            assert!(Address::from_text(text).is_err(), "`{text}` should be refused");
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
    fn only_loopback_and_sockets_are_out_of_reach() {
        for (text, exposed) in [
            ("127.0.0.1:1", false),
            ("[::1]:1", false),
            ("[::ffff:127.0.0.1]:1", false),
            ("unix:/a", false),
            ("0.0.0.0:1", true),
            ("10.0.0.1:1", true),
            ("[::]:1", true),
        ] {
            assert_eq!(is_exposed(&address(text)), exposed, "{text}");
        }
    }
}
