//! What can go wrong with the store, as far as a caller treats it differently.

use strum::IntoStaticStr;

/// Why the store did not do what it was asked. Nothing was changed and nothing will be, except after
/// [`StoreError::Uncertain`].
///
/// Cheap to clone: when a commit fails, everyone who waited for it gets the same error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The write or read failed; it may work later without anyone restarting the program.
    #[error("store unavailable: {reason}: {detail}")]
    Unavailable { reason: Reason, detail: String },
    /// The write failed, and cannot be kept from coming to life at the next start: nothing may be promised either way.
    /// Repeating it is safe where the call itself can be repeated.
    #[error(
        "store unavailable: {reason}: {detail}; it may have been written all the same: repeat it"
    )]
    Uncertain { reason: Reason, detail: String },
    /// The store was closed by this process.
    #[error("store is closed")]
    Closed,
    /// The store cannot be opened at all; `problem` says what is in the way, in words for an operator.
    #[error("store `{store}`: {problem}")]
    CannotOpen { store: String, problem: String },
    /// The store was written by a later version of the program.
    #[error(
        "store `{store}` has schema version {found}, this program knows up to {known}: \
         use the newer program, or another store"
    )]
    Newer { store: String, found: i64, known: i64 },
    /// The database refused this one call; a mistake in the program, not a state of the disk.
    #[error("store refused the call: {0}")]
    Refused(String),
}

impl StoreError {
    /// The reason, when the store is unavailable for the moment.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Unavailable { reason, .. } | Self::Uncertain { reason, .. } => Some(*reason),
            Self::Closed | Self::CannotOpen { .. } | Self::Newer { .. } | Self::Refused(_) => None,
        }
    }

    /// Whether what was to be written may be found written after all.
    pub fn may_be_written(&self) -> bool {
        matches!(self, Self::Uncertain { .. })
    }
}

/// Why a store is unavailable, whatever database it is. A closed set, so that it can be a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Reason {
    /// No room where it keeps its data, or a quota.
    #[error("disk full")]
    DiskFull,
    /// The disk or the file system failed.
    #[error("input or output error")]
    Io,
    /// Another process kept it locked for too long.
    #[error("locked by another process")]
    Locked,
    /// Its data are damaged.
    #[error("file is damaged")]
    Corrupt,
    /// It can be read only.
    #[error("file is read-only")]
    ReadOnly,
    /// It was removed or replaced while it was open.
    #[error("file was removed or replaced while in use")]
    Replaced,
    /// Too many calls are waiting already.
    #[error("too many calls are waiting")]
    Overloaded,
    /// What answers has died; only a restart helps.
    #[error("its thread has stopped")]
    Unanswered,
}

impl Reason {
    /// The word used in logs and metrics.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
