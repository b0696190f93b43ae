//! Takes away the series of accounts and keys that are no longer configured.

use std::collections::HashMap;

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};

use super::{KeyUse, Metrics};

impl Metrics {
    /// Drops every series of `account`. What still counts for it afterwards makes its series appear again.
    pub fn forget_account(&self, account: &str) {
        let is_its = |labels: &HashMap<&str, &str>| labels.get("account") == Some(&account);
        forget(&self.requests.total, is_its);
        forget(&self.requests.duration, is_its);
        forget(&self.requests.in_flight, is_its);
        forget(&self.payments.unknown, is_its);
        forget(&self.payments.oldest_age, is_its);
        forget(&self.payments.resolved, is_its);
        forget(&self.payments.stranded, is_its);
        forget(&self.payments.conflicts, is_its);
        forget(&self.requests.attempts, is_its);
        forget(&self.limits.rate_limited, is_its);
        forget(&self.limits.circuit_state, is_its);
        forget(&self.limits.clock_skew, is_its);
        forget(&self.keys.info, is_its);
        forget(&self.keys.not_after, is_its);
        forget(&self.keys.last_used, is_its);
        forget(&self.notifications.total, is_its);
        forget(&self.notifications.duration, is_its);
        forget(&self.deliveries.inbox_events, is_its);
        forget(&self.deliveries.oldest_age, is_its);
        forget(&self.deliveries.total, is_its);
        forget(&self.deliveries.lag, is_its);
    }

    /// Drops the series of one key.
    pub fn forget_key(&self, account: &str, key_id: &str, usage: KeyUse) {
        let is_its = |labels: &HashMap<&str, &str>| {
            labels.get("account") == Some(&account) && labels.get("key_id") == Some(&key_id)
        };
        forget(&self.keys.info, |labels| {
            is_its(labels) && labels.get("use") == Some(&usage.as_str())
        });
        forget(&self.keys.last_used, is_its);
        match usage {
            KeyUse::Sign => forget(&self.keys.not_after, is_its),
            KeyUse::Verify => {}
        }
    }
}

fn forget<B: MetricVecBuilder>(
    family: &MetricVec<B>,
    is_its: impl Fn(&HashMap<&str, &str>) -> bool,
) {
    for collected in family.collect() {
        for series in collected.get_metric() {
            let labels: HashMap<&str, &str> =
                series.get_label().iter().map(|label| (label.name(), label.value())).collect();
            if is_its(&labels) {
                // An error says that somebody else removed it a moment ago.
                let _ = family.remove(&labels);
            }
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
            metrics.announce_key(account, "k", KeyUse::Sign, Some(1));
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
    fn a_key_that_only_verifies_goes_without_the_one_that_signs() {
        let metrics = Metrics::new("0", "0");
        metrics.announce_key("shop", "k", KeyUse::Sign, Some(1));
        metrics.announce_key("shop", "k", KeyUse::Verify, None);
        metrics.announce_key("shop", "other", KeyUse::Verify, None);
        metrics.forget_key("shop", "k", KeyUse::Verify);
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
    fn a_key_whose_end_was_taken_out_has_none_any_more() {
        let metrics = Metrics::new("0", "0");
        metrics.announce_key("shop", "k", KeyUse::Sign, Some(1));
        metrics.announce_key("shop", "k", KeyUse::Sign, None);
        assert!(!text(&metrics).contains("key_not_after_timestamp_seconds{"));
    }
}
