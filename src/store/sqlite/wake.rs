//! Tells delivery workers that something may have become due for their account.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// One counter per account that somebody listens to.
#[derive(Default)]
pub(super) struct Wake(Mutex<HashMap<String, watch::Sender<u64>>>);

impl Wake {
    /// A receiver that changes whenever `account` is woken.
    pub(super) fn listen(&self, account: &str) -> watch::Receiver<u64> {
        let mut senders = self.senders();
        match senders.get(account) {
            Some(sender) => sender.subscribe(),
            None => {
                let (sender, receiver) = watch::channel(0);
                senders.insert(account.to_owned(), sender);
                receiver
            }
        }
    }

    pub(super) fn wake(&self, accounts: &BTreeSet<String>) {
        if accounts.is_empty() {
            return;
        }
        let senders = self.senders();
        for sender in accounts.iter().filter_map(|account| senders.get(account)) {
            bump(sender);
        }
    }

    pub(super) fn wake_all(&self) {
        self.senders().values().for_each(bump);
    }

    fn senders(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<u64>>> {
        // Nothing panics while holding the lock, and the map would still be whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bump(sender: &watch::Sender<u64>) {
    sender.send_modify(|count| *count = count.wrapping_add(1));
}
