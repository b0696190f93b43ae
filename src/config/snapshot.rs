//! The configuration as the running program uses it: resolved, checked, immutable.

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

/// The part that only a restart can change.
#[derive(Debug, Clone)]
pub struct Boot {
    pub app: Listener,
    pub notify: Option<Listener>,
    pub admin: Listener,
    pub store: StoreUrl,
    pub log: Log,
    /// The audit log, if there is one.
    pub audit: Option<Audit>,
    /// The destination of traces, if they are exported.
    pub tracing: Option<Tracing>,
}

/// The audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    pub file: PathBuf,
}

/// The destination of traces.
#[derive(Debug, Clone)]
pub struct Tracing {
    pub target: Target,
    /// The collector; the base path of its target is empty.
    pub path: String,
    /// The share of exported traces among those that begin here, from 0 to 1.
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
    /// Hashes that reveal changes of values that are not shown.
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

    /// The current snapshot. Load it once per request and pass it down.
    pub fn load(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Makes `snapshot` current for every request that starts from now on.
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

/// Hashes by key path that reveal changes of values that are not shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// By key path; a secret of an account without a usable hash key is missing.
    pub values: BTreeMap<String, String>,
    /// By account: the fingerprint of the key that hashes its secrets.
    pub keyed_by: BTreeMap<String, String>,
}

/// Accounts by name.
pub type Accounts = BTreeMap<String, Arc<Account>>;

/// The one of `accounts` that is or was called `name`.
pub fn account_called<'a>(accounts: &'a Accounts, name: &str) -> Option<&'a Arc<Account>> {
    let was_called = |account: &&Arc<Account>| account.formerly.iter().any(|old| old == name);
    accounts.get(name).or_else(|| accounts.values().find(was_called))
}

/// How long the store keeps finished data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Delivered and discarded events.
    pub delivered: Duration,
    pub dead_letters: Duration,
    /// Records that identify duplicates, counted from when they were last seen.
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
    /// Its former names.
    pub formerly: Vec<String>,
    pub provider: Arc<Provider>,
    pub target: Target,
    /// Without a `/` at its end; `target` is the same, split into its parts.
    pub base_url: String,
    pub environment: Option<Environment>,
    pub app_id: String,
    pub currency: Option<String>,
    pub timezone: Offset,
    pub answer: AnswerMode,
    /// Added to calls when the application gave none.
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
    /// The place where its calls that move money are made, by operation name.
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
    /// The word in the configuration and in output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerMode {
    /// The provider's JSON unchanged.
    Provider,
    /// `data` only, HTTP status by outcome.
    Unwrapped,
}

/// Who may call an account. Empty lists: any process that can reach the listener.
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

/// The rate of one operation, in addition to the account's.
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
    /// How long to wait for a notification of an accepted payment before its status is queried.
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
    /// The decoded bytes of the secrets that sign deliveries: each of them makes a signature.
    pub secrets: Vec<Secret>,
    pub retry_for: Duration,
    pub timeouts: Timeouts,
    /// The number of deliveries at the same time.
    pub concurrency: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryFormat {
    CloudEvents,
    Plain,
}
