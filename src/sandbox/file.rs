//! The sandbox's own configuration file: the same style as the sidecar's, every key optional.
//!
//! Reports every mistake at once with its key path. `docs/sandbox.md` has an example with all keys.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::Offset;
use serde::Deserialize;

use super::engine::http::target::Target;
use super::engine::keys::{MerchantKey, ProviderKey};
use super::engine::settings::{App, NotifySettings, Sandbox};
use super::setup::LISTEN_DEFAULT;
use crate::config::demo;
use crate::environment;
use crate::mistake::Mistake;
use crate::provider::{OperationOverride, Provider, builtin_names};
use crate::secret::Secret;
use crate::sign::Hash;

/// The profile a sandbox emulates unless told otherwise.
const PROVIDER_DEFAULT: &str = "bluepay";

/// Reads the sandbox's configuration; the demo merchant and the default address without a file.
///
/// # Errors
/// Everything that is wrong with the file.
pub fn load(path: Option<&Path>) -> Result<Sandbox, Vec<Mistake>> {
    let text = match path {
        None => String::new(),
        Some(path) => std::fs::read_to_string(path).map_err(|error| {
            vec![Mistake::new("", format!("file `{}` cannot be read: {error}", path.display()))]
        })?,
    };
    load_text(&text)
}

fn load_text(text: &str) -> Result<Sandbox, Vec<Mistake>> {
    let file: File = toml::from_str(text)
        .map_err(|error| vec![Mistake::new("", error.to_string().trim_end().to_string())])?;
    file.compile()
}

