//! Panics as log lines: where, and the sentence if it is a constant one.
//!
//! A panic's message may hold the value that somebody did not expect, and that value may have come out of a body. A
//! constant sentence cannot.

use std::panic::PanicHookInfo;

/// From now on a panic is logged, and nothing else is printed about it.
pub(super) fn report_without_values() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location();
        let at = place.map(|place| format!("{}:{}", place.file(), place.line()));
        tracing::error!(at, error = sentence(panic), "the program made a mistake: a panic");
    }));
}

fn sentence(panic: &PanicHookInfo<'_>) -> &'static str {
    panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("not shown: it has values")
}
