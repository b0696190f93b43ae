//! JSON text read without losing a byte of it.
//!
//! Parsing and printing a body again makes another body: floats, big integers, escapes and order change. So this
//! module finds where members are in the text and splices ours in, and never prints what it read. It refuses what two
//! parsers could read differently: duplicate members at any level, lone surrogates, bytes that are not UTF-8, nesting
//! beyond a limit.

mod error;
mod names;
mod object;
mod scan;
mod text;

pub use error::JsonError;
pub use names::{Ambiguous, MemberNames};
pub use object::{Object, parse_object};
pub use scan::Member;
pub use text::{escape, unescape};
