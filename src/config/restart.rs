//! What a running process cannot take over from a new configuration.

use std::collections::BTreeMap;

use super::snapshot::{Address, Boot, Listener, LogFormat};

/// What the process was started with, by key. Certificates of listeners are no part of it: they are exchanged.
pub fn started_with(boot: &Boot) -> BTreeMap<&'static str, String> {
    let format = match boot.log.format {
        LogFormat::Json => "json",
        LogFormat::Text => "text",
    };
    BTreeMap::from([
        ("listen.app", text(Some(&boot.app))),
        ("listen.notify", text(boot.notify.as_ref())),
        ("listen.admin", text(Some(&boot.admin))),
        ("store.url", boot.store.0.clone()),
        ("log.format", format.to_owned()),
        ("log.level", boot.log.level.clone()),
    ])
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

fn text(listener: Option<&Listener>) -> String {
    let Some(listener) = listener else { return "none".to_owned() };
    let tls = if listener.tls.is_some() { " with TLS" } else { "" };
    match &listener.address {
        Address::Tcp(address) => format!("{address}{tls}"),
        Address::Unix(path) => format!("unix:{}{tls}", path.display()),
    }
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
    fn each_key_that_only_a_restart_changes_is_named() {
        let running = boot("");
        for (lines, keys) in [
            ("listen.app = \"127.0.0.1:1\"", vec!["listen.app"]),
            ("listen.notify = \"127.0.0.1:1\"", vec!["listen.notify"]),
            ("listen.admin = \"127.0.0.1:1\"", vec!["listen.admin"]),
            ("store.url = \"sqlite:other.db\"", vec!["store.url"]),
            ("log = { level = \"debug\", format = \"text\" }", vec!["log.format", "log.level"]),
            ("store.retention = \"1d\"", vec![]),
            ("listen.app = \"127.0.0.1:8600\"", vec![]),
        ] {
            assert_eq!(needing_restart(&running, &boot(lines)), keys, "{lines}");
        }
    }
}
