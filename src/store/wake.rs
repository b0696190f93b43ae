//! Wakes those who wait for a change: delivery workers when something may be due for their account, callers when their
//! payment moved on.

use std::collections::{BTreeSet, HashMap};

use parking_lot::Mutex;
use tokio::sync::watch;

/// Keys that are kept before the first look for those that have no listener any more.
const KEPT_MIN: usize = 256;

/// One counter per key (an account, a payment) that has a listener.
#[derive(Default)]
pub(super) struct Wake(Mutex<HashMap<String, watch::Sender<u64>>>);

impl Wake {
    /// A receiver that changes whenever `key` is woken.
    pub(super) fn listen(&self, key: &str) -> watch::Receiver<u64> {
        let mut senders = self.0.lock();
        match senders.get(key) {
            Some(sender) => sender.subscribe(),
            None => {
                // The map grows by doubling, so this look costs little per key.
                if senders.len() >= KEPT_MIN && senders.len() == senders.capacity() {
                    senders.retain(|_, sender| sender.receiver_count() > 0);
                }
                let (sender, receiver) = watch::channel(0);
                senders.insert(key.to_owned(), sender);
                receiver
            }
        }
    }

    pub(super) fn wake(&self, keys: &BTreeSet<String>) {
        if keys.is_empty() {
            return;
        }
        let senders = self.0.lock();
        for sender in keys.iter().filter_map(|key| senders.get(key)) {
            bump(sender);
        }
    }

    pub(super) fn wake_all(&self) {
        self.0.lock().values().for_each(bump);
    }
}

fn bump(sender: &watch::Sender<u64>) {
    sender.send_modify(|count| *count = count.wrapping_add(1));
}
