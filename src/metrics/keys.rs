//! Which keys are loaded, when they end and when they were last used.

use super::Metrics;
use super::families::{Labels, forget};
use super::labels::SIGN;

impl Metrics {
    /// Creates the series of a key that is used to `usage`: `sign` or `verify`.
    pub fn announce_key(&self, account: &str, key_id: &str, usage: impl Into<&'static str>) {
        self.all.key_info.with_label_values(&[account, key_id, usage.into()]).set(1);
        self.all.key_last_used.with_label_values(&[account, key_id]);
    }

    /// Shows when a signing key ends, in Unix seconds; `None` if it has no end.
    pub fn set_key_end(&self, account: &str, key_id: &str, not_after: Option<i64>) {
        let labels = [account, key_id];
        match not_after {
            Some(end) => self.all.key_not_after.with_label_values(&labels).set(end as f64),
            // It may have had an end before a reload; it is not an error if it never had one.
            None => drop(self.all.key_not_after.remove_label_values(&labels)),
        }
    }

    /// When a key was last used by this process, in Unix seconds; `None` if never.
    pub fn last_used(&self, account: &str, key_id: &str) -> Option<f64> {
        let at = self.all.key_last_used.with_label_values(&[account, key_id]).get();
        (at > 0.0).then_some(at)
    }

    /// Records when a key was used, in Unix time.
    pub fn key_used(&self, account: &str, key_id: &str, unix_seconds: i64) {
        self.all.key_last_used.with_label_values(&[account, key_id]).set(unix_seconds as f64);
    }

    /// Drops the series of one key. Only signing keys have an end.
    pub fn forget_key(&self, account: &str, key_id: &str, usage: impl Into<&'static str>) {
        let usage = usage.into();
        let is_its = |labels: &Labels<'_>| {
            labels.get("account") == Some(&account) && labels.get("key_id") == Some(&key_id)
        };
        forget(&self.all.key_info, |labels| is_its(labels) && labels.get("use") == Some(&usage));
        forget(&self.all.key_last_used, is_its);
        if usage == SIGN {
            forget(&self.all.key_not_after, is_its);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::AnnouncedAccount;

    fn text(metrics: &Metrics) -> String {
        String::from_utf8(metrics.render()).expect("text")
    }

    #[test]
    fn nothing_of_a_removed_account_is_shown() {
        let metrics = Metrics::new("0", "0");
        for account in ["shop", "shop-2"] {
            metrics.announce_account(&AnnouncedAccount {
                name: account,
                operations: vec!["balance"],
                events: vec!["paid.success"],
                accepted: vec!["10000".to_owned()],
            });
            metrics.announce_key(account, "k", "sign");
            metrics.set_key_end(account, "k", Some(1));
            metrics.set_unknown(account, 1, 2.0);
            metrics.clock_skew(account).set(1.0);
            metrics.count_request(account, "balance", "accepted", "10000", 0.1);
            metrics.count_resolved(account, "accepted");
        }
        let before = text(&metrics);
        let count = |text: &str, account: &str| {
            text.lines().filter(|line| line.contains(&format!("account=\"{account}\""))).count()
        };
        metrics.forget_account("shop");
        let after = text(&metrics);
        assert_eq!(count(&after, "shop"), 0, "{after}");
        assert_eq!(count(&after, "shop-2"), count(&before, "shop-2"), "others are left alone");
    }

    #[test]
    fn a_verifying_key_is_removed_without_the_signing_key_of_that_id() {
        let metrics = Metrics::new("0", "0");
        metrics.announce_key("shop", "k", "sign");
        metrics.set_key_end("shop", "k", Some(1));
        metrics.announce_key("shop", "k", "verify");
        metrics.announce_key("shop", "other", "verify");
        metrics.forget_key("shop", "k", "verify");
        let text = text(&metrics);
        for (series, is_there) in [
            (r#"signing_key_info{account="shop",key_id="k",use="sign"}"#, true),
            (r#"signing_key_info{account="shop",key_id="k",use="verify"}"#, false),
            (r#"signing_key_info{account="shop",key_id="other",use="verify"}"#, true),
            (r#"key_not_after_timestamp_seconds{account="shop",key_id="k"}"#, true),
        ] {
            assert_eq!(text.contains(series), is_there, "{series}: {text}");
        }
    }

    #[test]
    fn a_key_whose_end_was_removed_has_none_any_more() {
        let metrics = Metrics::new("0", "0");
        metrics.announce_key("shop", "k", "sign");
        metrics.set_key_end("shop", "k", Some(1));
        metrics.announce_key("shop", "k", "sign");
        metrics.set_key_end("shop", "k", None);
        assert!(!text(&metrics).contains("key_not_after_timestamp_seconds{"));
    }
}
