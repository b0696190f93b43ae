//! Pages of a listing: newest first, each with where the next one begins.

/// Rows on one page at most.
pub(super) const PAGE_MAX: usize = 1_000;

/// Where the next page begins; made by a listing, good for the same listing only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub i64);

/// Where the page after `rows` begins, if they are as many as there was room for.
pub(super) fn next<R>(rows: &[R], limit: usize, sequence: impl Fn(&R) -> i64) -> Option<Cursor> {
    rows.last().filter(|_| rows.len() == limit).map(|last| Cursor(sequence(last)))
}
