//! Mirrors the configuration file. The only list of its keys: reading, unknown keys, the JSON Schema, its descriptions and
//! the redacted view all come from these types.
//!
//! Nothing here judges: `compile` and its siblings do. Everything may be left out unless it is [`Required`]. Defaults stand
//! beside the fields and are written as a user would write them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::listen::ListenerFile;
use super::observe::{AuditFile, TracingFile};
use super::reload::PollEvery;
use crate::config::kind::choices::{LogLevel, ProviderName};
use crate::config::kind::pem::{CertificateKey, Certificates};
use crate::config::kind::secrets::{AppToken, DeliverySecrets};
use crate::config::kind::texts::{
    AccountName, AppId, CurrencyCode, Fingerprint, KeyId, MemberName, Network, ProviderPath, Zone,
};
use crate::config::kind::units::Span;
use crate::config::kind::urls::{BaseUrl, DeliveryUrl, NotifyUrl};
use crate::config::read::kind::Whole;
use crate::config::read::section::{Keyed, List, Section};
use crate::config::read::value::{Leaf, Required};
use crate::config::snapshot::{
    AnswerMode, DeliveryFormat, Environment, LogFormat, Money, OnExcess, Rate,
};
use crate::sign::{PrivateKey, PublicKey};
use crate::store::StoreUrl;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// Time for a phase of a call: long enough to be possible, short enough that a caller still waits.
pub(crate) type Timeout = Span<1, { 10 * MINUTE_MS }>;
/// A time that may be zero.
pub(crate) type Pause = Span<0, { 10 * MINUTE_MS }>;
/// How long an unknown outcome is chased.
pub(crate) type Chase = Span<0, { 24 * HOUR_MS }>;
/// How long a circuit stays open.
pub(crate) type OpenFor = Span<100, { HOUR_MS }>;
/// How long a delivery is repeated.
pub(crate) type Persistence = Span<0, { 30 * DAY_MS }>;
/// How long something is kept in the store.
pub(crate) type Keeping = Span<1000, { 10 * 366 * DAY_MS }>;
/// How long a settled payment is kept.
pub(crate) type PaymentKeeping = Span<{ 7 * DAY_MS }, { 10 * 366 * DAY_MS }>;
/// How long a notification is waited for.
pub(crate) type Awaiting = Span<1000, { 30 * DAY_MS }>;

/// The configuration of Countersign.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, title = "Countersign configuration")]
pub(crate) struct ConfigFile {
    /// Where Countersign listens. A change needs a restart.
    pub listen: Section<ListenFile>,
    /// Where the journal and the inbox are kept, and for how long.
    pub store: Section<StoreFile>,
    /// How Countersign logs. A change needs a restart.
    pub log: Section<LogFile>,
    /// The audit log: who moved money, when, and what came of it. A change needs a restart.
    pub audit: Section<AuditFile>,
    /// Traces for a collector. A change needs a restart.
    pub tracing: Section<TracingFile>,
    /// How changes of this file, and of the files it refers to, are noticed while Countersign runs.
    pub reload: Section<ReloadFile>,
    /// The accounts: one merchant application at one provider each. At least one.
    pub account: Required<List<Section<AccountFile>>>,
}

/// Listeners: `"ip:port"`, `"[ipv6]:port"`, `"unix:/path"`, or a table with `address`, `cert` and `key` for TLS.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ListenFile {
    /// For applications.
    #[schemars(extend("default" = ListenFile::APP))]
    pub app: ListenerFile,
    /// For the provider's notifications, the public side. No such listener by default.
    pub notify: ListenerFile,
    /// For metrics and health.
    #[schemars(extend("default" = ListenFile::ADMIN))]
    pub admin: ListenerFile,
}

impl ListenFile {
    pub const APP: &str = "127.0.0.1:8600";
    pub const ADMIN: &str = "127.0.0.1:8602";
}

