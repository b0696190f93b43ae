//! Which keys are loaded, when they end and when they were last used.

use prometheus::{GaugeVec, IntGaugeVec, Registry};

use super::register::{gauge, int_gauge};
use super::{KeyUse, Metrics};

pub(super) struct Keys {
    /// `countersign_signing_key_info{account,key_id,use}`: 1 for every loaded key.
    pub info: IntGaugeVec,
    /// `countersign_key_not_after_timestamp_seconds{account,key_id}`: only for keys with an end.
    pub not_after: GaugeVec,
    /// `countersign_key_last_used_timestamp_seconds{account,key_id}`: 0 until first used.
    pub last_used: GaugeVec,
}

impl Keys {
    pub fn new(registry: &Registry) -> Self {
        Self {
            info: int_gauge(
                registry,
                "countersign_signing_key_info",
                "Always 1; one for every loaded key, the provider's included",
                &["account", "key_id", "use"],
            ),
            not_after: gauge(
                registry,
                "countersign_key_not_after_timestamp_seconds",
                "When a signing key stops being valid, Unix time; missing for keys without an end",
                &["account", "key_id"],
            ),
            last_used: gauge(
                registry,
                "countersign_key_last_used_timestamp_seconds",
                "When a key was last used, Unix time; 0 until then",
                &["account", "key_id"],
            ),
        }
    }
}

impl Metrics {
    /// Makes a key's series exist; `not_after` is Unix time in seconds.
    pub fn announce_key(&self, account: &str, key_id: &str, usage: KeyUse, not_after: Option<i64>) {
        self.keys.info.with_label_values(&[account, key_id, usage.as_str()]).set(1);
        self.keys.last_used.with_label_values(&[account, key_id]);
        match (usage, not_after) {
            (_, Some(end)) => {
                self.keys.not_after.with_label_values(&[account, key_id]).set(end as f64);
            }
            // It may have had an end before a reload; that it never had one is no error.
            (KeyUse::Sign, None) => {
                let _ = self.keys.not_after.remove_label_values(&[account, key_id]);
            }
            (KeyUse::Verify, None) => {}
        }
    }

    /// When a key was last used by this process, in Unix seconds; `None` when it was not.
    pub fn last_used(&self, account: &str, key_id: &str) -> Option<f64> {
        let at = self.keys.last_used.with_label_values(&[account, key_id]).get();
        (at > 0.0).then_some(at)
    }

    /// Notes when a key was used, in Unix time.
    pub fn key_used(&self, account: &str, key_id: &str, unix_seconds: i64) {
        self.keys.last_used.with_label_values(&[account, key_id]).set(unix_seconds as f64);
    }
}
