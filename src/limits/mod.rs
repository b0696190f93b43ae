//! What bounds the work towards a provider: calls in flight, circuits, rate, repeats, money, and the clock it is held to.
//!
//! State is kept per account name, not per snapshot, so it outlives a reload. In this order:
//!
//! 1. `in_flight`: [`InFlight::enter`], once per call.
//! 2. `money`: [`MoneyBudget::reserve`], once per call that moves money out; given back only when provably not sent.
//! 3. `circuit`: [`Circuit::enter`] for the operation's [`CallClass`], once per attempt: what it refuses takes nothing from
//!    the rate. The leave is settled with what the attempt showed; where the rate refuses, dropping it makes room for
//!    the next try.
//! 4. `rate`: [`RateLimiter::admit`], which may wait; [`CircuitLeave::still_good`] afterwards. When the provider says "too
//!    many", [`RateLimiter::close_for`].
//! 5. `skew`: [`ClockSkew::corrected`] for the timestamp where the account asks for it; [`ClockSkew::observe`] afterwards.
//! 6. `budget`: [`RetryBudget::earn`] when an attempt was answered, [`RetryBudget::spend`] before every repeat; each class
//!    has its own.
//!
//! [`CallClass`]: crate::provider::CallClass

mod accounts;
mod budget;
mod circuit;
mod in_flight;
mod kind;
mod money;
mod rate;
mod skew;

pub use accounts::{AccountLimits, Limiters};
pub use circuit::{CircuitLeave, CircuitOpen, CircuitState, Sample};
pub use in_flight::InFlight;
pub use kind::LimitKind;
pub use money::{MoneyBudget, MoneyRefused, Reserved};
pub use rate::{RateRefused, Urgency};
