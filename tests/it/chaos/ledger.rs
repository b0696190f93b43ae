//! The answers to callers, post by post.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::support::http::Answer;

/// One post by a caller. It has no answer where the connection ended first, or the caller hung up.
#[derive(Clone, Debug)]
pub struct Post {
    pub caller: u64,
    pub amount: u64,
    pub began: Instant,
    pub ended: Instant,
    pub status: Option<u16>,
    pub outcome: Option<String>,
    /// The problem's code.
    pub code: Option<String>,
}

#[derive(Default)]
pub struct Ledger {
    posts: Mutex<HashMap<String, Vec<Post>>>,
    callers: AtomicU64,
}

impl Ledger {
    /// A caller that posts.
    pub fn caller(&self) -> u64 {
        self.callers.fetch_add(1, Ordering::SeqCst)
    }

    pub fn note(&self, reference: &str, post: Post) {
        self.lock().entry(reference.to_owned()).or_default().push(post);
    }

    /// The posts under a reference, in the order they ended.
    pub fn posts(&self, reference: &str) -> Vec<Post> {
        self.lock().get(reference).cloned().unwrap_or_default()
    }

    pub fn all(&self) -> HashMap<String, Vec<Post>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Post>>> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Post {
    /// Records the answer to a caller that posted at `began`.
    pub fn ended(caller: u64, amount: u64, began: Instant, answer: Option<&Answer>) -> Self {
        let code = answer.and_then(|answer| {
            let problem: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
            problem["code"].as_str().map(str::to_owned)
        });
        let outcome = answer.and_then(|answer| answer.header("countersign-outcome"));
        let (outcome, status) = (outcome.map(str::to_owned), answer.map(|answer| answer.status));
        Self { caller, amount, began, ended: Instant::now(), status, outcome, code }
    }

    pub fn heard(&self, outcome: &str) -> bool {
        self.outcome.as_deref() == Some(outcome)
    }

    /// Whether it says that the payment did not happen at all, and not only that this request did nothing: a request
    /// that was refused at once says nothing about an earlier one.
    pub fn settles_as_refused(&self) -> bool {
        let is_not_sent =
            self.heard("not_sent") && self.code.as_deref() == Some("provider-unreachable");
        self.heard("rejected") || is_not_sent
    }

    /// Whether this caller had to conclude that the payment does not happen.
    pub fn is_refusal(&self) -> bool {
        self.heard("rejected") || self.heard("not_sent")
    }
}
