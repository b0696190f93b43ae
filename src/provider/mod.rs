//! Providers as data: a profile file compiled once into immutable values.
//!
//! Everything that differs between providers stands in the profile (operations, members, codes, events, signing recipe). Code
//! knows no provider by name; the built-in profile is compiled in with `include_str!`.

mod checks;
mod codes;
mod compile;
mod event;
mod file;
mod lookup;
mod members;
mod operation;
mod overrides;
mod refusal;
mod schema;

pub use codes::{AnswerShape, Code, CodeMeaning, CodeTable, ProviderAnswer};
pub use compile::{Lost, Provider, builtin_names};
pub use event::{
    Acknowledgement, Amount, AmountUnit, EventKind, EventMembers, EventRule, EventStatus,
    EventTable, EventTime, Failure, Flag, NormaliseContext, Normalised, NotificationText, Recount,
    TimeFormat, UNRECOGNISED, Unparsable, WithoutName,
};
pub use lookup::LookedUp;
pub use operation::{
    Fill, FillContext, Kind, Member, MemberType, Operation, OperationOverride, ParameterError,
    Pattern, RequiredWhen, Resolution,
};
