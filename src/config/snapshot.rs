//! What the running program sees of the configuration: resolved, checked, immutable.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use jiff::tz::Offset;

use crate::payment::Place;
use crate::provider::{NormaliseContext, Provider};
use crate::secret::Secret;
use crate::sign::{KeyRing, VerifyingKey};
use crate::store::StoreUrl;
use crate::wire::{Target, Timeouts};

/// What only a restart can change.
#[derive(Debug, Clone)]
pub struct Boot {
    pub app: Listener,
    pub notify: Option<Listener>,
    pub admin: Listener,
    pub store: StoreUrl,
    pub log: Log,
    /// The audit log, if one is kept.
    pub audit: Option<Audit>,
    /// Where traces are exported to, if they are.
    pub tracing: Option<Tracing>,
}

/// The audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    pub file: PathBuf,
}

/// Where traces go.
#[derive(Debug, Clone)]
pub struct Tracing {
    pub target: Target,
    /// What is posted to; the target's base path is empty.
    pub path: String,
    /// Of the traces that begin here, from 0 to 1.
    pub sample: f64,
    /// The name under which a collector shows us.
    pub service: String,
}

/// Everything a request needs, taken once and passed down.
pub struct Snapshot {
    pub accounts: Accounts,
    pub retention: Retention,
    pub reload: Reload,
    /// The configuration as JSON with every secret redacted.
    pub redacted: serde_json::Value,
    /// What tells whether a value that is not shown changed.
    pub digests: Digests,
    /// SHA-256 (hex) over the configuration and every file it refers to.
    pub hash: String,
}

/// The current snapshot, swapped as a whole.
#[derive(Clone)]
pub struct Live(Arc<ArcSwap<Snapshot>>);

impl Live {
    /// Starts with `snapshot`.
    pub fn new(snapshot: Snapshot) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(snapshot)))
    }

    /// The snapshot of this moment. Load once per request and pass it down.
    pub fn load(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Puts `snapshot` in place for every request that starts from now on.
    pub fn swap(&self, snapshot: Snapshot) {
        self.0.store(Arc::new(snapshot));
    }
}

impl Snapshot {
    /// The account that is or was called `name`.
    pub fn account(&self, name: &str) -> Option<&Arc<Account>> {
        account_called(&self.accounts, name)
    }
}

/// What tells whether a value that is not shown is another one: hashes by key path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// By key path; a secret of an account without a usable hash key is missing.
    pub values: BTreeMap<String, String>,
    /// By account: the fingerprint of the key that its secrets are hashed with.
    pub keyed_by: BTreeMap<String, String>,
}

/// Accounts by name.
pub type Accounts = BTreeMap<String, Arc<Account>>;

/// The one of `accounts` that is or was called `name`.
pub fn account_called<'a>(accounts: &'a Accounts, name: &str) -> Option<&'a Arc<Account>> {
    let was_called = |account: &&Arc<Account>| account.formerly.iter().any(|old| old == name);
    accounts.get(name).or_else(|| accounts.values().find(was_called))
}

/// How long the store keeps what nobody waits for any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Delivered and discarded events.
    pub delivered: Duration,
    pub dead_letters: Duration,
    /// What tells duplicates, counted from when it was last seen.
    pub duplicates: Duration,
    /// Settled payments of the journal.
    pub payments: Duration,
}

/// How changes of the configuration's files are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reload {
    /// Whether the directories of the files are watched.
    pub watch: bool,
    /// How often the files are read and compared; `None` for never.
    pub poll: Option<Duration>,
}

