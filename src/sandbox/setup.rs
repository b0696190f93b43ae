//! Sets up and starts a sandbox. Every setting has a default that works with the demo keys.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::Offset;

use super::bluepay::BluePay;
use super::engine::keys::{MerchantKey, ProviderKey};
use super::engine::running::Running;
use super::engine::settings::{App, NotifySettings, Sandbox};
use super::engine::shared::Shared;
use crate::clock::Clock;
use crate::config::demo;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::sign::Hash;

/// Where the sandbox listens unless set otherwise.
pub const LISTEN_DEFAULT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8700));

/// The zone of times unless set otherwise.
pub const TIMEZONE_DEFAULT: Offset = Offset::constant(7);

impl Sandbox {
    /// A sandbox for `apps` that behaves like `provider`, on a free loopback port.
    pub fn new(provider: Arc<Provider>, apps: Vec<App>) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            apps,
            provider,
            provider_key: None,
            next_provider_key: None,
            notify: NotifySettings::default(),
            clock: Clock::System,
            balance: 10_000_000_000,
            timestamp_window: Duration::from_secs(300),
            settle_after: Duration::from_secs(1),
            timezone: TIMEZONE_DEFAULT,
            seed: 1,
        }
    }

    /// A sandbox for `provider` with the demo merchant and the demo provider key, on a free loopback port.
    ///
    /// # Errors
    /// When a built-in demo key cannot be used.
    pub fn demo(provider: Arc<Provider>) -> Result<Self, String> {
        let key = |text: &str| ProviderKey::from_text(&Secret::new(text.as_bytes().to_vec()));
        Ok(Self {
            provider_key: Some(key(demo::PROVIDER_PRIVATE_KEY)?),
            next_provider_key: Some(key(demo::NEXT_PROVIDER_PRIVATE_KEY)?),
            ..Self::new(provider, vec![demo_app()?])
        })
    }

    /// Starts listening; requests are served from the return of this function until the handle is dropped.
    ///
    /// # Errors
    /// When the address cannot be listened on, or two apps have the same id.
    pub async fn start(self) -> io::Result<Running> {
        let mut ids = BTreeSet::new();
        if let Some(again) = self.apps.iter().find(|app| !ids.insert(&app.app_id)) {
            let problem = format!("app id `{}` is given twice", again.app_id);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        Running::start(Shared::new(&BluePay, self)).await
    }
}

/// The demo merchant.
pub fn demo_app() -> Result<App, String> {
    let public_key = MerchantKey::from_text(demo::MERCHANT_PUBLIC_KEY, Hash::Sha256)?;
    Ok(App { app_id: demo::APP_ID.to_string(), public_key, payout_notify_url: None })
}
