//! Panics as log lines: the place, and the message if it is a constant.
//!
//! A panic's message may contain an unexpected value, and that value may come from a body. A constant message cannot.

use std::panic::PanicHookInfo;

/// From now on a panic is logged, and nothing else is printed about it.
pub(super) fn report_without_values() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location();
        let at = place.map(|place| format!("{}:{}", place.file(), place.line()));
        tracing::error!(at, error = sentence(panic), "a bug in the program: it panicked");
    }));
}

fn sentence(panic: &PanicHookInfo<'_>) -> &'static str {
    panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("not shown: it has values")
}
