//! What a sender may have made by mistake from what was received.

/// Bytes, and how they differ from what was received.
pub(super) struct Changed<C> {
    pub change: C,
    pub bytes: Vec<u8>,
}

/// The results of `changes`, without those that an earlier change made already.
pub(super) fn distinct<C: Copy>(
    changes: impl IntoIterator<Item = C>,
    make: impl Fn(C) -> Option<Vec<u8>>,
) -> Vec<Changed<C>> {
    let mut found: Vec<Changed<C>> = Vec::new();
    for change in changes {
        if let Some(bytes) = make(change)
            && found.iter().all(|other| other.bytes != bytes)
        {
            found.push(Changed { change, bytes });
        }
    }
    found
}