/// Mirrors the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<String>,
    provider: Option<Text>,
    /// Minor units.
    balance: Option<i64>,
    timestamp_window: Option<String>,
    settle_after: Option<String>,
    timezone: Option<String>,
    seed: Option<u64>,
    hash: Option<Hash>,
    provider_key: Option<Text>,
    next_provider_key: Option<Text>,
    /// The pauses before a notification's repeats.
    notify_repeat: Option<Vec<String>>,
    notify_timeout: Option<String>,
    /// For every app that does not say its own.
    payout_notify_url: Option<String>,
    #[serde(default)]
    app: Vec<AppFile>,
    #[serde(default)]
    operation: BTreeMap<String, OperationFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppFile {
    app_id: Text,
    public_key: Text,
    payout_notify_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OperationFile {
    path: Option<String>,
    reference: Option<String>,
}

/// A text given literally or by reference.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a text, { env = \"…\" } or { file = \"…\" }")]
enum Text {
    Literal(String),
    Env(EnvReference),
    File(FileReference),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvReference {
    env: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileReference {
    file: String,
}

impl File {
    fn compile(self) -> Result<Sandbox, Vec<Mistake>> {
        let mut mistakes = Mistakes::default();
        let hash = self.hash.unwrap_or(Hash::Sha256);
        let apps: Vec<App> = self
            .app
            .iter()
            .enumerate()
            .filter_map(|(at, app)| app.compile(hash, &format!("app[{at}]"), &mut mistakes))
            .collect();
        let provider = mistakes.all(self.provider());
        let provider_key =
            mistakes.take("provider_key", key(&self.provider_key, demo::PROVIDER_PRIVATE_KEY));
        let next_key = key(&self.next_provider_key, demo::NEXT_PROVIDER_PRIVATE_KEY);
        let next_provider_key = mistakes.take("next_provider_key", next_key);
        let notify = self.notify(&mut mistakes);
        let payout_url = optional(&self.payout_notify_url, notify_url);
        let payout_url = mistakes.take("payout_notify_url", payout_url).flatten();
        let listen = mistakes.take("listen", optional(&self.listen, address));
        let window = mistakes.take("timestamp_window", optional(&self.timestamp_window, duration));
        let settle = mistakes.take("settle_after", optional(&self.settle_after, duration));
        let zone = mistakes.take("timezone", optional(&self.timezone, offset));
        if self.balance.is_some_and(|balance| balance < 0) {
            mistakes.0.push(Mistake::new("balance", "must not be below 0"));
        }
        let (Some(provider), true) = (provider, mistakes.0.is_empty()) else {
            return Err(mistakes.0);
        };
        let provider = Arc::new(provider);
        let defaults = match self.app.is_empty() {
            true => Sandbox::demo(provider).map_err(|problem| vec![Mistake::new("", problem)])?,
            false => Sandbox::new(provider, apps),
        };
        let apps = defaults.apps.into_iter().map(|app| App {
            payout_notify_url: app.payout_notify_url.or(payout_url.clone()),
            ..app
        });
        Ok(Sandbox {
            apps: apps.collect(),
            listen: listen.flatten().unwrap_or(LISTEN_DEFAULT),
            provider_key,
            next_provider_key,
            notify,
            balance: self.balance.unwrap_or(defaults.balance),
            timestamp_window: window.flatten().unwrap_or(defaults.timestamp_window),
            settle_after: settle.flatten().unwrap_or(defaults.settle_after),
            timezone: zone.flatten().unwrap_or(defaults.timezone),
            seed: self.seed.unwrap_or(defaults.seed),
            ..defaults
        })
    }

    fn provider(&self) -> Result<Provider, Vec<Mistake>> {
        let base = match &self.provider {
            None => builtin(PROVIDER_DEFAULT)?,
            Some(Text::Literal(name)) => builtin(name)?,
            Some(reference) => {
                let text = reference.read().map_err(|it| vec![Mistake::new("provider", it)])?;
                Provider::from_toml(&text)?
            }
        };
        let overrides: BTreeMap<String, OperationOverride> = self
            .operation
            .iter()
            .map(|(name, row)| {
                let (path, reference) = (row.path.clone(), row.reference.clone());
                (name.clone(), OperationOverride { path, reference, ..Default::default() })
            })
            .collect();
        match overrides.is_empty() {
            true => Ok(base),
            false => base.with_overrides(&overrides),
        }
    }

    fn notify(&self, mistakes: &mut Mistakes) -> NotifySettings {
        let defaults = NotifySettings::default();
        let timeout = mistakes.take("notify_timeout", optional(&self.notify_timeout, duration));
        let repeat = self.notify_repeat.as_ref().map(|pauses| {
            let pauses = pauses.iter().enumerate();
            pauses
                .filter_map(|(at, pause)| {
                    mistakes.take(&format!("notify_repeat[{at}]"), duration(pause))
                })
                .collect()
        });
        NotifySettings {
            repeat: repeat.unwrap_or(defaults.repeat),
            timeout: timeout.flatten().unwrap_or(defaults.timeout),
        }
    }
}

impl AppFile {
    fn compile(&self, hash: Hash, path: &str, mistakes: &mut Mistakes) -> Option<App> {
        let app_id = mistakes.take(&format!("{path}.app_id"), self.app_id.read());
        let key = self.public_key.read().and_then(|text| MerchantKey::from_text(&text, hash));
        let public_key = mistakes.take(&format!("{path}.public_key"), key);
        let url = optional(&self.payout_notify_url, notify_url);
        let payout_notify_url = mistakes.take(&format!("{path}.payout_notify_url"), url)?;
        Some(App { app_id: app_id?.trim().to_string(), public_key: public_key?, payout_notify_url })
    }
}

impl Text {
    /// The text; an empty one is a mistake, as in the sidecar's configuration.
    fn read(&self) -> Result<String, String> {
        let text = match self {
            Self::Literal(text) => text.clone(),
            Self::Env(EnvReference { env }) => environment::variable(env)
                .and_then(|text| text.into_string().ok())
                .ok_or_else(|| format!("environment variable `{env}` is not set or not text"))?,
            Self::File(FileReference { file }) => std::fs::read_to_string(file)
                .map_err(|error| format!("file `{file}` cannot be read: {error}"))?,
        };
        match text.trim().is_empty() {
            true => Err("the value is empty".into()),
            false => Ok(text),
        }
    }
}

#[derive(Default)]
struct Mistakes(Vec<Mistake>);

impl Mistakes {
    fn take<T>(&mut self, path: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|problem| self.0.push(Mistake::new(path, problem))).ok()
    }

    fn all<T>(&mut self, result: Result<T, Vec<Mistake>>) -> Option<T> {
        result.map_err(|mistakes| self.0.extend(mistakes)).ok()
    }
}

fn optional<T>(
    given: &Option<String>,
    read: fn(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    given.as_deref().map(read).transpose()
}

fn key(given: &Option<Text>, default: &str) -> Result<ProviderKey, String> {
    let text = match given {
        None => default.to_string(),
        Some(text) => text.read()?,
    };
    ProviderKey::from_text(&Secret::new(text.into_bytes()))
}

fn builtin(name: &str) -> Result<Provider, Vec<Mistake>> {
    Provider::builtin(name).ok_or_else(|| {
        let names = builtin_names().join("`, `");
        vec![Mistake::new("provider", format!("expected `{names}` or {{ file = \"…\" }}"))]
    })
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an address like `127.0.0.1:8700`".to_string())
}

fn notify_url(text: &str) -> Result<String, String> {
    Target::from_url(text).map(|_| text.to_string())
}

fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    let problem = || "expected a whole number with a unit, like `250ms`, `5s`, `2m`, `1h`";
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(problem)?;
    let milliseconds = count.parse::<u64>().ok().and_then(|count| count.checked_mul(*factor));
    Ok(milliseconds.map(Duration::from_millis).ok_or_else(problem)?)
}

/// `+07:00`, or `Z`.
fn offset(text: &str) -> Result<Offset, String> {
    let problem = || "expected an offset like `+07:00`".to_string();
    if text == "Z" {
        return Ok(Offset::UTC);
    }
    let sign = match text.as_bytes() {
        [b'+', _, _, b':', _, _] => 1,
        [b'-', _, _, b':', _, _] => -1,
        _ => return Err(problem()),
    };
    let number = |part: Option<&str>| {
        let digits = part.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        digits.and_then(|digits| digits.parse::<u8>().ok())
    };
    match (number(text.get(1..3)), number(text.get(4..6))) {
        (Some(hours), Some(minutes)) if minutes < 60 => {
            let seconds = sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60);
            Offset::from_seconds(seconds).map_err(|_| problem())
        }
        _ => Err(problem()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let mistakes = load_text(text).err().expect("the file should be refused");
        mistakes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let found = problems(
            "listen = \"here\"\nbalance = -1\ntimezone = \"Bangkok\"\nsettle_after = \"5\"\n\
             notify_repeat = [\"1s\", \"soon\"]\nnotify_timeout = \"1\"\nnext_provider_key = \"no\"\n\
             payout_notify_url = \"https://example.com/\"\n\
             [[app]]\napp_id = \"\"\npublic_key = \"not a key\"\n",
        );
        for path in [
            "listen",
            "balance",
            "timezone",
            "settle_after",
            "notify_repeat[1]",
            "notify_timeout",
            "next_provider_key",
            "payout_notify_url",
            "app[0].app_id",
            "app[0].public_key",
        ] {
            let told = found.iter().any(|problem| problem.starts_with(&format!("{path}: ")));
            assert!(told, "`{path}` should be reported in {found:#?}");
        }
    }

    #[test]
    fn unknown_keys_and_missing_sources_are_refused() {
        assert!(problems("sed = 1")[0].contains("unknown field `sed`"));
        assert!(problems("provider = \"bluepey\"")[0].contains("`bluepay`"));
        assert!(
            problems("provider = { file = \"/does/not/exist\" }")[0].contains("/does/not/exist")
        );
        assert!(
            problems("provider_key = { env = \"COUNTERSIGN_NOT_SET\" }")[0].contains("NOT_SET")
        );
    }

    #[test]
    fn an_empty_file_is_the_demo_sandbox() {
        let sandbox = load_text("").expect("the demo sandbox");
        assert_eq!(sandbox.listen, LISTEN_DEFAULT);
        assert_eq!(sandbox.apps[0].app_id, crate::config::demo::APP_ID);
        assert!(sandbox.provider_key.is_some());
    }

    #[test]
    fn settings_are_taken_from_the_file() {
        let sandbox = load_text(
            "listen = \"127.0.0.1:0\"\nbalance = 5\ntimezone = \"-03:30\"\nseed = 9\n\
             settle_after = \"0ms\"\ntimestamp_window = \"2m\"\n\
             notify_repeat = [\"1s\", \"0ms\"]\nnotify_timeout = \"3s\"\n\
             payout_notify_url = \"http://127.0.0.1:1/\"\n\
             [operation.payment_void]\npath = \"/open-api/other/void\"\n",
        )
        .expect("valid");
        assert_eq!((sandbox.balance, sandbox.seed), (5, 9));
        assert_eq!(sandbox.timezone.seconds(), -12_600);
        assert_eq!(sandbox.settle_after, Duration::ZERO);
        assert_eq!(sandbox.timestamp_window, Duration::from_secs(120));
        assert_eq!(sandbox.notify.repeat, [Duration::from_secs(1), Duration::ZERO]);
        assert_eq!(sandbox.notify.timeout, Duration::from_secs(3));
        assert_eq!(sandbox.apps[0].payout_notify_url.as_deref(), Some("http://127.0.0.1:1/"));
        let void = sandbox.provider.find("open-api/other/void").expect("the new path");
        assert_eq!(void.name, "payment_void");
    }

    #[test]
    fn odd_durations_and_offsets_are_refused() {
        for text in ["", "s", "5", "-5s", "5 s", "99999999999999999999s", "1d"] {
            assert!(duration(text).is_err(), "`{text}` is no duration");
        }
        for text in ["", "7", "+7:00", "+07:60", "+99:00", "+0é:0", "07:00:", "++7:00"] {
            assert!(offset(text).is_err(), "`{text}` is no offset");
        }
    }
}
