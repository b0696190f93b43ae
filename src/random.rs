//! The one source of randomness: ids, jitter and signatures draw from here.
#![expect(clippy::disallowed_methods, reason = "this file owns randomness")]

use aws_lc_rs::rand::{self, SystemRandom};

/// Random bytes; `None` when the system has none to give.
pub fn bytes<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// From 0 up to 1; `None` when the system's random source fails.
pub fn fraction() -> Option<f64> {
    Some(f64::from(u32::from_ne_bytes(bytes()?)) / (f64::from(u32::MAX) + 1.0))
}

/// The source of randomness for signatures.
pub fn source() -> SystemRandom {
    SystemRandom::new()
}
