//! The events that one worker is delivering, each with its newest lease.
//!
//! When the machine sleeps, leases end while their attempts are still running, and the store hands the same events out
//! again. The running attempt then continues under the new lease; a second attempt at the same time would deliver
//! twice.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

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
        match self.0.lock().insert(lease.id.clone(), lease.clone()) {
            Some(_older) => None,
            None => Some(Hold { held: self.clone(), first: lease }),
        }
    }

    /// The newest lease of every event that is held.
    pub fn leases(&self) -> Vec<Lease> {
        self.0.lock().values().cloned().collect()
    }
}

impl Hold {
    /// The lease to settle with.
    pub fn lease(&self) -> Lease {
        let newest = self.held.0.lock().get(&self.first.id).cloned();
        newest.unwrap_or_else(|| self.first.clone())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.held.0.lock().remove(&self.first.id);
    }
}
