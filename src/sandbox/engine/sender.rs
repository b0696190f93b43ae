//! The task that posts notifications when they are due, and settles transactions when no request comes.
//!
//! One loop decides; every attempt runs in its own task, a bounded number at once. When this task ends, the attempts
//! end too.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::http::client::{Message, post};
use super::notify::outbox::{Posting, target};
use super::shared::Shared;
use crate::clock::instant;

/// The most attempts at once.
const ATTEMPTS_MAX: usize = 64;

/// The longest time that the sender sleeps; a moved clock is noticed after that.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// Settles and posts until it is aborted.
pub async fn run(shared: Arc<Shared>) {
    let notifications = &shared.notifications;
    let mut attempts = JoinSet::new();
    loop {
        let settles_in = shared.settle();
        let room = ATTEMPTS_MAX - attempts.len().min(ATTEMPTS_MAX);
        let due = notifications.outbox.lock().take_due(instant(), room);
        for posting in due {
            attempts.spawn(attempt(shared.clone(), posting));
        }
        let posts_in = notifications
            .outbox
            .lock()
            .next_due()
            .filter(|_| attempts.len() < ATTEMPTS_MAX)
            .map(|at| at.saturating_duration_since(instant()));
        let pause = [settles_in, posts_in].into_iter().flatten().min().unwrap_or(SLEEP_MAX);
        tokio::select! {
            () = notifications.wake.notified() => {}
            () = tokio::time::sleep(pause.min(SLEEP_MAX)) => {}
            Some(_) = attempts.join_next() => {}
        }
    }
}

async fn attempt(shared: Arc<Shared>, posting: Posting) {
    let (outbox, sandbox) = (&shared.notifications.outbox, &shared.sandbox);
    let number = posting.row.number;
    let ready = match target(&posting.row) {
        Ok(target) => sealed(&shared, posting).await.map(|message| (target, message)),
        Err(note) => Err(note),
    };
    let (target, message) = match ready {
        Ok(ready) => ready,
        Err(note) => return outbox.lock().refuse(number, note, instant()),
    };
    let result = post(&target, &message, sandbox.notify.timeout).await;
    let acknowledges = |answered: &_| shared.dialect.acknowledges(answered);
    let now = (instant(), sandbox.clock.unix_ms());
    outbox.lock().attempted(number, result, acknowledges, &sandbox.notify.repeat, now);
}

/// The posted message: made for the first attempt, the same for all others.
async fn sealed(shared: &Arc<Shared>, posting: Posting) -> Result<Message, String> {
    if let Some(message) = posting.sealed {
        return Ok(message);
    }
    let (signing, number) = (shared.clone(), posting.row.number);
    let seal = move || signing.notifications.seal(&posting);
    // Signing takes milliseconds, making a key seconds: other connections continue meanwhile.
    let message = tokio::task::spawn_blocking(seal).await.map_err(|error| error.to_string())??;
    shared.notifications.outbox.lock().sealed(number, message.clone());
    Ok(message)
}
