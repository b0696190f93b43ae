//! What is said about a configuration: how two differ, what needs a restart, how its keys are doing.

pub(crate) mod compare;
pub(crate) mod digests;
pub(crate) mod key_list;
pub(crate) mod mixups;
pub(crate) mod restart;
