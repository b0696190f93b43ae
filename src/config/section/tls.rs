//! TLS material, and targets: the address of a provider, an application or a collector, and the TLS settings for it.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};

use crate::config::kind::pem::{CertificateKey, Certificates, check_pair, check_roots};
use crate::config::kind::urls::HostUrl;
use crate::config::read::{Reader, Section, Value, file_section};
use crate::secret::Secret;
use crate::sign::hex;
use crate::wire::{ClientCertificate, Target, TargetTls};

file_section! {
    /// TLS towards the provider or the application.
    TlsFile {
        /// Roots to trust instead of the system's, as PEM.
        ca: Value<Certificates>,
        /// A certificate chain to present, as PEM, leaf first. Needs `client_key`.
        client_cert: Value<Certificates>,
        /// The private key of `client_cert`, as PEM.
        client_key: Value<CertificateKey>,
    }
}

/// Reads the TLS section and combines it with the URL, which is at `key` beside it. Calls to the target have paths
/// below `base_path`.
pub(super) fn target(
    reader: &mut Reader<'_>,
    key: &str,
    url: Option<&HostUrl>,
    base_path: &str,
    section: &Section<TlsFile>,
) -> Option<Target> {
    let tls = tls(reader, section);
    let url = url?;
    if section.is_given && !url.is_https {
        reader.warn(&section.path, format!("has no effect: `{key}` is not https"));
    }
    Some(Target {
        fingerprint: fingerprint(url, base_path, &tls),
        tls: url.is_https.then_some(tls),
        host: url.host.clone(),
        port: url.port,
        base_path: base_path.to_owned(),
    })
}

fn tls(reader: &mut Reader<'_>, section: &Section<TlsFile>) -> TargetTls {
    let file = reader.keys(section);
    let roots = reader.optional(&file.ca);
    if let Some(expected) = roots.as_ref().and_then(|roots| check_roots(roots).err()) {
        reader.mistake(&file.ca.path, format!("cannot be used, expected {expected}"));
    }
    let client = pair(reader, &file.client_cert, &file.client_key);
    TargetTls {
        ca_pem: roots.map(|roots| Arc::new(roots.pem)),
        client: client
            .map(|(chain_pem, key_pem)| Arc::new(ClientCertificate { chain_pem, key_pem })),
    }
}

/// A certificate chain with its key, as PEM: both or neither, and matching.
pub(super) fn pair(
    reader: &mut Reader<'_>,
    cert: &Value<Certificates>,
    key: &Value<CertificateKey>,
) -> Option<(Vec<u8>, Secret)> {
    if cert.is_given() != key.is_given() {
        let missing = if cert.is_given() { &key.path } else { &cert.path };
        reader.mistake(missing, "nothing found, expected certificate and key together");
    }
    let (chain, private) = (reader.optional(cert), reader.optional(key));
    let (chain, private) = (chain?, private?);
    if let Err(expected) = check_pair(&chain, &private) {
        reader.mistake(&key.path, format!("does not match `{}`, expected {expected}", cert.path));
    }
    Some((chain.pem, private))
}

/// A hash over everything that two interchangeable connections share.
fn fingerprint(url: &HostUrl, base_path: &str, tls: &TargetTls) -> String {
    let mut hash = Context::new(&SHA256);
    let mut add = |part: &[u8]| {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    };
    add(if url.is_https { b"https" } else { b"http" });
    add(url.host.as_bytes());
    add(&url.port.to_be_bytes());
    add(base_path.as_bytes());
    add(tls.ca_pem.as_deref().map_or(&[], Vec::as_slice));
    if let Some(client) = &tls.client {
        add(&client.chain_pem);
        add(client.key_pem.expose());
    }
    hex(hash.finish().as_ref())
}
