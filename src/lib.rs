//! Countersign: a payment sidecar. Plain JSON in, signed provider calls out, honest outcomes back.
//!
//! The folder list is the architecture: see `docs/ARCHITECTURE.md`. Imports point down only:
//! `cli app` → `edge outbound inbound delivery admin sandbox` → `openapi` → `audit limits problem logging reload trace` → `config` →
//! `store` → `payment` → `provider` → `sign` → `json wire` → `clock metrics mistake outcome secret` → `environment random threads`.

// Durations can come from outside too, and `+` on them panics when it overflows: use `clock::later`,
// `saturating_add`. This does not apply to sums of plain numbers (clippy.toml).
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod admin;
mod app;
mod audit;
mod cli;
mod clock;
mod config;
mod delivery;
mod edge;
mod environment;
mod inbound;
mod json;
mod limits;
mod logging;
mod metrics;
mod mistake;
mod openapi;
mod outbound;
mod outcome;
mod payment;
mod problem;
mod provider;
mod random;
mod reload;
mod sandbox;
mod secret;
mod sign;
mod store;
mod threads;
mod trace;
mod wire;

pub use cli::main;

/// For tests and benchmarks outside the crate that run parts in process. Users have the program; this is no stable
/// interface.
#[doc(hidden)]
pub mod in_process {
    pub mod clock {
        pub use crate::clock::Clock;
    }
    pub mod config {
        pub use crate::config::{Address, Listener, ListenerTls, Live, load_text};
    }
    pub mod delivery {
        pub use crate::delivery::Delivery;
    }
    pub mod edge {
        pub use crate::edge::{Deadlines, InFlight, PingoraUpstream, Serving};
        pub use crate::edge::{bind, drain, install_crypto_provider, serve, signals};
    }
    pub mod metrics {
        pub use crate::metrics::{AnnouncedAccount, Metrics};
    }
    pub mod provider {
        pub use crate::provider::{NormaliseContext, Provider};
    }
    pub mod secret {
        pub use crate::secret::Secret;
    }
    pub mod sign {
        pub use crate::sign::{Hash, PrivateKey};
    }
    pub mod store {
        pub use crate::store::{Attempt, Claimed, EventDetail, EventId, EventState, Intake};
        pub use crate::store::{MemoryStore, NewEvent, Received, Settled, Settlement, Store};
        pub use crate::store::{StoreUrl, open};
    }
    pub mod wire {
        pub use crate::wire::{Answer, AnswerBody, Call, ClientCertificate, Handler, LastLook};
        pub use crate::wire::{NoAnswer, NotSent, PROVIDER_BODY_BYTES_MAX, Refusal};
        pub use crate::wire::{Reply, Request, SendError, Target, TargetTls, Timeouts, Upstream};
    }
}
