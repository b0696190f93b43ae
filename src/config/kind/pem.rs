//! Certificates and their keys as PEM, for TLS on both sides: read, and checked to belong together.

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::secret::Secret;

/// One or more certificates.
#[derive(Clone)]
pub(crate) struct Certificates {
    pub pem: Vec<u8>,
    pub ders: Vec<CertificateDer<'static>>,
}

kind!(Certificates -> Certificates: certificates,
    secret: false,
    expected: "one or more X.509 certificates as PEM",
    schema: { "type": "string", "minLength": 1 });

fn certificates(text: &str) -> Option<Certificates> {
    let ders: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let ders = ders.ok().filter(|ders| !ders.is_empty())?;
    Some(Certificates { pem: text.into(), ders })
}

/// The private key of a certificate.
pub(crate) struct CertificateKey;

kind!(CertificateKey -> Secret: certificate_key,
    secret: true,
    expected: "a private key as PEM (PKCS#8, PKCS#1 or SEC1)",
    schema: { "type": "string", "minLength": 1 });

fn certificate_key(text: &str) -> Option<Secret> {
    PrivateKeyDer::from_pem_slice(text.as_bytes()).ok().map(|_| Secret::new(text.into()))
}

/// Checks that `key` belongs to the first certificate; the error says what was expected.
pub(crate) fn check_pair(chain: &Certificates, key: &Secret) -> Result<(), &'static str> {
    let key = PrivateKeyDer::from_pem_slice(key.expose())
        .map_err(|_| "a private key that can be read")?;
    match CertifiedKey::from_der(chain.ders.clone(), key, &default_provider()) {
        Ok(_) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => Err("the key of the first certificate"),
        Err(_) => Err("a kind of key and certificate that TLS can use"),
    }
}

/// Checks that every certificate can serve as a root of trust.
pub(crate) fn check_roots(roots: &Certificates) -> Result<(), &'static str> {
    let mut store = rustls::RootCertStore::empty();
    let (_, unusable) = store.add_parsable_certificates(roots.ders.iter().cloned());
    match unusable {
        0 => Ok(()),
        _ => Err("certificates that can serve as roots of trust"),
    }
}
