//! Tests across the files of this folder: against other implementations and against published examples.

pub(crate) mod fixture;
pub(super) mod openssl;
mod published;
mod wycheproof;
