//! The task that posts notifications when they are due, and that lets transactions settle when nobody asks.
//!
//! One loop decides; every attempt runs in a task of its own, a bounded number at once. When this task ends, they do.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::outbox::Job;
use crate::sandbox::engine::http::client::post;
use crate::sandbox::engine::shared::{Shared, locked};

/// The most attempts at once.
const ATTEMPTS_MAX: usize = 64;

/// How long the sender sleeps at most; whatever makes it later is then noticed.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// Settles and posts until it is aborted.
pub async fn run(shared: Arc<Shared>) {
    let notifications = &shared.notifications;
    let mut attempts = JoinSet::new();
    loop {
        let settles_in = shared.settle();
        let room = ATTEMPTS_MAX - attempts.len().min(ATTEMPTS_MAX);
        let due = locked(&notifications.outbox).take_due(Instant::now(), room);
        for job in due {
            attempts.spawn(attempt(shared.clone(), job));
        }
        let posts_in = locked(&notifications.outbox)
            .next_due()
            .filter(|_| attempts.len() < ATTEMPTS_MAX)
            .map(|at| at.saturating_duration_since(Instant::now()));
        let pause = [settles_in, posts_in].into_iter().flatten().min().unwrap_or(SLEEP_MAX);
        tokio::select! {
            () = notifications.wake.notified() => {}
            () = tokio::time::sleep(pause.min(SLEEP_MAX)) => {}
            Some(_) = attempts.join_next() => {}
        }
    }
}

async fn attempt(shared: Arc<Shared>, job: Job) {
    let notifications = &shared.notifications;
    let number = job.number;
    let (target, within) = (job.target.clone(), notifications.settings.timeout);
    let body = match sealed(&shared, job).await {
        Ok(body) => body,
        Err(note) => return locked(&notifications.outbox).refuse(number, note, Instant::now()),
    };
    let result = post(&target, &body, within).await;
    let pauses = &notifications.settings.repeat;
    let now_ms = shared.clock.unix_ms();
    locked(&notifications.outbox).attempted(number, result, pauses, Instant::now(), now_ms);
}

/// The body to post: made for the first attempt, the same for all others.
async fn sealed(shared: &Arc<Shared>, job: Job) -> Result<String, String> {
    if let Some(body) = job.body {
        return Ok(body);
    }
    let signing = shared.clone();
    let seal = move || signing.notifications.keys.seal(&job.envelope, &job.param);
    // Signing takes milliseconds, making a key seconds: other connections go on meanwhile.
    let body = tokio::task::spawn_blocking(seal).await.map_err(|error| error.to_string())??;
    locked(&shared.notifications.outbox).sealed(job.number, &body);
    Ok(body)
}
