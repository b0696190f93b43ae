//! The way out: one call, one connection, and one answer or one reason for its absence.
//!
//! The order of the steps is the classification. Until a connection is open nothing was sent; from the first byte on
//! the provider may have acted, whatever happens. Nothing is ever sent twice here, not even when a reused connection
//! turns out to be dead.

use std::time::Duration;

use async_trait::async_trait;
use pingora_core::protocols::Stream;
use tokio::time::timeout_at;

use super::connect::open;
use super::exchange::{exchange, request_bytes};
use super::pool::Pool;
use super::tls::ClientConfigs;
use crate::clock::{instant, later};
use crate::wire::{
    Answer, Call, LastLook, NoAnswer, NotSent, SendError, Target, Timeouts, Upstream,
};

/// Sends calls over HTTP/1.1 on pingora's transport, keeping connections for reuse.
#[derive(Default)]
pub struct PingoraUpstream {
    pool: Pool,
    client_configs: ClientConfigs,
}

#[async_trait]
impl Upstream for PingoraUpstream {
    async fn send(
        &self,
        target: &Target,
        call: Call,
        timeouts: Timeouts,
        last_look: Option<&dyn LastLook>,
    ) -> Result<Answer, SendError> {
        let deadline = later(instant(), timeouts.total);
        let request = request_bytes(target, &call);
        let connect_limit = timeouts.connect.min(timeouts.total);
        let stream = self.connection(target, connect_limit).await.map_err(SendError::NotSent)?;
        if let Some(look) = last_look {
            look.may_leave().await.map_err(SendError::NotSent)?;
        }
        // Last of all, and without waiting between here and the first byte: earlier steps may have taken longer than
        // their limit, because the process was paused.
        if instant() >= deadline {
            return Err(SendError::NotSent(NotSent::TooLate));
        }

        let exchanging = exchange(stream, &request, timeouts.send, call.answer_body);
        let (answer, reusable) = timeout_at(deadline, exchanging)
            .await
            .unwrap_or(Err(NoAnswer::Timeout))
            .map_err(SendError::Unknown)?;
        if let Some(reusable) = reusable {
            self.pool.put(&target.fingerprint, reusable.stream, reusable.announced);
        }
        Ok(answer)
    }
}

impl PingoraUpstream {
    async fn connection(&self, target: &Target, limit: Duration) -> Result<Stream, NotSent> {
        if let Some(stream) = self.pool.take(&target.fingerprint) {
            return Ok(stream);
        }
        let tls = self.client_configs.of(target).map_err(|error| {
            tracing::error!(host = target.host, %error, "TLS cannot be set up");
            NotSent::Tls
        })?;
        open(target, tls, limit).await
    }
}
