//! The sandbox's own configuration file: the same style as the sidecar's, every key optional.
//!
//! Reports every mistake at once with its key path. `docs/sandbox.md` has an example with all keys.

use std::net::SocketAddr;
use std::path::Path;

use jiff::tz::Offset;
use serde_json::Value as Json;

use super::engine::http::target::Target;
use super::engine::keys::{MerchantKey, ProviderKey};
use super::engine::settings::{App, NotifySettings, Sandbox};
use super::setup::{LISTEN_DEFAULT, TIMEZONE_DEFAULT, demo_app};
use crate::clock::Clock;
use crate::config::demo;
use crate::config::kind::texts::{AppId, ProfileName, Zone};
use crate::config::kind::units::{DAY_MS, Span};
use crate::config::read::kind::Choice;
use crate::config::read::{
    self, Keyed, Kind, List, Reader, Refused, Required, Section, Seen, Value, Wrong, file_section,
};
use crate::config::section::profile::{self, OperationFile};
use crate::environment;
use crate::mistake::Mistake;
use crate::secret::Secret;
use crate::sign::Hash;

file_section! {
    /// A sandbox's configuration.
    SandboxFile {
        /// Where it listens.
        listen: Value<Text>,
        /// The profile it emulates.
        provider: Value<ProfileName> = "bluepay",
        /// What every merchant has at the start, in minor units.
        balance: Value<Number> = 10_000_000_000_i64,
        /// How far a request's timestamp may differ from the clock, in both directions.
        timestamp_window: Value<Length> = "5m",
        /// How long a transaction is pending.
        settle_after: Value<Length> = "1s",
        /// The zone of the zone-less times in answers.
        timezone: Value<Text>,
        /// For random faults.
        seed: Value<Number> = 1,
        /// What merchants' signatures are made over.
        hash: Value<Hash> = "sha256",
        /// The provider's private key, which signs notifications. The demo key by default.
        provider_key: Value<Text>,
        /// The key that it changes to when a fault requests it. By default another demo key.
        next_provider_key: Value<Text>,
        /// The pauses before a notification's repeats.
        notify_repeat: List<Value<Length>>,
        /// How long one attempt to post a notification may take.
        notify_timeout: Value<Length> = "10s",
        /// Where notifications about payouts go, for every merchant that has no address of its own.
        payout_notify_url: Value<Text>,
        /// The merchants. If there are none, the demo merchant.
        app: List<Section<AppFile>>,
        /// Changes to operations of the profile.
        operation: Keyed<Section<OperationFile>>,
    }
}

file_section! {
    /// A merchant.
    AppFile {
        /// The application id that its requests name.
        app_id: Required<Value<AppId>>,
        /// Its public key, which verifies its requests.
        public_key: Required<Value<Text>>,
        /// Where its notifications about payouts go.
        payout_notify_url: Value<Text>,
    }
}

/// A length of time.
type Length = Span<0, { 10 * 366 * DAY_MS }>;

/// Reads the sandbox's configuration; without a file it has the demo merchant and the default address.
///
/// With it come warnings about the file.
///
/// # Errors
/// Everything that is wrong with the file.
pub fn load(path: Option<&Path>) -> Result<(Sandbox, Vec<String>), Vec<Mistake>> {
    built(match path {
        Some(path) => read::open(path),
        None => read::open_text("", &environment::variable, Seen::default()),
    })
}

