//! Signing and verifying: keys, algorithms, recipes and the pool of threads that signs.
//!
//! A signing recipe is data from a provider profile, made of small closed enums; the functions that apply it are plain
//! and synchronous. Nothing here knows a provider, a socket or a file.

mod explain;
mod key;
mod keyring;
mod pool;
mod recipe;
#[cfg(test)]
mod tests;

pub use explain::{Candidate, Explanation, Role, explain};
pub use key::{AnyKey, Hash, PrivateKey, PublicKey, hex};
pub use keyring::{KeyRing, KeyState, KeyUse, SigningKey, VerifyingKey};
pub use pool::{SignError, SignPool};
pub use recipe::{RequestRecipe, Unreadable, VerifyRecipe};
#[cfg(test)]
pub(crate) use tests::fixture;
