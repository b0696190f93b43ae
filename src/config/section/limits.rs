//! The limits of one account: its file sections checked and built.

use std::collections::BTreeMap;

use super::file::{CircuitFile, LimitsFile, OperationLimitFile};
use crate::config::kind::texts::CurrencyCode;
use crate::config::read::reader::Walk;
use crate::config::read::section::{Keyed, Section};
use crate::config::read::suggest::nearest;
use crate::config::snapshot::{CircuitLimits, Limits, Money, OperationLimit};
use crate::provider::Provider;

/// Checks the limits on calls. `provider` and `currency` are missing when they are wrong or left out.
pub(crate) fn compile(
    walk: &mut Walk<'_>,
    section: &Section<LimitsFile>,
    provider: Option<&Provider>,
    currency: Option<&CurrencyCode>,
) -> Limits {
    let file = walk.section(section).unwrap_or(&section.value);
    let rate = walk.optional(&file.rate);
    let burst = walk.optional(&file.burst).map(|burst| burst.0);
    if burst.is_some() && !file.rate.is_given() {
        walk.warn(&file.burst.path, "has no effect without `rate`");
    }
    Limits {
        rate,
        burst,
        on_excess: walk.or(&file.on_excess, LimitsFile::ON_EXCESS),
        max_wait: walk.or(&file.max_wait, LimitsFile::MAX_WAIT).0,
        in_flight: walk.or(&file.in_flight, LimitsFile::IN_FLIGHT).0 as usize,
        operations: operations(walk, &file.operation, provider),
        money_per_hour: money_per_hour(walk, file, currency),
    }
}

/// Checks when calls are held back.
pub(crate) fn circuit(walk: &mut Walk<'_>, section: &Section<CircuitFile>) -> CircuitLimits {
    let file = walk.section(section).unwrap_or(&section.value);
    CircuitLimits {
        failures: walk.or(&file.failures, CircuitFile::FAILURES).0,
        open_for: walk.or(&file.open_for, CircuitFile::OPEN_FOR).0,
    }
}

fn operations(
    walk: &mut Walk<'_>,
    keyed: &Keyed<Section<OperationLimitFile>>,
    provider: Option<&Provider>,
) -> BTreeMap<String, OperationLimit> {
    let mut limits = BTreeMap::new();
    for (name, section) in walk.entries(keyed) {
        if let Some(provider) = provider
            && provider.operation(name).is_none()
        {
            walk.mistake(&section.path, unknown(provider, name));
        }
        let Some(file) = walk.section(section) else { continue };
        let rate = walk.required(&file.rate);
        let burst = walk.optional(&file.burst).map(|burst| burst.0);
        if let Some(rate) = rate {
            limits.insert(name.clone(), OperationLimit { rate, burst });
        }
    }
    limits
}

fn unknown(provider: &Provider, name: &str) -> String {
    let names: Vec<&str> = provider.operations.iter().map(|row| row.name.as_str()).collect();
    let suggestion = match nearest(name, &names) {
        Some(meant) => format!("did you mean `{meant}`? "),
        None => String::new(),
    };
    let provider = &provider.name;
    format!("not an operation of `{provider}`, {suggestion}expected one of {}", names.join(", "))
}

fn money_per_hour(
    walk: &mut Walk<'_>,
    file: &LimitsFile,
    currency: Option<&CurrencyCode>,
) -> Option<Money> {
    let leaf = &file.money_per_hour;
    let money = walk.optional(leaf)?;
    match currency {
        Some(currency) if currency.0 != money.currency => {
            let problem = format!(
                "found an amount of `{}`, expected the account's `currency`, `{}`",
                money.currency, currency.0
            );
            walk.mistake(&leaf.path, problem);
            None
        }
        Some(_) => Some(money),
        None => {
            walk.warn(&leaf.path, "no `currency`: amounts in calls are taken to be of this one");
            Some(money)
        }
    }
}
