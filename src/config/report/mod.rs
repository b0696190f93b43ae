//! Reports about a configuration: how two differ, what needs a restart, the state of its keys.

pub(crate) mod compare;
pub(crate) mod digests;
pub(crate) mod key_list;
pub(crate) mod mixups;
pub(crate) mod restart;
