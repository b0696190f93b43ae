//! Reloads of the configuration. Loading it at the start is not a reload, but counts as the first success: an alert on
//! "never loaded" must not fire in a running process.

use super::Metrics;

impl Metrics {
    /// Records that the configuration was read when the process started; Unix time in seconds.
    pub fn config_loaded_at_start(&self, now_unix_seconds: f64) {
        self.all.reload_successful.with_label_values::<&str>(&[]).set(1);
        self.all.reload_success_timestamp.with_label_values::<&str>(&[]).set(now_unix_seconds);
    }

    /// Counts one reload of the configuration that ended as `result`; Unix time in seconds. With `is_in_place` the
    /// configuration in the files is the one in use.
    pub fn count_reload(
        &self,
        result: impl Into<&'static str>,
        is_in_place: bool,
        now_unix_seconds: f64,
    ) {
        self.all.reloads.with_label_values(&[result.into()]).inc();
        match is_in_place {
            true => self.config_loaded_at_start(now_unix_seconds),
            false => self.all.reload_successful.with_label_values::<&str>(&[]).set(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::labels;

    fn text(metrics: &Metrics) -> String {
        String::from_utf8(metrics.render()).expect("text")
    }

    #[test]
    fn the_first_failure_is_a_step_and_not_a_new_series() {
        let text = text(&Metrics::new("0", "0"));
        for result in labels::RELOADS {
            let series = format!("countersign_config_reloads_total{{result=\"{result}\"}} 0\n");
            assert!(text.contains(&series), "`{series}` is missing from:\n{text}");
        }
    }

    #[test]
    fn a_failure_keeps_the_time_of_the_last_success() {
        let metrics = Metrics::new("0", "0");
        metrics.config_loaded_at_start(100.0);
        assert!(text(&metrics).contains("countersign_config_last_reload_successful 1\n"));
        metrics.count_reload("success", true, 200.0);
        metrics.count_reload("failure", false, 300.0);
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
    fn restoring_the_files_ends_the_alarm() {
        let metrics = Metrics::new("0", "0");
        metrics.count_reload("failure", false, 100.0);
        metrics.count_reload("unchanged", true, 200.0);
        let text = text(&metrics);
        assert!(text.contains("countersign_config_last_reload_successful 1\n"), "{text}");
    }
}
