//! The edges of the histograms, in seconds, with the reasons for them.

/// From 1 ms (a query over loopback) to 60 s (the longest time-out that makes sense for a payment). Dense where
/// providers usually answer (50 ms to 5 s), with an edge at the default total time-out of 30 s: calls beyond it timed
/// out.
pub(super) const DURATION: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0,
];

/// The same range with a finer start: a wait without delay takes microseconds, a 2048-bit signature 0.5 ms, a commit to
/// a good disk about 1 ms, and each of them is an incident long before it takes a second.
pub(super) const PHASE: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 20.0, 30.0, 60.0,
];

/// From 0.5 ms (verified and stored, with no other load) to 10 s, when a provider has given up waiting.
pub(super) const NOTIFICATION: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// From 5 ms (the application is nearby and accepts everything) to the 72 hours after which an event is given up by
/// default; the edges in between are those that an operator thinks in: seconds, minutes, hours, days.
pub(super) const LAG: &[f64] = &[
    0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 3600.0, 21_600.0, 86_400.0,
    259_200.0,
];
