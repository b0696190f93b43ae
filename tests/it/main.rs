//! The one integration-test binary: behaviour seen from outside, each module one part of it.

mod support;

mod architecture;
mod lifecycle;
mod outbound;
mod outcomes;
mod refusals;