/// The store.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct StoreFile {
    /// `sqlite:` and the path of the database file, relative to this file's folder. A change needs a restart.
    #[schemars(extend("default" = StoreFile::URL))]
    pub url: Leaf<StoreUrl>,
    /// How long delivered and discarded events are kept, as a duration such as `30d`.
    #[schemars(extend("default" = StoreFile::RETENTION))]
    pub retention: Leaf<Keeping>,
    /// How long dead letters are kept. Events that are still to be delivered are kept in any case.
    #[schemars(extend("default" = StoreFile::DEAD_LETTER_RETENTION))]
    pub dead_letter_retention: Leaf<Keeping>,
    /// How long a notification is known as a duplicate after it was last seen, at least as long as its event is kept. The
    /// provider's signature does not age, so one that is recorded and posted again after this time is taken for a new one.
    #[schemars(extend("default" = StoreFile::DUPLICATE_RETENTION))]
    pub duplicate_retention: Leaf<Keeping>,
    /// How long settled payments are kept, at least `7d`: a call that is repeated under its reference within this time
    /// gets the first answer again.
    #[schemars(extend("default" = StoreFile::PAYMENT_RETENTION))]
    pub payment_retention: Leaf<PaymentKeeping>,
}

impl StoreFile {
    pub const URL: &str = "sqlite:data/countersign.db";
    pub const RETENTION: &str = "30d";
    pub const DEAD_LETTER_RETENTION: &str = "90d";
    pub const DUPLICATE_RETENTION: &str = "365d";
    pub const PAYMENT_RETENTION: &str = "90d";
}

/// The log.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct LogFile {
    /// One JSON object a line, or text for people.
    #[schemars(extend("default" = LogFile::FORMAT))]
    pub format: Leaf<LogFormat>,
    /// The least important lines that are still written.
    #[schemars(extend("default" = LogFile::LEVEL))]
    pub level: Leaf<LogLevel>,
}

impl LogFile {
    pub const FORMAT: &str = "json";
    pub const LEVEL: &str = "info";
}

/// Reloading. Whatever is set here, SIGHUP and `POST /reload` reload at once.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ReloadFile {
    /// Whether the directories of the files are watched for changes.
    #[schemars(extend("default" = ReloadFile::WATCH))]
    pub watch: Leaf<bool>,
    /// How often the files are read and compared with what was loaded, for file systems that do not tell of changes: a
    /// duration such as `10s`, or `off`.
    #[schemars(extend("default" = ReloadFile::POLL))]
    pub poll: Leaf<PollEvery>,
}

impl ReloadFile {
    pub const WATCH: bool = true;
    pub const POLL: &str = "10s";
}

/// One merchant application at one provider.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct AccountFile {
    /// The account's name, also its path segment and metric label.
    pub name: Required<Leaf<AccountName>>,
    /// Names that the account had before: what was begun, received or frozen under one of them is still its own, and its
    /// old paths still work. Without it, a renamed account forgets its payments.
    pub formerly: List<Leaf<AccountName>>,
    /// A built-in profile by name, or `{ file = "…" }` for a profile of your own.
    pub provider: Required<Leaf<ProviderName>>,
    /// Where the provider's API is. https, unless the host is loopback.
    pub base_url: Required<Leaf<BaseUrl>>,
    /// The application id that the provider gave the merchant.
    pub app_id: Required<Leaf<AppId>>,
    /// Whether real money moves. When given, mix-ups of live and test accounts are refused.
    pub environment: Leaf<Environment>,
    /// ISO 4217 code of the account's currency.
    pub currency: Leaf<CurrencyCode>,
    /// How the provider's zone-less times are read, as a distance from UTC.
    #[schemars(extend("default" = AccountFile::TIMEZONE))]
    pub timezone: Leaf<Zone>,
    /// `provider`: the provider's JSON as it came; `unwrapped`: its `data` only, with an HTTP status by outcome.
    #[schemars(extend("default" = AccountFile::ANSWER))]
    pub answer: Leaf<AnswerMode>,
    /// Whether the timestamps in calls follow the provider's clock, as far as its answers tell it. For machines whose own
    /// clock cannot be set right; moves them by an hour at most.
    #[schemars(extend("default" = AccountFile::CORRECT_CLOCK))]
    pub correct_clock: Leaf<bool>,
    /// The URL that the provider is told to post notifications to, where the application left it out.
    pub notify_url: Leaf<NotifyUrl>,
    /// Networks that notifications may come from, as `192.0.2.0/24`. From anywhere by default: the signature is what counts.
    pub notify_from: List<Leaf<Network>>,
    /// The account's own keys; the first usable one signs. At least one.
    pub signing_key: Required<List<Section<SigningKeyFile>>>,
    /// The provider's public keys; any of them may verify.
    pub provider_key: List<Section<ProviderKeyFile>>,
    /// Who may call. Needed when `listen.app` can be reached from other machines.
    pub app: Section<AppFile>,
    /// TLS towards the provider. The system's roots and the URL's host name by default.
    pub tls: Section<TlsFile>,
    /// Limits on calls.
    pub limits: Section<LimitsFile>,
    /// When calls are held back from a provider that fails.
    pub circuit: Section<CircuitFile>,
    /// How long a call may take.
    pub timeouts: Section<TimeoutsFile>,
    /// How often a call is attempted.
    pub retry: Section<RetryFile>,
    /// Where events are delivered to. None are delivered by default.
    pub delivery: Section<DeliveryFile>,
    /// Changes to operations of the profile, by operation name.
    pub operation: Keyed<Section<OperationFile>>,
}

