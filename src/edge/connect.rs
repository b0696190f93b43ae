//! Opens a connection to a provider. Whatever fails here, nothing has been sent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pingora_core::protocols::Stream;
use pingora_core::protocols::l4::stream::Stream as L4Stream;
use pingora_core::protocols::tls::client::handshake;
use pingora_rustls::TlsConnector;
use rustls::ClientConfig;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use super::guard::catching;
use crate::clock::{instant, later};
use crate::wire::{NotSent, Target};

/// Addresses of one name that are tried: enough for a dual-stack name of which one family is unreachable.
const ADDRESSES_MAX: usize = 4;

/// Resolves, connects and shakes hands, all within `limit`.
pub(super) async fn open(
    target: &Target,
    tls: Option<Arc<ClientConfig>>,
    limit: Duration,
) -> Result<Stream, NotSent> {
    let host = bare_host(&target.host);
    if host.is_empty() {
        return Err(NotSent::Resolve);
    }
    let deadline = later(instant(), limit);
    let opening = async {
        let addresses = resolve(host, target.port).await?;
        let tcp = dial(&addresses, deadline).await?;
        secure(tcp, host, tls).await
    };
    timeout(limit, opening).await.unwrap_or(Err(NotSent::ConnectTimeout))
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, NotSent> {
    match lookup_host((host, port)).await {
        Ok(found) => {
            let addresses: Vec<_> = found.take(ADDRESSES_MAX).collect();
            if addresses.is_empty() { Err(NotSent::Resolve) } else { Ok(addresses) }
        }
        Err(error) => {
            tracing::warn!(host, %error, "the host name could not be resolved");
            Err(NotSent::Resolve)
        }
    }
}

/// Tries one address after the other. Each gets an equal share of the remaining time, so that one that drops packets
/// does not use up the time of the next.
async fn dial(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, NotSent> {
    let mut failure = NotSent::Connect;
    for (tried, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let share = deadline.saturating_duration_since(instant()) / left;
        failure = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => {
                tracing::warn!(%address, %error, "no connection");
                NotSent::Connect
            }
            Err(_) => NotSent::ConnectTimeout,
        };
    }
    Err(failure)
}

async fn secure(
    tcp: TcpStream,
    host: &str,
    tls: Option<Arc<ClientConfig>>,
) -> Result<Stream, NotSent> {
    let mut stream = L4Stream::from(tcp);
    // Requests are written in one piece; waiting for more would only delay them.
    stream.set_nodelay().map_err(|_| NotSent::Connect)?;
    let Some(config) = tls else { return Ok(Box::new(stream)) };
    let connector = TlsConnector::from(config);
    // pingora reads the peer's certificate once more after the handshake, and panics on one that it cannot parse.
    match catching(handshake(&connector, host, stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => {
            tracing::warn!(host, %error, "the TLS handshake failed");
            Err(NotSent::Tls)
        }
        Err(_panicked) => Err(NotSent::Tls),
    }
}

/// An IPv6 address without the brackets that it has in URLs.
fn bare_host(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}
