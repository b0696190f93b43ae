//! The commands, one file each.

pub mod check;
pub mod sandbox;
pub mod schema;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked to.
    Done,
    /// It could not.
    Failed,
    /// It was asked wrongly.
    Usage,
}
