//! Turns SQLite's errors into ours, and says which of them concern more than the call they happened in.

use std::path::Path;

use rusqlite::{Error, ErrorCode};

use crate::store::{Reason, StoreError};

/// The error a caller sees.
pub(super) fn explain(error: &Error) -> StoreError {
    match reason(error) {
        Some(reason) => StoreError::Unavailable { reason, detail: error.to_string() },
        None => StoreError::Refused(error.to_string()),
    }
}

/// The file at `path` cannot be opened.
pub(super) fn cannot_open(path: &Path, problem: impl ToString) -> StoreError {
    StoreError::CannotOpen { store: path.display().to_string(), problem: problem.to_string() }
}

/// Whether the error comes from the file or the machine, so that nothing of the same transaction may be committed.
pub(super) fn concerns_everyone(error: &Error) -> bool {
    reason(error).is_some()
}

fn reason(error: &Error) -> Option<Reason> {
    match error.sqlite_error_code()? {
        ErrorCode::DiskFull => Some(Reason::DiskFull),
        ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::OutOfMemory => {
            Some(Reason::Io)
        }
        ErrorCode::PermissionDenied | ErrorCode::ReadOnly => Some(Reason::ReadOnly),
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::FileLockingProtocolFailed => Some(Reason::Locked),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Some(Reason::Corrupt),
        // The rest are about one statement and its values. SQLite's list is open-ended.
        _ => None,
    }
}
