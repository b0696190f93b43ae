//! One account: its section checked and built.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::app::{self, AppFile};
use super::call::{self, RetryFile, TimeoutsFile};
use super::delivery::{self, DeliveryFile};
use super::keys::{self, ProviderKeyFile, SigningKeyFile};
use super::limits::{self, CircuitFile, LimitsFile};
use super::profile::{self, OperationFile};
use super::tls::{self, TlsFile};
use crate::config::kind::texts::{AccountName, AppId, CurrencyCode, Network, ProfileName, Zone};
use crate::config::kind::urls::{BaseUrl, NotifyUrl};
use crate::config::read::kind::Choice;
use crate::config::read::{At, Keyed, List, Reader, Required, Section, Value, file_section};
use crate::config::report::key_list::key_warnings;
use crate::config::report::mixups::Facts;
use crate::config::snapshot::{Account, AnswerMode, AppAuth, Environment, Listener};
use crate::payment::Place;
use crate::provider::{Operation, Provider};
use crate::sign::KeyRing;

file_section! {
    /// One merchant application at one provider.
    AccountFile {
        /// The account's name, also its path segment and metric label.
        name: Required<Value<AccountName>>,
        /// Earlier names of the account: payments, notifications and freezes under one of them still belong to it,
        /// and its old paths still work. Without them, a renamed account forgets its payments.
        formerly: List<Value<AccountName>>,
        /// A built-in profile by name, or `{ file = "…" }` for a profile of your own.
        provider: Required<Value<ProfileName>>,
        /// The address of the provider's API. https, unless the host is loopback.
        base_url: Required<Value<BaseUrl>>,
        /// The application id that the provider assigned to the merchant.
        app_id: Required<Value<AppId>>,
        /// Whether real money moves. When given, mix-ups of live and test accounts are refused.
        environment: Value<Environment>,
        /// ISO 4217 code of the account's currency.
        currency: Value<CurrencyCode>,
        /// How the provider's zone-less times are read, as a distance from UTC.
        timezone: Value<Zone> = "+00:00",
        /// `provider`: the provider's JSON unchanged; `unwrapped`: its `data` only, with an HTTP status by outcome.
        answer: Value<AnswerMode> = "provider",
        /// Whether the timestamps in calls follow the provider's clock, as measured from its answers. For machines
        /// whose own clock cannot be set correctly; moves them by an hour at most.
        correct_clock: Value<bool> = false,
        /// The URL to which the provider should post notifications, used when the application gives none.
        notify_url: Value<NotifyUrl>,
        /// Networks that notifications may come from, such as `192.0.2.0/24`. From anywhere by default: the signature
        /// is what counts.
        notify_from: List<Value<Network>>,
        /// The account's own keys; the first usable one signs. At least one.
        signing_key: Required<List<Section<SigningKeyFile>>>,
        /// The provider's public keys; any of them may verify.
        provider_key: List<Section<ProviderKeyFile>>,
        /// Who may call. Needed when `listen.app` can be reached from other machines.
        app: Section<AppFile>,
        /// TLS towards the provider. The system's roots and the URL's host name by default.
        tls: Section<TlsFile>,
        /// Limits on calls.
        limits: Section<LimitsFile>,
        /// When calls are held back from a provider that fails.
        circuit: Section<CircuitFile>,
        /// How long a call may take.
        timeouts: Section<TimeoutsFile>,
        /// How often a call is attempted.
        retry: Section<RetryFile>,
        /// Where events are delivered to. None are delivered by default.
        delivery: Section<DeliveryFile>,
        /// Changes to operations of the profile, by operation name.
        operation: Keyed<Section<OperationFile>>,
    }
}

impl Choice for AnswerMode {
    const WORDS: &'static [(&'static str, Self)] =
        &[("provider", Self::Provider), ("unwrapped", Self::Unwrapped)];
}

impl Choice for Environment {
    const WORDS: &'static [(&'static str, Self)] = &[("live", Self::Live), ("test", Self::Test)];
}

/// What accounts need from the rest of the configuration.
pub(crate) struct Surroundings<'a> {
    /// The listener for applications, if it could be read.
    pub app: Option<&'a Listener>,
    /// Whether there is a listener for notifications.
    pub listens_for_notifications: bool,
    pub now: Timestamp,
}

