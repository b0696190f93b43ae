//! Providers as data: a profile file compiled once into immutable values.
//!
//! Everything that differs between providers is in the profile (operations, members, codes, events, signing recipe). No
//! code depends on a provider's name; the built-in profile is compiled in with `include_str!`.

mod codes;
mod compile;
mod event;
mod lookup;
mod member;
mod operation;
mod profile;
mod refusal;
mod schema;

pub use codes::{CodeMeaning, ProviderAnswer};
pub use compile::builtin_names;
pub use event::{EventRule, EventStatus, Failure, Flag, NormaliseContext, Normalised, Recount};
pub use lookup::LookedUp;
pub use member::{Fill, FillContext, Member, MemberType};
pub use operation::{CallClass, Kind, Operation, OperationOverride};
pub use profile::Provider;
pub use refusal::ParameterError;

/// The provider's own documentation confirms a row of its profile, unless the row says otherwise.
fn confirmed() -> bool {
    true
}
