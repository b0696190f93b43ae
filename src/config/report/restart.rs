//! Changes of a configuration that a running process cannot apply.

use std::collections::BTreeMap;

use crate::config::snapshot::{Boot, Listener, LogFormat, Tracing};

/// The values the process was started with, by key. Certificates of listeners are not included: they can be replaced.
pub fn started_with(boot: &Boot) -> BTreeMap<&'static str, String> {
    let format = match boot.log.format {
        LogFormat::Json => "json",
        LogFormat::Text => "text",
    };
    BTreeMap::from([
        ("listen.app", text(Some(&boot.app))),
        ("listen.notify", text(boot.notify.as_ref())),
        ("listen.admin", text(Some(&boot.admin))),
        ("store.url", boot.store.to_string()),
        ("log.format", format.to_owned()),
        ("log.level", boot.log.level.clone()),
        ("audit.file", boot.audit.as_ref().map_or_else(none, |it| it.file.display().to_string())),
        ("tracing", boot.tracing.as_ref().map_or_else(none, exported)),
    ])
}

fn none() -> String {
    "none".to_owned()
}

fn exported(tracing: &Tracing) -> String {
    let Tracing { target, path, sample, service } = tracing;
    let scheme = if target.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{}:{}{path}, {sample} as {service}", target.host, target.port)
}

/// The keys whose new values need a restart.
pub fn needing_restart(running: &Boot, new: &Boot) -> Vec<&'static str> {
    let (running, new) = (started_with(running), started_with(new));
    running
        .iter()
        .filter(|(key, value)| new.get(*key) != Some(value))
        .map(|(key, _)| *key)
        .collect()
}

/// Warnings about changes that do not stop a reload but apply only after a restart: a collector of traces is no
/// reason to keep the old keys, even if its roots are in the provider's file.
pub fn waiting_for_restart(running: &Boot, new: &Boot) -> Vec<String> {
    let collector = |boot: &Boot| boot.tracing.as_ref().map(|it| it.target.fingerprint.clone());
    match collector(running) == collector(new) {
        true => Vec::new(),
        false => vec![
            "tracing.otlp.tls: its contents have changed since the start, the running process uses the \
             old ones until a restart"
                .to_owned(),
        ],
    }
}

fn text(listener: Option<&Listener>) -> String {
    listener.map_or_else(none, |it| {
        format!("{}{}", it.address, if it.tls.is_some() { " with TLS" } else { "" })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{demo, load_text};

    fn boot(lines: &str) -> Boot {
        let text = format!(
            "{lines}\n[[account]]\nname = \"shop\"\nprovider = \"bluepay\"\napp_id = \"a\"\n\
             base_url = \"http://127.0.0.1:9\"\n\
             signing_key = [{{ id = \"k\", private_key = '''{}''' }}]\n",
            demo::MERCHANT_PRIVATE_KEY
        );
        load_text(&text).unwrap_or_else(|mistakes| panic!("{mistakes:?}")).boot
    }

    #[test]
    fn changed_roots_of_a_collector_are_reported_and_do_not_stop_a_reload() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ca.pem");
        let certificate = include_str!("../../../tests/data/config/tls.pem");
        let with = |count: usize| {
            std::fs::write(&file, certificate.repeat(count)).expect("written");
            let endpoint = "endpoint = \"https://127.0.0.1:4318\"";
            boot(&format!("[tracing.otlp]\n{endpoint}\ntls = {{ ca = {{ file = {file:?} }} }}"))
        };
        let (running, new) = (with(1), with(2));
        assert!(needing_restart(&running, &new).is_empty());
        assert_eq!(waiting_for_restart(&running, &new).len(), 1);
        assert!(waiting_for_restart(&running, &running).is_empty());
    }

    #[test]
    fn each_key_that_only_a_restart_changes_is_named() {
        let running = boot("");
        for (lines, keys) in [
            ("listen.app = \"127.0.0.1:1\"", vec!["listen.app"]),
            ("listen.notify = \"127.0.0.1:1\"", vec!["listen.notify"]),
            ("listen.admin = \"127.0.0.1:1\"", vec!["listen.admin"]),
            ("store.url = \"sqlite:other.db\"", vec!["store.url"]),
            ("log = { level = \"debug\", format = \"text\" }", vec!["log.format", "log.level"]),
            ("audit.file = \"audit.log\"", vec!["audit.file"]),
            ("tracing.otlp.endpoint = \"http://127.0.0.1:4318\"", vec!["tracing"]),
            ("store.retention = \"1d\"", vec![]),
            ("listen.app = \"127.0.0.1:8600\"", vec![]),
        ] {
            assert_eq!(needing_restart(&running, &boot(lines)), keys, "{lines}");
        }
    }
}
