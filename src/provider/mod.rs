//! Providers as data: a profile file compiled once into immutable values.
//!
//! Everything that differs between providers stands in the profile (operations, members, codes, signing recipe). Code
//! knows no provider by name; the built-in profile is compiled in with `include_str!`.

mod codes;
mod compile;
mod file;
mod openapi;
mod operation;
mod schema;

pub use codes::{AnswerShape, Code, CodeMeaning, CodeTable, ProviderAnswer};
pub use compile::{Provider, builtin_names};
pub use operation::{
    Fill, Kind, Member, MemberType, Operation, OperationOverride, ParameterError, Resolution,
};
