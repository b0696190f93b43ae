//! Futures whose panic must not end the connection.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// The future panicked. The panic hook has already reported where.
#[derive(Debug)]
pub(super) struct Panicked;

/// Runs `future`, turning a panic into an error. The future is not polled again afterwards, so none of its half-done
/// state is ever used: that makes the unwind assertion true.
pub(super) async fn catching<T>(future: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_after_a_pause_becomes_an_error() {
        let outcome = catching(async {
            tokio::task::yield_now().await;
            if true {
                panic!("expected in this test");
            }
        })
        .await;
        assert!(outcome.is_err());
    }

    #[tokio::test]
    async fn a_value_passes_through() {
        assert_eq!(catching(async { 7 }).await.ok(), Some(7));
    }
}