fn built(
    opened: Result<(Section<SandboxFile>, Reader<'_>), Refused>,
) -> Result<(Sandbox, Vec<String>), Vec<Mistake>> {
    let (root, mut reader) = opened.map_err(|refused| refused.mistakes)?;
    let file = reader.keys(&root);
    match compile(&mut reader, file) {
        Some(sandbox) if reader.mistakes.is_empty() => Ok((sandbox, reader.warnings)),
        _ => Err(reader.mistakes),
    }
}

fn compile(reader: &mut Reader<'_>, file: &SandboxFile) -> Option<Sandbox> {
    let profile = |reader: &mut Reader<'_>| Some(file.provider(reader));
    let provider = profile::compile(reader, "", &file.provider, profile, &file.operation);
    let hash = file.hash(reader);
    let payout_notify_url = read_text(reader, &file.payout_notify_url, notify_url);
    let apps = reader.list(&file.app).iter().map(|section| app(reader, section, hash));
    let mut apps: Vec<Option<App>> = apps.collect();
    if apps.is_empty() {
        apps.push(reader.accept(&file.app.path, demo_app()));
    }
    let apps = apps.into_iter().flatten().map(|app| App {
        payout_notify_url: app.payout_notify_url.or(payout_notify_url.clone()),
        ..app
    });
    let repeat = reader.values(&file.notify_repeat).into_iter().map(|pause| pause.value).collect();
    Some(Sandbox {
        apps: apps.collect(),
        listen: read_text(reader, &file.listen, address).unwrap_or(LISTEN_DEFAULT),
        provider_key: key(reader, &file.provider_key, demo::PROVIDER_PRIVATE_KEY),
        next_provider_key: key(reader, &file.next_provider_key, demo::NEXT_PROVIDER_PRIVATE_KEY),
        notify: NotifySettings {
            repeat: match file.notify_repeat.is_given {
                true => repeat,
                false => NotifySettings::default().repeat,
            },
            timeout: file.notify_timeout(reader),
        },
        clock: Clock::System,
        balance: file.balance(reader),
        timestamp_window: file.timestamp_window(reader),
        settle_after: file.settle_after(reader),
        timezone: read_text(reader, &file.timezone, zone).unwrap_or(TIMEZONE_DEFAULT),
        seed: file.seed(reader).unsigned_abs(),
        provider: provider?,
    })
}

fn app(reader: &mut Reader<'_>, section: &Section<AppFile>, hash: Hash) -> Option<App> {
    let file = reader.section(section)?;
    let app_id = reader.required(&file.app_id);
    let text = reader.required(&file.public_key);
    let key = text.map(|text| MerchantKey::from_text(&text, hash));
    let public_key = key.and_then(|key| reader.accept(&file.public_key.path, key));
    let payout_notify_url = read_text(reader, &file.payout_notify_url, notify_url);
    Some(App { app_id: app_id?, public_key: public_key?, payout_notify_url })
}

/// The result of `read` for a text that may be left out.
fn read_text<T>(
    reader: &mut Reader<'_>,
    value: &Value<Text>,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let text = reader.optional(value)?;
    reader.accept(&value.path, read(&text))
}

fn key(reader: &mut Reader<'_>, value: &Value<Text>, demo: &str) -> Option<ProviderKey> {
    let text = if value.is_given() { reader.optional(value)? } else { demo.to_string() };
    reader.accept(&value.path, ProviderKey::from_text(&Secret::new(text.into_bytes())))
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an address like `127.0.0.1:8700`".to_string())
}

fn notify_url(text: &str) -> Result<String, String> {
    Target::from_url(text).map(|_| text.to_string())
}

/// `+07:00`, or `Z`.
fn zone(text: &str) -> Result<Offset, String> {
    match text {
        "Z" => Ok(Offset::UTC),
        text => Zone::parse(text).map_err(|_| format!("expected `Z` or {}", Zone::expected())),
    }
}

/// Any text that is not empty.
pub(crate) struct Text;

impl Kind for Text {
    type Parsed = String;

    const SECRET: bool = false;

    fn expected() -> String {
        "a text".into()
    }

    fn parse(text: &str) -> Result<String, Wrong> {
        match text.trim().is_empty() {
            true => Err(Wrong::Problem("the value is empty".into())),
            false => Ok(text.to_owned()),
        }
    }
}

/// A whole number that is not negative.
pub(crate) struct Number;

impl Kind for Number {
    type Parsed = i64;

    const SECRET: bool = false;

    fn expected() -> String {
        "a whole number from 0".into()
    }

    fn parse(text: &str) -> Result<i64, Wrong> {
        text.parse().ok().filter(|number| *number >= 0).ok_or_else(Self::wrong)
    }

    fn parse_literal(literal: &Json) -> Result<i64, Wrong> {
        literal.as_i64().filter(|number| *number >= 0).ok_or_else(Self::wrong)
    }
}

impl Choice for Hash {
    const WORDS: &'static [(&'static str, Self)] =
        &[("sha1", Self::Sha1), ("sha256", Self::Sha256), ("sha512", Self::Sha512)];
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn load_text(text: &str) -> Result<Sandbox, Vec<Mistake>> {
        let built = built(read::open_text(text, &environment::variable, Seen::default()));
        built.map(|(sandbox, _)| sandbox)
    }

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
        assert!(problems("sed = 1")[0].starts_with("sed: unknown key, did you mean `seed`"));
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
        for text in ["", "s", "5", "-5s", "5 s", "99999999999999999999s", "1w"] {
            assert!(Length::parse(text).is_err(), "`{text}` is no duration");
        }
        for text in ["", "7", "+7:00", "+07:60", "+99:00", "+0é:0", "07:00:", "++7:00"] {
            assert!(zone(text).is_err(), "`{text}` is no offset");
        }
    }

    #[test]
    fn no_pause_means_no_repeat() {
        let sandbox = load_text("notify_repeat = []").expect("valid");
        assert!(sandbox.notify.repeat.is_empty());
    }
}
