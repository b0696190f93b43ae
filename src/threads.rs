//! Threads of our own beside those of the runtimes. Each has a name, for a debugger and for `top`.
#![expect(clippy::disallowed_methods, reason = "this file owns the spawning of threads")]

use std::io;
use std::thread::{Builder, JoinHandle};

/// Runs `work` on a thread with that name.
///
/// # Errors
/// When the operating system refuses a thread.
pub fn start<T: Send + 'static>(
    name: impl Into<String>,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    Builder::new().name(name.into()).spawn(work)
}
