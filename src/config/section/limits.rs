//! Limits on an account's calls, and when calls are held back.

use std::collections::BTreeMap;

use crate::config::kind::units::{HOUR_MS, MINUTE_MS, Span, Whole};
use crate::config::read::kind::Choice;
use crate::config::read::{Keyed, Reader, Required, Section, Value, did_you_mean, file_section};
use crate::config::snapshot::{CircuitLimits, Limits, Money, OnExcess, OperationLimit, Rate};
use crate::provider::Provider;

/// A time that may be zero.
type Pause = Span<0, { 10 * MINUTE_MS }>;
/// How long a circuit stays open.
type OpenFor = Span<100, HOUR_MS>;

file_section! {
    /// Limits on an account's calls.
    LimitsFile {
        /// Calls per second, minute or hour, such as `50/s`. No limit by default.
        rate: Value<Rate>,
        /// Calls that may be made at once before `rate` counts. By default as many as `rate` allows in its unit of time.
        burst: Value<Whole<1, 1_000_000>>,
        /// What happens to a call over the rate: it waits up to `max_wait`, or it is refused.
        on_excess: Value<OnExcess> = "wait",
        /// The longest that a call waits for the rate, as a duration such as `2s`.
        max_wait: Value<Pause> = "2s",
        /// The number of calls in progress at the same time; more are refused.
        in_flight: Value<Whole<1, 100_000>> = 64,
        /// The money that new calls may move within an hour, such as `100000.00 THB`; more is refused. No limit by default.
        money_per_hour: Value<Money>,
        /// Further rates for single operations, by operation name. A call must fit its own rate and the account's.
        operation: Keyed<Section<OperationLimitFile>>,
    }
}

file_section! {
    /// The rate of one operation.
    OperationLimitFile {
        /// Calls per second, minute or hour, such as `10/s`.
        rate: Required<Value<Rate>>,
        /// Calls that may be made at once before `rate` counts. By default as many as `rate` allows in its unit of time.
        burst: Value<Whole<1, 1_000_000>>,
    }
}

file_section! {
    /// When calls are held back from a provider that fails: separately for creates and queries.
    CircuitFile {
        /// The number of failed calls in a row after which no more are made for a while; 0 for never. Refusals are
        /// not failures. The same happens when half of at least 20 calls within 10 seconds fail.
        failures: Value<Whole<0, 10_000>> = 10,
        /// How long no calls are made until a single one is made as a test, as a duration such as `10s`.
        open_for: Value<OpenFor> = "10s",
    }
}

impl Choice for OnExcess {
    const WORDS: &'static [(&'static str, Self)] =
        &[("wait", Self::Wait), ("reject", Self::Reject)];
}

/// Checks the limits on calls. `provider` and `currency` are missing if they are wrong or omitted.
pub(super) fn compile(
    reader: &mut Reader<'_>,
    section: &Section<LimitsFile>,
    provider: Option<&Provider>,
    currency: Option<&str>,
) -> Limits {
    let file = reader.keys(section);
    let rate = reader.optional(&file.rate);
    let burst = reader.optional(&file.burst);
    if burst.is_some() && !file.rate.is_given() {
        reader.warn(&file.burst.path, "has no effect without `rate`");
    }
    Limits {
        rate,
        burst,
        on_excess: file.on_excess(reader),
        max_wait: file.max_wait(reader),
        in_flight: file.in_flight(reader) as usize,
        operations: operations(reader, &file.operation, provider),
        money_per_hour: money_per_hour(reader, file, currency),
    }
}

/// Checks when calls are held back.
pub(super) fn circuit(reader: &mut Reader<'_>, section: &Section<CircuitFile>) -> CircuitLimits {
    let file = reader.keys(section);
    CircuitLimits { failures: file.failures(reader), open_for: file.open_for(reader) }
}

fn operations(
    reader: &mut Reader<'_>,
    keyed: &Keyed<Section<OperationLimitFile>>,
    provider: Option<&Provider>,
) -> BTreeMap<String, OperationLimit> {
    let mut limits = BTreeMap::new();
    for (name, section) in reader.entries(keyed) {
        if let Some(provider) = provider.filter(|provider| provider.operation(name).is_none()) {
            reader.mistake(&section.path, unknown(provider, name));
        }
        let Some(file) = reader.section(section) else { continue };
        let rate = reader.required(&file.rate);
        let burst = reader.optional(&file.burst);
        limits.extend(rate.map(|rate| (name.clone(), OperationLimit { rate, burst })));
    }
    limits
}

fn unknown(provider: &Provider, name: &str) -> String {
    let names: Vec<&str> = provider.operations.iter().map(|row| row.name.as_str()).collect();
    let (meant, provider) = (did_you_mean(name, &names), &provider.name);
    format!("not an operation of `{provider}`, {meant}expected one of {}", names.join(", "))
}

fn money_per_hour(
    reader: &mut Reader<'_>,
    file: &LimitsFile,
    currency: Option<&str>,
) -> Option<Money> {
    let path = &file.money_per_hour.path;
    let money = reader.optional(&file.money_per_hour)?;
    match currency {
        Some(currency) if currency != money.currency => {
            let problem = format!(
                "found an amount of `{}`, expected the account's `currency`, `{currency}`",
                money.currency
            );
            reader.mistake(path, problem);
        }
        Some(_) => {}
        None => reader.warn(path, "no `currency`: amounts in calls are assumed to be in this one"),
    }
    Some(money)
}
