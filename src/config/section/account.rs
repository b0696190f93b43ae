//! One account: its file section checked and built.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::file::{AccountFile, AppFile, OperationFile, RetryFile, Timeout, TimeoutsFile};
use super::keys::{self, At};
use super::listen::is_exposed;
use super::unconfirmed::{NOT_CONFIRMED, unconfirmed_names};
use super::{delivery, limits, tls};
use crate::config::read::reader::Walk;
use crate::config::read::section::{Keyed, Section, join};
use crate::config::read::value::{Given, Leaf};
use crate::config::report::mixups::Facts;
use crate::config::snapshot::{Account, Address, AppAuth, Environment, Listener, Retry};
use crate::mistake::Mistake;
use crate::payment::Place;
use crate::provider::{Operation, OperationOverride, Provider};
use crate::secret::Secret;
use crate::sign::KeyRing;
use crate::wire::Timeouts;

/// What accounts need to know of the rest of the configuration.
pub(crate) struct Surroundings<'a> {
    /// The listener for applications, if it could be read.
    pub app: Option<&'a Listener>,
    /// Whether notifications are listened for.
    pub listens_for_notifications: bool,
    pub now: Timestamp,
}

/// Checks one account. The account is missing when anything in it is wrong; the facts are as complete as can be.
pub(crate) fn compile(
    walk: &mut Walk<'_>,
    section: &Section<AccountFile>,
    surroundings: &Surroundings<'_>,
) -> Option<(Option<Account>, Facts)> {
    let file = walk.section(section)?;
    let path = &section.path;
    let name = walk.required(&file.name);
    let formerly = formerly(walk, file);
    let provider = provider(walk, path, file);
    let base_url = walk.required(&file.base_url);
    let target =
        tls::compile(walk, "base_url", base_url.as_ref().map(tls::Place::of_provider), &file.tls);
    let app_id = walk.required(&file.app_id);
    let environment = walk.optional(&file.environment);
    let currency = walk.optional(&file.currency);
    let timezone = walk.or(&file.timezone, AccountFile::TIMEZONE);
    let answer = walk.or(&file.answer, AccountFile::ANSWER);
    let notify_url = walk.optional(&file.notify_url);
    let notify_from = notify_from(walk, file);
    let signing_keys = keys::signing(walk, file, surroundings.now);
    let provider_keys = keys::verifying(walk, file);
    let tokens = app_tokens(walk, &file.app);
    let uids = app_uids(walk, &file.app);
    let limits = limits::compile(walk, &file.limits, provider.as_deref(), currency.as_ref());
    let circuit = limits::circuit(walk, &file.circuit);
    let correct_clock = walk.or(&file.correct_clock, AccountFile::CORRECT_CLOCK);
    let timeouts = timeouts(walk, &file.timeouts);
    let retry = retry(walk, &file.retry);
    let delivery = delivery::compile(walk, &file.delivery);

    check_app(walk, file, &uids, surroundings);
    if surroundings.listens_for_notifications && file.provider_key.is_empty() {
        walk.warn(path, "no `provider_key`: every notification will be refused");
    }
    // Whoever tries things out may do without an application.
    let is_test = environment == Some(Environment::Test);
    if surroundings.listens_for_notifications && !file.delivery.is_given && !is_test {
        walk.warn(path, "no `delivery`: notifications are stored and wait there for good");
    }
    if delivery.is_some() && !file.timezone.is_given() {
        walk.warn(path, "no `timezone`: times in notifications are read as UTC");
    }

    let facts = Facts {
        path: path.clone(),
        name: name.clone().map(|name| At { path: file.name.0.path.clone(), value: name.0 }),
        formerly,
        environment,
        base_url: base_url.clone().map(|value| At { path: file.base_url.0.path.clone(), value }),
        app_id: app_id
            .clone()
            .map(|app_id| At { path: file.app_id.0.path.clone(), value: app_id.0 }),
        signing_keys: public_halves(&signing_keys, |key| key.key.public().to_base64()),
        provider_keys: public_halves(&provider_keys, |key| key.key.to_base64()),
        tokens,
    };
    let build = || {
        let (provider, base_url, app_id) = (provider?, base_url?.text, app_id?.0);
        Some(Account {
            name: name?.0,
            formerly: facts.formerly.iter().map(|name| name.value.clone()).collect(),
            places: places(&provider, &base_url, &app_id),
            provider,
            target: target?,
            base_url,
            environment,
            app_id,
            currency: currency.map(|currency| currency.0),
            timezone: timezone.0,
            answer,
            notify_url: notify_url.map(|url| url.0),
            notify_from,
            signing_keys: KeyRing::new(signing_keys.into_iter().map(|key| key.value).collect()),
            provider_keys: provider_keys.into_iter().map(|key| key.value).collect(),
            app: AppAuth {
                tokens: facts.tokens.iter().map(|token| token.value.clone()).collect(),
                uids,
            },
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

/// Where each operation that moves money is made, and asked about.
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

/// The profile, with the account's changes to its operations.
fn provider(walk: &mut Walk<'_>, path: &str, file: &AccountFile) -> Option<Arc<Provider>> {
    let leaf = &file.provider.0;
    let overrides = overrides(walk, &file.operation);
    let profile = match leaf.given() {
        Given::File(profile) => {
            let text = walk.file_text(&leaf.path, profile, false)?;
            below(walk, &leaf.path, Provider::from_toml(&text))
        }
        Given::Nothing | Given::Literal(_) | Given::Env(_) => {
            let name = walk.required(&file.provider)?;
            Provider::builtin(&name.0)
        }
    }?;
    let provider = match overrides.is_empty() {
        true => profile,
        false => below(walk, path, profile.with_overrides(&overrides))?,
    };
    let unconfirmed = unconfirmed_names(&provider);
    if !unconfirmed.is_empty() {
        let names = unconfirmed.join(", ");
        walk.warn(path, format!("{NOT_CONFIRMED}: {names}"));
    }
    Some(Arc::new(provider))
}

/// Notes mistakes whose paths are relative to `path`.
fn below<T>(walk: &mut Walk<'_>, path: &str, result: Result<T, Vec<Mistake>>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(mistakes) => {
            for mistake in mistakes {
                match mistake.path.as_str() {
                    "" => walk.mistake(path, mistake.problem),
                    // A profile that is not TOML has a line and a column in place of key paths.
                    place if place.starts_with("line ") => walk.mistake(path, mistake.to_string()),
                    below => walk.mistake(format!("{path}.{below}"), mistake.problem),
                }
            }
            None
        }
    }
}

fn overrides(
    walk: &mut Walk<'_>,
    keyed: &Keyed<Section<OperationFile>>,
) -> BTreeMap<String, OperationOverride> {
    let mut overrides = BTreeMap::new();
    for (name, section) in walk.entries(keyed) {
        let Some(file) = walk.section(section) else { continue };
        let path = walk.optional(&file.path).map(|path| path.0);
        let reference = walk.optional(&file.reference).map(|member| member.0);
        let confirmed = walk.optional(&file.confirmed);
        overrides.insert(name.clone(), OperationOverride { path, reference, confirmed });
    }
    overrides
}

fn app_tokens(walk: &mut Walk<'_>, section: &Section<AppFile>) -> Vec<At<Secret>> {
    let Some(file) = walk.section(section) else { return Vec::new() };
    let leaves = walk.list(&file.tokens);
    leaves
        .iter()
        .filter_map(|leaf| {
            let token = walk.optional(leaf)?;
            Some(At { path: leaf.path.clone(), value: token.0 })
        })
        .collect()
}

fn formerly(walk: &mut Walk<'_>, file: &AccountFile) -> Vec<At<String>> {
    let leaves = walk.list(&file.formerly);
    leaves
        .iter()
        .filter_map(|leaf| {
            let name = walk.optional(leaf)?;
            Some(At { path: leaf.path.clone(), value: name.0 })
        })
        .collect()
}

fn notify_from(walk: &mut Walk<'_>, file: &AccountFile) -> Vec<ipnet::IpNet> {
    let leaves = walk.list(&file.notify_from);
    leaves.iter().filter_map(|leaf| walk.optional(leaf)).map(|network| network.0).collect()
}

fn app_uids(walk: &mut Walk<'_>, section: &Section<AppFile>) -> Vec<u32> {
    // The section itself was judged with its tokens.
    let file = &section.value;
    let leaves = walk.list(&file.uids);
    leaves.iter().filter_map(|leaf| walk.optional(leaf)).map(|uid| uid.0).collect()
}

/// Checks that the account can be called, and by whom it should be only.
fn check_app(
    walk: &mut Walk<'_>,
    file: &AccountFile,
    uids: &[u32],
    surroundings: &Surroundings<'_>,
) {
    let Some(listener) = surroundings.app else { return };
    let section = &file.app;
    // What stands in place of the list is a mistake of its own already.
    let list = &section.value.tokens;
    let has_tokens = !list.is_empty() || list.misplaced.is_some();
    let tokens = join(&section.path, "tokens");
    if is_exposed(&listener.address) && !has_tokens {
        let problem = "nothing found, expected at least one token: `listen.app` can be reached \
                       from other machines";
        walk.mistake(tokens, problem);
    } else if matches!(listener.address, Address::Tcp(_)) && !uids.is_empty() {
        match has_tokens {
            true => {
                walk.warn(&section.path, "`uids` have no effect: `listen.app` is not a unix socket")
            }
            false => {
                let problem = "nobody could call: user ids are known on a unix socket only, \
                               expected `tokens`, or `unix:/path` as `listen.app`";
                walk.mistake(&section.value.uids.path, problem);
            }
        }
    }
}

fn timeouts(walk: &mut Walk<'_>, section: &Section<TimeoutsFile>) -> Timeouts {
    let file = walk.section(section).unwrap_or(&section.value);
    let total = walk.or(&file.total, TimeoutsFile::TOTAL).0;
    let mut phase = |leaf: &Leaf<Timeout>, default: &str| {
        let length = walk.or(leaf, default).0;
        if leaf.is_given() && length > total {
            let problem = format!("longer than `total` ({total:?}), expected at most as long");
            walk.mistake(&leaf.path, problem);
        }
        length.min(total)
    };
    Timeouts {
        connect: phase(&file.connect, TimeoutsFile::CONNECT),
        send: phase(&file.send, TimeoutsFile::SEND),
        total,
    }
}

fn retry(walk: &mut Walk<'_>, section: &Section<RetryFile>) -> Retry {
    let file = walk.section(section).unwrap_or(&section.value);
    Retry {
        attempts: walk.or(&file.attempts, RetryFile::ATTEMPTS).0,
        resolve_for: walk.or(&file.resolve_for, RetryFile::RESOLVE_FOR).0,
        notice_within: walk.optional(&file.notice_within).map(|span| span.0),
    }
}
