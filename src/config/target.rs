//! Where an account's provider is reached, and with which TLS material.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};

use super::file::TlsFile;
use super::listen::pair;
use super::pem::check_roots;
use super::section::Section;
use super::sources::hex;
use super::urls::BaseUrl;
use super::walk::Walk;
use crate::wire::{ClientCertificate, Target, TargetTls};

/// Reads the TLS section and puts it together with the base URL.
pub(super) fn compile(
    walk: &mut Walk<'_>,
    base_url: Option<&BaseUrl>,
    section: &Section<TlsFile>,
) -> Option<Target> {
    let tls = tls(walk, section);
    let base_url = base_url?;
    if section.is_given && !base_url.is_https {
        walk.warn(&section.path, "has no effect: `base_url` is not https");
    }
    Some(Target {
        fingerprint: fingerprint(base_url, &tls),
        tls: base_url.is_https.then_some(tls),
        host: base_url.host.clone(),
        port: base_url.port,
        base_path: base_url.path.clone(),
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
fn fingerprint(base_url: &BaseUrl, tls: &TargetTls) -> String {
    let mut hash = Context::new(&SHA256);
    let mut add = |part: &[u8]| {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    };
    add(base_url.text.as_bytes());
    add(tls.ca_pem.as_deref().map_or(&[], Vec::as_slice));
    if let Some(client) = &tls.client {
        add(&client.chain_pem);
        add(client.key_pem.expose());
    }
    hex(hash.finish().as_ref())
}
