//! TLS material: from PEM bytes to what rustls needs, on both sides.
//!
//! Client configurations are built here rather than by pingora's connector, which builds one per connection when the
//! roots are not a file (no session resumption) and panics on certificates it cannot read. Handshakes are pingora's.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use pingora_rustls::load_native_certs;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};

use crate::wire::{Target, TargetTls};

/// Client configurations kept; to exceed this takes many accounts times many reloads, and then the old ones are
/// dropped.
const CLIENT_CONFIGS_MAX: usize = 256;

/// Makes aws-lc-rs the process's TLS provider. pingora would otherwise install ring, a second crypto library. Call it
/// first in `main`; calling it again changes nothing.
pub fn install_crypto_provider() {
    // An error says that a provider is already installed: this one, unless an embedding program chose another.
    let _ = aws_lc_rs::default_provider().install_default();
}

/// Why certificates or keys cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsMaterialError {
    /// Not a PEM certificate.
    #[error("expected PEM certificates, found none that can be read")]
    Certificates,
    /// Not a PEM private key.
    #[error("expected a PEM private key, found none that can be read")]
    PrivateKey,
    /// Certificate and key are each readable but cannot be used, usually because they do not belong together.
    #[error("the certificate and its private key cannot be used: {0}")]
    Unusable(String),
    /// A certificate authority that rustls does not accept.
    #[error("a certificate authority cannot be used: {0}")]
    Authority(String),
    /// No system roots.
    #[error("the system has no certificate authorities that can be read; configure them")]
    NoSystemRoots,
}

/// The certificate a listener presents. It can be replaced while the listener runs.
pub struct CertificateSlot(ArcSwap<CertifiedKey>);

impl CertificateSlot {
    /// A slot holding the chain and the key given as PEM.
    pub fn new(chain_pem: &[u8], key_pem: &[u8]) -> Result<Self, TlsMaterialError> {
        Ok(Self(ArcSwap::from_pointee(certified_key(chain_pem, key_pem)?)))
    }

    /// Presents another certificate on new connections. On an error the old one remains.
    pub fn replace(&self, chain_pem: &[u8], key_pem: &[u8]) -> Result<(), TlsMaterialError> {
        self.present(&Self::new(chain_pem, key_pem)?);
        Ok(())
    }

    /// Presents the certificate of `other` on new connections.
    pub fn present(&self, other: &Self) {
        self.0.store(other.0.load_full());
    }
}

impl fmt::Debug for CertificateSlot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CertificateSlot([redacted])")
    }
}

impl ResolvesServerCert for CertificateSlot {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// Client configurations by target, so that equal targets share session tickets.
#[derive(Default)]
pub(super) struct ClientConfigs(Mutex<HashMap<String, Arc<ClientConfig>>>);

impl ClientConfigs {
    /// The configuration for `target`, built on first use; `None` for a target without TLS.
    pub(super) fn of(
        &self,
        target: &Target,
    ) -> Result<Option<Arc<ClientConfig>>, TlsMaterialError> {
        let Some(material) = &target.tls else { return Ok(None) };
        let mut configs = self.0.lock();
        if let Some(config) = configs.get(&target.fingerprint) {
            return Ok(Some(Arc::clone(config)));
        }
        let config = Arc::new(client_config(material)?);
        if configs.len() >= CLIENT_CONFIGS_MAX {
            configs.clear();
        }
        configs.insert(target.fingerprint.clone(), Arc::clone(&config));
        Ok(Some(config))
    }
}

/// The rustls configuration towards a provider: TLS 1.2 or 1.3, HTTP/1.1 only, certificates and names checked.
pub fn client_config(material: &TargetTls) -> Result<ClientConfig, TlsMaterialError> {
    let roots = match &material.ca_pem {
        Some(pem) => Arc::new(roots_of(pem)?),
        None => system_roots()?,
    };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_root_certificates(roots);
    let mut config = match &material.client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let key = private_key(client.key_pem.expose())?;
            builder
                .with_client_auth_cert(certificates(&client.chain_pem)?, key)
                .map_err(unusable)?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certified_key(chain_pem: &[u8], key_pem: &[u8]) -> Result<CertifiedKey, TlsMaterialError> {
    CertifiedKey::from_der(certificates(chain_pem)?, private_key(key_pem)?, &provider())
        .map_err(unusable)
}

fn roots_of(pem: &[u8]) -> Result<RootCertStore, TlsMaterialError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(pem)? {
        roots.add(authority).map_err(|error| TlsMaterialError::Authority(error.to_string()))?;
    }
    Ok(roots)
}

/// The system's roots, read once. Unusable ones are skipped, as browsers do.
fn system_roots() -> Result<Arc<RootCertStore>, TlsMaterialError> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(load_native_certs().unwrap_or_default());
        Arc::new(roots)
    });
    if roots.is_empty() { Err(TlsMaterialError::NoSystemRoots) } else { Ok(Arc::clone(roots)) }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsMaterialError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(TlsMaterialError::Certificates),
    }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsMaterialError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| TlsMaterialError::PrivateKey)
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(aws_lc_rs::default_provider())))
}

fn unusable(error: rustls::Error) -> TlsMaterialError {
    TlsMaterialError::Unusable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_a_certificate_are_reported_as_such() {
        let material = TargetTls { ca_pem: Some(Arc::new(b"not PEM".to_vec())), client: None };
        assert_eq!(client_config(&material).err(), Some(TlsMaterialError::Certificates));
        assert_eq!(
            CertificateSlot::new(b"", b"").err(),
            Some(TlsMaterialError::Certificates),
            "an empty file must not become a listener without a certificate"
        );
    }
}
