//! The steps of every call to the provider: attempts, what they prove, and which calls may simply be repeated.

pub(super) mod attempt;
pub(super) mod backoff;
pub(super) mod classify;
pub(super) mod labels;
pub(super) mod prepared;
pub(super) mod repeat;
pub(super) mod stopping;