impl AccountFile {
    pub const TIMEZONE: &str = "+00:00";
    pub const ANSWER: &str = "provider";
    pub const CORRECT_CLOCK: bool = false;
}

/// A private key of the account.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct SigningKeyFile {
    /// The key's name, shown in logs and metrics.
    pub id: Required<Leaf<KeyId>>,
    /// RSA, 2048 to 8192 bits: PEM (PKCS#8 or PKCS#1) or the provider's one-line base64.
    pub private_key: Required<Leaf<PrivateKey>>,
    /// The fingerprint that the key must have, as `countersign keys show` prints it. Anything by default.
    pub fingerprint: Leaf<Fingerprint>,
    /// When the key begins to sign; always by default.
    pub not_before: Leaf<Timestamp>,
    /// When the key no longer signs; never by default.
    pub not_after: Leaf<Timestamp>,
}

/// A public key of the provider.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ProviderKeyFile {
    /// The key's name, shown in logs and metrics.
    pub id: Required<Leaf<KeyId>>,
    /// RSA: PEM or the provider's one-line base64.
    pub public_key: Required<Leaf<PublicKey>>,
    /// The fingerprint that the key must have, as `countersign keys show` prints it. Anything by default.
    pub fingerprint: Leaf<Fingerprint>,
}

/// Who may call an account. With neither tokens nor uids, whoever can reach `listen.app`.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct AppFile {
    /// Tokens for `Authorization: Bearer …`, at least 16 characters each. Several may be valid at once.
    pub tokens: List<Leaf<AppToken>>,
    /// User ids of the processes that may call through a unix socket.
    pub uids: List<Leaf<Whole<0, { u32::MAX }>>>,
}

/// TLS towards the provider or the application.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct TlsFile {
    /// Roots to trust instead of the system's, as PEM.
    pub ca: Leaf<Certificates>,
    /// A certificate chain to present, as PEM, leaf first. Needs `client_key`.
    pub client_cert: Leaf<Certificates>,
    /// The private key of `client_cert`, as PEM.
    pub client_key: Leaf<CertificateKey>,
}

/// Limits on an account's calls.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct LimitsFile {
    /// Calls per second, minute or hour, such as `50/s`. No limit by default.
    pub rate: Leaf<Rate>,
    /// Calls that may be made at once before `rate` counts. By default as many as `rate` allows in its unit of time.
    pub burst: Leaf<Whole<1, 1_000_000>>,
    /// What happens to a call over the rate: it waits up to `max_wait`, or it is refused.
    #[schemars(extend("default" = LimitsFile::ON_EXCESS))]
    pub on_excess: Leaf<OnExcess>,
    /// The longest a call waits for the rate, as a duration such as `2s`.
    #[schemars(extend("default" = LimitsFile::MAX_WAIT))]
    pub max_wait: Leaf<Pause>,
    /// Calls under way at once; more are refused.
    #[schemars(extend("default" = LimitsFile::IN_FLIGHT))]
    pub in_flight: Leaf<Whole<1, 100_000>>,
    /// The money that new calls may move within an hour, such as `100000.00 THB`; more is refused. No limit by default.
    pub money_per_hour: Leaf<Money>,
    /// Further rates for single operations, by operation name. A call must fit its own rate and the account's.
    pub operation: Keyed<Section<OperationLimitFile>>,
}

impl LimitsFile {
    pub const ON_EXCESS: &str = "wait";
    pub const MAX_WAIT: &str = "2s";
    pub const IN_FLIGHT: u32 = 64;
}

/// The rate of one operation.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct OperationLimitFile {
    /// Calls per second, minute or hour, such as `10/s`.
    pub rate: Required<Leaf<Rate>>,
    /// Calls that may be made at once before `rate` counts. By default as many as `rate` allows in its unit of time.
    pub burst: Leaf<Whole<1, 1_000_000>>,
}

