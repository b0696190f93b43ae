//! Reads figures back out of the metrics, so that the page and a dashboard can never disagree.

use std::collections::BTreeMap;

use prometheus::proto::{Metric, MetricFamily, MetricType};

/// The metrics at one moment.
pub(super) struct Figures(Vec<MetricFamily>);

impl Figures {
    pub fn new(families: Vec<MetricFamily>) -> Self {
        Self(families)
    }

    /// The sum of the series of `name` that carry all of `labels`; `None` when there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let values = self.series(name).filter(|(metric, _)| carries(metric, labels));
        values.map(|(_, value)| value).reduce(|sum, value| sum + value)
    }

    /// The same, grouped by the values of the label `by`.
    pub fn by(&self, name: &str, by: &str, labels: &[(&str, &str)]) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for (metric, value) in self.series(name).filter(|(metric, _)| carries(metric, labels)) {
            if let Some(key) = label(metric, by) {
                *sums.entry(key.to_owned()).or_default() += value;
            }
        }
        sums
    }

    /// The series of counters and gauges, each with its value.
    fn series(&self, name: &str) -> impl Iterator<Item = (&Metric, f64)> {
        let families = self.0.iter().filter(move |family| family.name() == name);
        families.flat_map(|family| {
            let kind = family.get_field_type();
            family.get_metric().iter().map(move |metric| (metric, value(kind, metric)))
        })
    }
}

fn value(kind: MetricType, metric: &Metric) -> f64 {
    match kind {
        MetricType::COUNTER => metric.get_counter().get_value(),
        MetricType::GAUGE => metric.get_gauge().get_value(),
        // The number of observations: the page needs no more than that.
        MetricType::HISTOGRAM => metric.get_histogram().get_sample_count() as f64,
        MetricType::SUMMARY | MetricType::UNTYPED => 0.0,
    }
}

fn carries(metric: &Metric, labels: &[(&str, &str)]) -> bool {
    labels.iter().all(|(name, wanted)| label(metric, name) == Some(wanted))
}

fn label<'m>(metric: &'m Metric, name: &str) -> Option<&'m str> {
    metric.get_label().iter().find(|pair| pair.name() == name).map(|pair| pair.value())
}

#[cfg(test)]
mod tests {
    use prometheus::{IntCounterVec, Opts, Registry};

    use super::*;

    #[test]
    fn figures_are_summed_over_the_labels_that_are_not_given() {
        let calls =
            IntCounterVec::new(Opts::new("calls", "Calls"), &["account", "outcome", "code"])
                .expect("a counter");
        for labels in [
            ["shop", "accepted", "1"],
            ["shop", "accepted", "2"],
            ["shop", "unknown", "1"],
            ["other", "accepted", "1"],
        ] {
            calls.with_label_values(&labels).inc();
        }
        let registry = Registry::new();
        registry.register(Box::new(calls)).expect("registered");
        let figures = Figures::new(registry.gather());
        let of_shop = figures.by("calls", "outcome", &[("account", "shop")]);
        let expected = [("accepted".to_owned(), 2.0), ("unknown".to_owned(), 1.0)];
        assert_eq!(of_shop, BTreeMap::from(expected));
        assert_eq!(figures.sum("calls", &[("outcome", "accepted")]), Some(3.0));
        assert_eq!(figures.sum("calls", &[("account", "nobody")]), None);
        assert_eq!(figures.sum("no_such_metric", &[]), None, "a missing metric is not 0");
    }
}
