//! Reads a configuration file: its tables and values with their key paths, what they refer to, and every mistake in one go.
//!
//! Nothing here knows a key of any file: the sidecar and the sandbox read theirs with it.

pub(crate) mod kind;
pub(crate) mod paths;
pub(crate) mod reader;
pub(crate) mod schema;
pub(crate) mod section;
pub(crate) mod seen;
pub(crate) mod sources;
pub(crate) mod suggest;
pub(crate) mod syntax;
pub(crate) mod value;
