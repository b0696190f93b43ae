//! Tests across the files of this folder: against other implementations and against published examples.

pub(super) mod openssl;
mod published;
mod wycheproof;
