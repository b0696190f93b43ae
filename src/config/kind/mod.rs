//! Kinds of value that can stand in a configuration file.

pub(crate) mod money;
pub(crate) mod pem;
pub(crate) mod secrets;
pub(crate) mod texts;
pub(crate) mod units;
pub(crate) mod urls;