/// One merchant application at one provider.
pub struct Account {
    pub name: String,
    /// Names that it had before.
    pub formerly: Vec<String>,
    pub provider: Arc<Provider>,
    pub target: Target,
    /// Without a `/` at its end; `target` is the same taken apart.
    pub base_url: String,
    pub environment: Option<Environment>,
    pub app_id: String,
    pub currency: Option<String>,
    pub timezone: Offset,
    pub answer: AnswerMode,
    /// Put into calls where the application left it out.
    pub notify_url: Option<String>,
    /// Networks that notifications may come from; empty for anywhere.
    pub notify_from: Vec<ipnet::IpNet>,
    pub signing_keys: KeyRing,
    pub provider_keys: Vec<VerifyingKey>,
    pub app: AppAuth,
    pub limits: Limits,
    pub circuit: CircuitLimits,
    /// Whether timestamps in calls follow the provider's clock.
    pub correct_clock: bool,
    pub timeouts: Timeouts,
    pub retry: Retry,
    pub delivery: Option<Delivery>,
    /// Where its calls that move money are made, by operation name.
    pub places: BTreeMap<String, Place>,
}

impl Account {
    /// How the provider's data about its payments is read, for the event `id`.
    pub fn reading<'a>(&'a self, received_at: Timestamp, id: &'a str) -> NormaliseContext<'a> {
        NormaliseContext {
            account: &self.name,
            currency: self.currency.as_deref(),
            timezone: self.timezone,
            received_at,
            id,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    Live,
    Test,
}

impl Environment {
    /// The word in the configuration and in what is printed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerMode {
    /// The provider's JSON as it came.
    Provider,
    /// `data` only, HTTP status by outcome.
    Unwrapped,
}

/// Who may call an account. Empty lists: anyone who can reach the listener.
#[derive(Debug, Clone, Default)]
pub struct AppAuth {
    pub tokens: Vec<Secret>,
    pub uids: Vec<u32>,
}

#[derive(Debug, Clone)]
pub struct Listener {
    pub address: Address,
    pub tls: Option<ListenerTls>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Tcp(std::net::SocketAddr),
    Unix(PathBuf),
}

impl Address {
    /// Whether other machines can reach it.
    pub fn is_exposed(&self) -> bool {
        match self {
            Self::Tcp(address) => !address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => false,
        }
    }
}

/// `ip:port` or `unix:/path`, as in the configuration.
impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

#[derive(Debug, Clone)]
pub struct ListenerTls {
    pub cert_pem: Vec<u8>,
    pub key_pem: Secret,
}

#[derive(Debug, Clone)]
pub struct Log {
    pub format: LogFormat,
    pub level: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Text,
}

#[derive(Debug, Clone)]
pub struct Limits {
    pub rate: Option<Rate>,
    pub burst: Option<u32>,
    pub on_excess: OnExcess,
    pub max_wait: Duration,
    pub in_flight: usize,
    /// Further rates, by operation name.
    pub operations: BTreeMap<String, OperationLimit>,
    pub money_per_hour: Option<Money>,
}

/// The rate of one operation, beside the account's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationLimit {
    pub rate: Rate,
    pub burst: Option<u32>,
}

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    /// Minor units, such as satang.
    pub minor: u64,
    /// ISO 4217 code.
    pub currency: String,
}

/// When calls are held back from a provider that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CircuitLimits {
    /// Failures in a row that open a circuit; 0 for never.
    pub failures: u32,
    pub open_for: Duration,
}

/// `count` calls per `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub count: u32,
    pub per: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExcess {
    Wait,
    Reject,
}

#[derive(Debug, Clone)]
pub struct Retry {
    pub attempts: u32,
    pub resolve_for: Duration,
    /// How long a notification of an accepted payment is waited for before its status is queried.
    pub notice_within: Option<Duration>,
}

#[derive(Debug, Clone)]
pub struct Delivery {
    pub url: url::Url,
    /// Host, port and TLS of `url`; its base path is empty.
    pub target: Target,
    /// Path and query of `url`.
    pub path: String,
    pub format: DeliveryFormat,
    /// The bytes that sign deliveries, `whsec_` and base64 undone: each of them makes a signature.
    pub secrets: Vec<Secret>,
    pub retry_for: Duration,
    pub timeouts: Timeouts,
    /// Deliveries under way at once.
    pub concurrency: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryFormat {
    CloudEvents,
    Plain,
}
