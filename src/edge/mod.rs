//! Sockets: listeners in, provider connections out.
//!
//! Apart from `app/`, the only place that uses pingora. [`listen`] binds, [`server`] turns connections into
//! [`crate::wire::Request`]s and [`crate::wire::Reply`]s into bytes, [`upstream`] sends [`crate::wire::Call`]s,
//! [`drain`] ends the process without cutting off any request. Nothing here knows the meaning of a request.

pub mod drain;
pub mod in_flight;
pub mod inherited;
pub mod listen;
pub mod server;
pub mod signals;
pub mod tls;
pub mod upstream;

mod body;
mod connect;
mod exchange;
mod guard;
mod head;
mod pool;
mod reply;
mod request;
mod socket;
mod unix_path;

pub use in_flight::InFlight;
pub use inherited::Inherited;
pub use listen::{BindError, Bound, bind, bind_or_take, serve};
pub use server::{Deadlines, Serving};
pub use tls::install_crypto_provider;
pub use upstream::PingoraUpstream;