/// When calls are held back from a provider that fails: creates and queries each on their own.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct CircuitFile {
    /// Failed calls in a row after which no more are made for a while; 0 for never. Refusals are not failures. The same
    /// happens when half of at least 20 calls within 10 seconds fail.
    #[schemars(extend("default" = CircuitFile::FAILURES))]
    pub failures: Leaf<Whole<0, 10_000>>,
    /// How long no calls are made until a single one may try, as a duration such as `10s`.
    #[schemars(extend("default" = CircuitFile::OPEN_FOR))]
    pub open_for: Leaf<OpenFor>,
}

impl CircuitFile {
    pub const FAILURES: u32 = 10;
    pub const OPEN_FOR: &str = "10s";
}

/// How long the phases of a call may take, as durations such as `2s`.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct TimeoutsFile {
    /// Name resolution, TCP and TLS together.
    #[schemars(extend("default" = TimeoutsFile::CONNECT))]
    pub connect: Leaf<Timeout>,
    /// Writing the whole request. Not more than `total`, also by default.
    #[schemars(extend("default" = TimeoutsFile::SEND))]
    pub send: Leaf<Timeout>,
    /// The whole call, connecting included.
    #[schemars(extend("default" = TimeoutsFile::TOTAL))]
    pub total: Leaf<Timeout>,
}

impl TimeoutsFile {
    pub const CONNECT: &str = "2s";
    pub const SEND: &str = "10s";
    pub const TOTAL: &str = "30s";
}

/// How often a call is attempted.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct RetryFile {
    /// Attempts at most, the first one included.
    #[schemars(extend("default" = RetryFile::ATTEMPTS))]
    pub attempts: Leaf<Whole<1, 20>>,
    /// How long an unknown outcome is chased before the caller gets `unknown`, as a duration such as `2m`.
    #[schemars(extend("default" = RetryFile::RESOLVE_FOR))]
    pub resolve_for: Leaf<Chase>,
    /// A payment that was accepted and that no notification told of for this long is asked about, as a duration such as
    /// `15m`. Not asked about by default.
    pub notice_within: Leaf<Awaiting>,
}

impl RetryFile {
    pub const ATTEMPTS: u32 = 3;
    pub const RESOLVE_FOR: &str = "2m";
}

/// Where an account's events are delivered to.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct DeliveryFile {
    /// The application's own address for events.
    pub url: Required<Leaf<DeliveryUrl>>,
    /// `cloudevents`: CloudEvents 1.0 as JSON; `plain`: the provider's `param`, verbatim.
    #[schemars(extend("default" = DeliveryFile::FORMAT))]
    pub format: Leaf<DeliveryFormat>,
    /// Signs deliveries (Standard Webhooks): `whsec_` and the base64 of 24 to 64 bytes. Unsigned by default. While one
    /// secret takes the place of another, both, with a blank between them: each delivery then carries two signatures.
    pub secret: Leaf<DeliverySecrets>,
    /// How long a delivery is repeated until it becomes a dead letter, as a duration such as `72h`.
    #[schemars(extend("default" = DeliveryFile::RETRY_FOR))]
    pub retry_for: Leaf<Persistence>,
    /// The longest a delivery may take until the application has answered, as a duration such as `15s`.
    #[schemars(extend("default" = DeliveryFile::TIMEOUT))]
    pub timeout: Leaf<Timeout>,
    /// Deliveries under way at once.
    #[schemars(extend("default" = DeliveryFile::CONCURRENCY))]
    pub concurrency: Leaf<Whole<1, 256>>,
    /// TLS towards the application. The system's roots and the URL's host name by default.
    pub tls: Section<TlsFile>,
}

impl DeliveryFile {
    pub const FORMAT: &str = "cloudevents";
    pub const RETRY_FOR: &str = "72h";
    pub const TIMEOUT: &str = "15s";
    pub const CONCURRENCY: u32 = 8;
}

/// Changes to one operation of the profile.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct OperationFile {
    /// The path below the base URL, beginning with `/`.
    pub path: Leaf<ProviderPath>,
    /// The member that carries the merchant's own order id.
    pub reference: Leaf<MemberName>,
    /// Whether you have confirmed with the provider that the operation is as the profile says.
    pub confirmed: Leaf<bool>,
}
