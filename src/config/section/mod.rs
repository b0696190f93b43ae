//! The sections of the configuration file: what may stand in each, and what is checked and built from it.

pub(crate) mod account;
pub(crate) mod delivery;
pub(crate) mod file;
pub(crate) mod keys;
pub(crate) mod limits;
pub(crate) mod listen;
pub(crate) mod observe;
pub(crate) mod reload;
pub(crate) mod tls;
pub(crate) mod unconfirmed;
