//! How a sandbox is set up and started. Every setting has a default that works with the demo keys.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::Offset;

use super::bluepay::BluePay;
use super::engine::keys::{MerchantKey, ProviderKey};
use super::engine::running::Running;
use super::engine::settings::{NotifySettings, Settings};
use super::engine::shared::Shared;
use crate::clock::Clock;
use crate::config::demo;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::sign::Hash;

/// Where the sandbox listens unless set otherwise.
pub const LISTEN_DEFAULT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8700));

/// A merchant application the sandbox knows.
pub struct App {
    pub app_id: String,
    pub public_key: MerchantKey,
    /// Where its notifications about payouts go, whose requests cannot say.
    pub payout_notify_url: Option<String>,
}

/// A sandbox that has not been started.
pub struct Sandbox {
    pub listen: SocketAddr,
    pub apps: Vec<App>,
    pub provider: Arc<Provider>,
    /// The provider's own key pair, which signs notifications; its public half is shown on `GET /_sandbox`.
    pub provider_key: Option<ProviderKey>,
    /// The one it changes over to when a fault asks for it.
    pub next_provider_key: Option<ProviderKey>,
    /// How notifications are posted.
    pub notify: NotifySettings,
    pub clock: Clock,
    /// What every merchant has at the start, in minor units.
    pub balance: i64,
    /// How far a request's timestamp may be from the clock, in both directions. The provider's own is not published.
    pub timestamp_window: Duration,
    /// How long a transaction is pending.
    pub settle_after: Duration,
    /// The zone of the zone-less times in answers. The provider's own is not published.
    pub timezone: Offset,
    /// For random faults: the same seed and the same requests give the same faults.
    pub seed: u64,
}

impl Sandbox {
    /// A sandbox for `apps` that talks like `provider`, on a free loopback port.
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
            timezone: Offset::constant(7),
            seed: 1,
        }
    }

    /// A sandbox for `provider` with the demo merchant and the demo provider key, on a free loopback port.
    ///
    /// # Errors
    /// When a built-in demo key cannot be used.
    pub fn demo(provider: Arc<Provider>) -> Result<Self, String> {
        let public_key = MerchantKey::from_text(demo::MERCHANT_PUBLIC_KEY, Hash::Sha256)?;
        let app_id = demo::APP_ID.to_string();
        let app = App { app_id, public_key, payout_notify_url: None };
        let key = |text: &str| ProviderKey::from_text(&Secret::new(text.as_bytes().to_vec()));
        Ok(Self {
            provider_key: Some(key(demo::PROVIDER_PRIVATE_KEY)?),
            next_provider_key: Some(key(demo::NEXT_PROVIDER_PRIVATE_KEY)?),
            ..Self::new(provider, vec![app])
        })
    }

    /// Starts listening; requests are served from when this returns until the handle is dropped.
    ///
    /// # Errors
    /// When the address cannot be listened on, or two apps have the same id.
    pub async fn start(self) -> io::Result<Running> {
        let mut merchants = BTreeMap::new();
        let mut payout_urls = BTreeMap::new();
        for app in self.apps {
            payout_urls.extend(app.payout_notify_url.map(|url| (app.app_id.clone(), url)));
            if let Some(_same) = merchants.insert(app.app_id.clone(), app.public_key) {
                let problem = format!("app id `{}` is given twice", app.app_id);
                return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
            }
        }
        let keys = self.provider_key.into_iter().chain(self.next_provider_key);
        let settings = Settings {
            provider: self.provider,
            merchants,
            clock: self.clock,
            timestamp_window_ms: milliseconds(self.timestamp_window),
            settle_after_ms: milliseconds(self.settle_after),
            zone: self.timezone,
            seed: self.seed,
            notify: self.notify,
        };
        let shared = Shared::new(&BluePay, settings, self.balance, keys.collect(), payout_urls);
        Running::start(self.listen, shared).await
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
