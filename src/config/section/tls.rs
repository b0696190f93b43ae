//! Where an account's provider and its application are reached, and with which TLS material.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};

use super::file::TlsFile;
use super::listen::pair;
use crate::config::kind::pem::check_roots;
use crate::config::kind::urls::{BaseUrl, DeliveryUrl};
use crate::config::read::reader::Walk;
use crate::config::read::section::Section;
use crate::sign::hex;
use crate::wire::{ClientCertificate, Target, TargetTls};

/// The parts of a URL that make a target.
pub(crate) struct Place<'a> {
    is_https: bool,
    host: &'a str,
    port: u16,
    base_path: &'a str,
}

impl<'a> Place<'a> {
    /// The provider, whose operations have their paths below that of the URL.
    pub fn of_provider(url: &'a BaseUrl) -> Self {
        Self { is_https: url.is_https, host: &url.host, port: url.port, base_path: &url.path }
    }

    /// The application. Its path is part of every call, for it may have a query.
    pub fn of_application(url: &'a DeliveryUrl) -> Self {
        Self { is_https: url.is_https, host: &url.host, port: url.port, base_path: "" }
    }
}

/// Reads the TLS section and puts it together with the URL, which stands at `key` beside it.
pub(crate) fn compile(
    walk: &mut Walk<'_>,
    key: &str,
    place: Option<Place<'_>>,
    section: &Section<TlsFile>,
) -> Option<Target> {
    let tls = tls(walk, section);
    let place = place?;
    if section.is_given && !place.is_https {
        walk.warn(&section.path, format!("has no effect: `{key}` is not https"));
    }
    Some(Target {
        fingerprint: fingerprint(&place, &tls),
        tls: place.is_https.then_some(tls),
        host: place.host.to_owned(),
        port: place.port,
        base_path: place.base_path.to_owned(),
    })
}

fn tls(walk: &mut Walk<'_>, section: &Section<TlsFile>) -> TargetTls {
    let Some(file) = walk.section(section) else {
        return TargetTls { ca_pem: None, client: None };
    };
    let roots = walk.optional(&file.ca);
    if let Some(expected) = roots.as_ref().and_then(|roots| check_roots(roots).err()) {
        walk.mistake(&file.ca.path, format!("cannot be used, expected {expected}"));
    }
    let client = pair(walk, &file.client_cert, &file.client_key);
    TargetTls {
        ca_pem: roots.map(|roots| Arc::new(roots.pem)),
        client: client.map(|(chain, key)| {
            Arc::new(ClientCertificate { chain_pem: chain.pem, key_pem: key.pem })
        }),
    }
}

/// A hash over everything that makes connections interchangeable.
fn fingerprint(place: &Place<'_>, tls: &TargetTls) -> String {
    let mut hash = Context::new(&SHA256);
    let mut add = |part: &[u8]| {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    };
    add(if place.is_https { b"https" } else { b"http" });
    add(place.host.as_bytes());
    add(&place.port.to_be_bytes());
    add(place.base_path.as_bytes());
    add(tls.ca_pem.as_deref().map_or(&[], Vec::as_slice));
    if let Some(client) = &tls.client {
        add(&client.chain_pem);
        add(client.key_pem.expose());
    }
    hex(hash.finish().as_ref())
}
