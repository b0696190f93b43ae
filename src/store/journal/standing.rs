//! What of the journal depends on the configuration: payments that are not over, by where they were made, and payments of
//! accounts that are not configured.

use serde::Serialize;

use crate::payment::Place;

/// Payments of one account and operation that are not over and may have left, made at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAt {
    /// As it is configured, whatever it was called when they were begun.
    pub account: String,
    pub operation: String,
    /// `None` for payments from before places were written down, until they are asked about.
    pub place: Option<Place>,
    /// It is not known whether they happened.
    pub in_doubt: u64,
    /// On their way for the first time.
    pub on_their_way: u64,
}

/// Payments of an account that is not configured, and that none names as its former one; or of a former name that is
/// configured as an account of its own, so that they are no longer its account's. Its member names are printed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeftBehind {
    pub account: String,
    /// The account that it was a former name of, and that is configured too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was_part_of: Option<String>,
    /// All that are kept.
    pub payments: u64,
    /// Those of them that are in doubt or on their way.
    pub open: u64,
}

/// Both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub open: Vec<OpenAt>,
    pub left_behind: Vec<LeftBehind>,
}