/// Checks one account. The account is missing if anything in it is wrong; the facts are as complete as possible.
pub(super) fn compile(
    reader: &mut Reader<'_>,
    section: &Section<AccountFile>,
    surroundings: &Surroundings<'_>,
) -> Option<(Option<Account>, Facts)> {
    let file = reader.section(section)?;
    let path = &section.path;
    let name = reader.required(&file.name);
    let formerly = reader.values(&file.formerly);
    let profile = |reader: &mut Reader<'_>| reader.required(&file.provider);
    let provider = profile::compile(reader, path, &file.provider, profile, &file.operation);
    let base_url = reader.required(&file.base_url);
    let base_path = base_url.as_ref().map(|url| url.base_path()).unwrap_or_default();
    let target = tls::target(reader, "base_url", base_url.as_ref(), base_path, &file.tls);
    let app_id = reader.required(&file.app_id);
    let environment = reader.optional(&file.environment);
    let currency = reader.optional(&file.currency);
    let timezone = file.timezone(reader);
    let answer = file.answer(reader);
    let notify_url = reader.optional(&file.notify_url);
    let notify_from = reader.values(&file.notify_from);
    let signing_keys = keys::signing(reader, &file.signing_key);
    let own_halves = public_halves(&signing_keys, |key| key.key.public().to_base64());
    let signing_keys = KeyRing::new(into_values(signing_keys));
    if signing_keys.keys().len() == file.signing_key.items.len() && !own_halves.is_empty() {
        for warning in key_warnings(&signing_keys, surroundings.now) {
            reader.warn(&file.signing_key.path, warning);
        }
    }
    let provider_keys = keys::verifying(reader, &file.provider_key);
    let (tokens, uids) = app::read(reader, &file.app);
    let limits = limits::compile(reader, &file.limits, provider.as_deref(), currency.as_deref());
    let circuit = limits::circuit(reader, &file.circuit);
    let correct_clock = file.correct_clock(reader);
    let timeouts = call::timeouts(reader, &file.timeouts);
    let retry = call::retry(reader, &file.retry);
    let delivery = delivery::compile(reader, &file.delivery);

    if let Some(listener) = surroundings.app {
        app::check(reader, &file.app, &uids, listener);
    }
    if surroundings.listens_for_notifications {
        check_notifications(reader, path, file, environment);
    }
    if delivery.is_some() && !file.timezone.is_given() {
        reader.warn(path, "no `timezone`: times in notifications are read as UTC");
    }

    let facts = Facts {
        path: path.clone(),
        name: name.clone().map(|name| file.name.at(name)),
        formerly,
        environment,
        base_url: base_url.clone().map(|url| file.base_url.at(url)),
        app_id: app_id.clone().map(|app_id| file.app_id.at(app_id)),
        signing_keys: own_halves,
        provider_keys: public_halves(&provider_keys, |key| key.key.to_base64()),
        tokens,
    };
    let build = || {
        let (provider, base_url, app_id) = (provider?, base_url?.text().to_owned(), app_id?);
        Some(Account {
            name: name?,
            formerly: into_values(facts.formerly.clone()),
            places: places(&provider, &base_url, &app_id),
            provider,
            target: target?,
            base_url,
            environment,
            app_id,
            currency,
            timezone,
            answer,
            notify_url,
            notify_from: into_values(notify_from),
            signing_keys,
            provider_keys: into_values(provider_keys),
            app: AppAuth { tokens: into_values(facts.tokens.clone()), uids },
            limits,
            circuit,
            correct_clock,
            timeouts,
            retry,
            delivery,
        })
    };
    Some((build(), facts))
}

/// Warns about missing settings where there is a listener for notifications.
fn check_notifications(
    reader: &mut Reader<'_>,
    path: &str,
    file: &AccountFile,
    environment: Option<Environment>,
) {
    if file.provider_key.items.is_empty() {
        reader.warn(path, "no `provider_key`: every notification will be refused");
    }
    // A test account may have no application.
    if !file.delivery.is_given && environment != Some(Environment::Test) {
        reader.warn(path, "no `delivery`: notifications are stored but never delivered");
    }
}

/// The place where each operation that moves money is made, and queried.
fn places(provider: &Provider, base_url: &str, app_id: &str) -> BTreeMap<String, Place> {
    let operations = provider.operations.iter().filter(|operation| operation.money_moving);
    let place = |operation: &Arc<Operation>| {
        let query = operation.resolved_by.as_ref().and_then(|it| provider.operation(&it.operation));
        let query_path = query.map(|query| query.path.as_str());
        let place = Place::of(&provider.name, base_url, app_id, &operation.path, query_path);
        (operation.name.clone(), place)
    };
    operations.map(place).collect()
}

fn public_halves<T>(keys: &[At<T>], encode: impl Fn(&T) -> String) -> Vec<At<String>> {
    keys.iter().map(|key| At { path: key.path.clone(), value: encode(&key.value) }).collect()
}

fn into_values<T>(read: Vec<At<T>>) -> Vec<T> {
    read.into_iter().map(|it| it.value).collect()
}
