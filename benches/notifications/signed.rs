//! Notifications, signed beforehand so that the measured part only sends them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign::in_process::sign::{Hash, PrivateKey};

/// Who signs.
pub struct Provider {
    pub key: PrivateKey,
    made: AtomicUsize,
}

impl Provider {
    pub fn new() -> Self {
        let key = PrivateKey::generate(2048).expect("a key pair");
        Self { key, made: AtomicUsize::new(0) }
    }

    pub fn public_pem(&self) -> String {
        self.key.public().to_pem()
    }

    /// `count` notifications that were never made before, signed on all cores.
    pub fn sign(&self, count: usize) -> Notifications {
        let first = self.made.fetch_add(count, Ordering::Relaxed);
        let params: Vec<String> = (first..first + count).map(param).collect();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let signatures = std::thread::scope(|scope| {
            let parts = params.chunks(params.len().div_ceil(cores).max(1));
            let signing: Vec<_> = parts
                .map(|part| {
                    scope.spawn(|| part.iter().map(|param| self.signature(param)).collect())
                })
                .collect();
            let signed = signing.into_iter().map(|thread| thread.join().expect("no panic"));
            signed.collect::<Vec<Vec<String>>>().concat()
        });
        Notifications { params, signatures }
    }

    fn signature(&self, param: &str) -> String {
        STANDARD.encode(self.key.sign(Hash::Sha256, param.as_bytes()))
    }
}

/// The text of a payout's notification, as the provider documents it.
pub fn param(number: usize) -> String {
    format!(
        r#"{{"amount":10000,"createTime":"2023-03-02 09:25:12","eventName":"disbursement.success","mchOrderId":"B{number:015}","remark":"invoice 2026-0001, settled weekly","returnTime":"2023-03-02 09:25:12","transactionId":"D{number:019}", "transactionStatus":"COMPLETED"}}"#
    )
}

/// Signed texts.
pub struct Notifications {
    params: Vec<String>,
    signatures: Vec<String>,
}

impl Notifications {
    /// The bodies as the provider posts them.
    pub fn genuine(&self) -> Vec<String> {
        self.bodies(0)
    }

    /// The same texts, each with the genuine signature of its neighbour: it costs as much to refuse as to accept.
    pub fn forged(&self) -> Vec<String> {
        self.bodies(1)
    }

    fn bodies(&self, shift: usize) -> Vec<String> {
        let signatures = self.signatures.iter().cycle().skip(shift);
        let pairs = self.params.iter().zip(signatures);
        pairs
            .map(|(param, sign)| serde_json::json!({ "sign": sign, "param": param }).to_string())
            .collect()
    }
}

/// Hands out each body once, to whoever asks first.
pub fn once(bodies: Vec<String>) -> impl Fn() -> Option<String> + Clone + Send + 'static {
    let shared = Arc::new((bodies, AtomicUsize::new(0)));
    move || shared.0.get(shared.1.fetch_add(1, Ordering::Relaxed)).cloned()
}
