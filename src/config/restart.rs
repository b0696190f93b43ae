//! What a running process cannot take over from a new configuration.

use super::snapshot::{Address, Boot, Listener};

/// The keys whose new values need a restart. Certificates of listeners are none of them: they are exchanged.
pub fn needing_restart(running: &Boot, new: &Boot) -> Vec<&'static str> {
    let keys = [
        ("listen.app", differs(Some(&running.app), Some(&new.app))),
        ("listen.notify", differs(running.notify.as_ref(), new.notify.as_ref())),
        ("listen.admin", differs(Some(&running.admin), Some(&new.admin))),
        ("store.url", running.store != new.store),
        ("log.format", running.log.format != new.log.format),
        ("log.level", running.log.level != new.log.level),
    ];
    keys.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
}

fn differs(running: Option<&Listener>, new: Option<&Listener>) -> bool {
    let shape = |listener: Option<&Listener>| -> Option<(Address, bool)> {
        listener.map(|listener| (listener.address.clone(), listener.tls.is_some()))
    };
    shape(running) != shape(new)
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
