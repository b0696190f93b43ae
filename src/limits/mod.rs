//! Everything that limits the work towards a provider: calls in flight, circuits, rate, repeats, money, and clock
//! skew.
//!
//! State is kept per account name, not per snapshot, so it outlives a reload. The order is:
//!
//! 1. `in_flight`: [`InFlight::enter`], once per call.
//! 2. `money`: [`MoneyBudget::reserve`], once per call that moves money out; given back only when provably not sent.
//! 3. `circuit`: [`Circuit::enter`] for the operation's [`CallClass`], once per attempt: a call that it refuses uses
//!    none of the rate. The permission is settled with the result of the attempt; when the rate refuses, dropping it
//!    makes room for the next test.
//! 4. `rate`: [`RateLimiter::admit`], which may wait; [`CircuitPermit::still_good`] afterwards. When the provider says "too
//!    many", [`RateLimiter::close_for`].
//! 5. `skew`: [`ClockSkew::corrected`] for the timestamp if the account requests it; [`ClockSkew::observe`]
//!    afterwards.
//! 6. `budget`: [`RetryBudget::earn`] when an attempt was answered, [`RetryBudget::spend`] before every repeat; each class
//!    has its own.
//!
//! [`CallClass`]: crate::provider::CallClass
//! [`Circuit::enter`]: circuit::Circuit::enter
//! [`RateLimiter::admit`]: rate::RateLimiter::admit
//! [`RateLimiter::close_for`]: rate::RateLimiter::close_for
//! [`ClockSkew::corrected`]: skew::ClockSkew::corrected
//! [`ClockSkew::observe`]: skew::ClockSkew::observe
//! [`RetryBudget::earn`]: budget::RetryBudget::earn
//! [`RetryBudget::spend`]: budget::RetryBudget::spend

mod accounts;
mod budget;
mod circuit;
mod in_flight;
mod kind;
mod money;
mod rate;
mod skew;

pub use accounts::{AccountLimits, Limiters};
pub use circuit::{CircuitOpen, CircuitPermit, CircuitState, Sample};
pub use in_flight::InFlight;
pub use kind::LimitKind;
pub use money::{MoneyBudget, MoneyRefused, Reserved};
pub use rate::{RateRefused, Urgency};
