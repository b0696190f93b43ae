//! The events that one worker is delivering, each with its newest lease.
//!
//! When the machine sleeps, leases end while their attempts are still running, and the store hands the same events out
//! again. The running attempt then continues under the new lease; a second attempt at the same time would deliver
//! twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::{EventId, Lease};

#[derive(Clone, Default)]
pub(super) struct Held(Arc<Mutex<HashMap<EventId, Lease>>>);

/// One event that is held until this is dropped, even when its attempt is aborted or panics.
pub(super) struct Hold {
    held: Held,
    first: Lease,
}

impl Held {
    /// Holds the event of `lease`. `None` when it is already held: then the existing hold gets the lease.
    pub fn hold(&self, lease: Lease) -> Option<Hold> {
        match self.leases_by_event().insert(lease.id.clone(), lease.clone()) {
            Some(_older) => None,
            None => Some(Hold { held: self.clone(), first: lease }),
        }
    }

    /// The newest lease of every event that is held.
    pub fn leases(&self) -> Vec<Lease> {
        self.leases_by_event().values().cloned().collect()
    }

    fn leases_by_event(&self) -> MutexGuard<'_, HashMap<EventId, Lease>> {
        // Nothing panics while holding the lock, and the map would still be consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold {
    /// The lease to settle with.
    pub fn lease(&self) -> Lease {
        let newest = self.held.leases_by_event().get(&self.first.id).cloned();
        newest.unwrap_or_else(|| self.first.clone())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.held.leases_by_event().remove(&self.first.id);
    }
}
