//! How reloading the configuration goes. What is loaded at the start is no reload, but counts as the first success: an
//! alert on "never loaded" must not fire in a process that runs.

use prometheus::{Gauge, IntCounterVec, IntGauge, Opts, Registry};

use super::registered;

/// How one attempt to reload the configuration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadResult {
    /// Another configuration is in place.
    Success,
    /// Nothing differs from what is in place.
    Unchanged,
    /// It has mistakes, or needs a restart: what was in place stays.
    Failure,
}

impl ReloadResult {
    /// All results, so that their series exist from the start.
    pub const ALL: [Self; 3] = [Self::Success, Self::Unchanged, Self::Failure];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Unchanged => "unchanged",
            Self::Failure => "failure",
        }
    }
}

/// The metrics about reloading.
pub(super) struct Reloads {
    /// `countersign_config_reloads_total{result}`: a poll that finds nothing new is not counted.
    total: IntCounterVec,
    /// `countersign_config_last_reload_successful`: 1 also when nothing had changed.
    successful: IntGauge,
    /// `countersign_config_last_reload_success_timestamp_seconds`.
    success_timestamp: Gauge,
}

impl Reloads {
    pub fn new(registry: &Registry) -> Self {
        let total = registered(
            registry,
            IntCounterVec::new(
                Opts::new("countersign_config_reloads_total", "Reloads of the configuration"),
                &["result"],
            ),
        );
        for result in ReloadResult::ALL {
            total.with_label_values(&[result.as_str()]);
        }
        Self {
            total,
            successful: registered(
                registry,
                IntGauge::new(
                    "countersign_config_last_reload_successful",
                    "1 when the configuration as it stands in its files is in place, else 0",
                ),
            ),
            success_timestamp: registered(
                registry,
                Gauge::new(
                    "countersign_config_last_reload_success_timestamp_seconds",
                    "When the configuration was last read without mistakes, Unix time",
                ),
            ),
        }
    }

    /// Notes what was loaded at the start.
    pub fn started(&self, now_unix_seconds: f64) {
        self.successful.set(1);
        self.success_timestamp.set(now_unix_seconds);
    }

    pub fn count(&self, result: ReloadResult, now_unix_seconds: f64) {
        self.total.with_label_values(&[result.as_str()]).inc();
        match result {
            ReloadResult::Success | ReloadResult::Unchanged => self.started(now_unix_seconds),
            ReloadResult::Failure => self.successful.set(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    fn text(metrics: &Metrics) -> String {
        String::from_utf8(metrics.render()).expect("text")
    }

    #[test]
    fn the_first_failure_is_a_step_and_not_a_new_series() {
        let text = text(&Metrics::new("0", "0"));
        for result in ReloadResult::ALL {
            let series =
                format!("countersign_config_reloads_total{{result=\"{}\"}} 0\n", result.as_str());
            assert!(text.contains(&series), "`{series}` is missing from:\n{text}");
        }
    }

    #[test]
    fn a_failure_keeps_the_time_of_the_last_success() {
        let metrics = Metrics::new("0", "0");
        metrics.config_loaded_at_start(100.0);
        assert!(text(&metrics).contains("countersign_config_last_reload_successful 1\n"));
        metrics.count_reload(ReloadResult::Success, 200.0);
        metrics.count_reload(ReloadResult::Failure, 300.0);
        let text = text(&metrics);
        for line in [
            "countersign_config_reloads_total{result=\"success\"} 1\n",
            "countersign_config_reloads_total{result=\"failure\"} 1\n",
            "countersign_config_last_reload_successful 0\n",
            "countersign_config_last_reload_success_timestamp_seconds 200\n",
        ] {
            assert!(text.contains(line), "`{line}` is missing from:\n{text}");
        }
    }

    #[test]
    fn files_put_back_as_they_were_end_the_alarm() {
        let metrics = Metrics::new("0", "0");
        metrics.count_reload(ReloadResult::Failure, 100.0);
        metrics.count_reload(ReloadResult::Unchanged, 200.0);
        let text = text(&metrics);
        assert!(text.contains("countersign_config_last_reload_successful 1\n"), "{text}");
    }
}
