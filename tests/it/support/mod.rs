//! What the tests drive and what stands around it: the real program as a process, a scripted provider that shares no
//! code with it, and a raw HTTP client.

pub mod config;
pub mod http;
pub mod openssl;
pub mod provider;
pub mod sidecar;

pub use config::ConfigBuilder;
pub use provider::{Action, Provider};
pub use sidecar::Sidecar;
