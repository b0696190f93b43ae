//! The result of a check, as data. `countersign check --json` prints its member names: none is renamed or removed.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::super::open_store::stranding;
use crate::app::check_usable;
use crate::clock::Clock;
use crate::config::{Account, Boot, Environment, Listener, Loaded};
use crate::mistake::Mistake;
use crate::provider::{EventRule, Operation};
use crate::reload::Stranding;
use crate::sign::PublicKey;

#[derive(Default, Serialize)]
pub(super) struct Report {
    pub config: String,
    pub ok: bool,
    pub mistakes: Vec<Mistake>,
    /// The hash of the configuration and every file it names; absent when there are mistakes.
    pub hash: Option<String>,
    pub listen: Option<ListenReport>,
    /// The path of the store; a relative path is made absolute.
    pub store: Option<String>,
    pub audit: Option<String>,
    pub accounts: Vec<AccountReport>,
    pub warnings: Vec<String>,
    /// What the configuration does to payments in its store.
    #[serde(flatten)]
    pub stranding: Stranding,
}

#[derive(Serialize)]
pub(super) struct ListenReport {
    pub app: String,
    pub notify: Option<String>,
    pub admin: String,
}

#[derive(Serialize)]
pub(super) struct AccountReport {
    pub name: String,
    pub provider: String,
    pub base_url: String,
    pub app_id: String,
    pub environment: Option<&'static str>,
    pub callers: CallersReport,
    pub operations: Vec<String>,
    pub signing_keys: Vec<KeyReport>,
    pub provider_keys: Vec<KeyReport>,
    pub unconfirmed: Vec<Unconfirmed>,
    /// Kinds of notifications that the profile can read.
    pub notifications: usize,
    pub unconfirmed_notifications: Vec<UnconfirmedNotification>,
}

/// Who may call. When both are empty, every process that can reach the listener may.
#[derive(Serialize)]
pub(super) struct CallersReport {
    /// The number of bearer tokens.
    pub tokens: usize,
    pub uids: Vec<u32>,
}

#[derive(Serialize)]
pub(super) struct KeyReport {
    pub id: String,
    pub bits: usize,
    pub fingerprint: String,
    pub not_before: Option<Timestamp>,
    pub not_after: Option<Timestamp>,
    /// Whether the key may be used now.
    pub usable: bool,
    /// Whether it is the key that signs now.
    #[serde(skip)]
    pub signs_now: bool,
}

/// An operation that the provider's documentation does not confirm, fully or in some members.
#[derive(PartialEq, Serialize)]
pub(super) struct Unconfirmed {
    pub operation: String,
    pub path: String,
    /// The unconfirmed members of a confirmed operation; empty when the operation itself is unconfirmed.
    pub members: Vec<String>,
    /// The profile's remark about it.
    pub note: Option<String>,
}

/// A kind of notification that the provider's documentation does not confirm.
#[derive(PartialEq, Serialize)]
pub(super) struct UnconfirmedNotification {
    pub notification: String,
    pub events: Vec<String>,
    /// The profile's remark about it.
    pub note: Option<String>,
}

impl Report {
    pub fn new(path: &Path, loaded: Result<Loaded, Vec<Mistake>>, clock: &Clock) -> Self {
        let config = path.display().to_string();
        let loaded = loaded.and_then(|loaded| check_usable(&loaded).map(|()| loaded));
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(mistakes) => return Self { config, mistakes, ..Self::default() },
        };
        let (stranding, not_read) = stranding(&loaded);
        let Loaded { boot, snapshot, mut warnings, .. } = loaded;
        warnings.extend(
            not_read
                .map(|why| format!("what happens to payments in the store is not known: {why}")),
        );
        warnings.extend(stranding.lines());
        let accounts = snapshot.accounts.values();
        Self {
            config,
            ok: true,
            mistakes: Vec::new(),
            hash: Some(snapshot.hash.clone()),
            listen: Some(ListenReport::new(&boot)),
            store: Some(boot.store.to_string()),
            audit: boot.audit.map(|audit| audit.file.display().to_string()),
            accounts: accounts.map(|account| AccountReport::new(account, clock.now())).collect(),
            warnings,
            stranding,
        }
    }
}

impl ListenReport {
    fn new(boot: &Boot) -> Self {
        Self {
            app: address(&boot.app),
            notify: boot.notify.as_ref().map(address),
            admin: address(&boot.admin),
        }
    }
}

fn address(listener: &Listener) -> String {
    let tls = if listener.tls.is_some() { " (TLS)" } else { "" };
    format!("{}{tls}", listener.address)
}

impl AccountReport {
    fn new(account: &Account, now: Timestamp) -> Self {
        let signer = account.signing_keys.usable_at(now).map(|key| &key.id);
        let signing_keys = account.signing_keys.keys().iter().map(|key| KeyReport {
            not_before: key.not_before,
            not_after: key.not_after,
            usable: key.usable_at(now),
            signs_now: signer == Some(&key.id),
            ..KeyReport::new(&key.id, key.key.public())
        });
        let provider_keys =
            account.provider_keys.iter().map(|key| KeyReport::new(&key.id, &key.key));
        let operations = &account.provider.operations;
        let rules = &account.provider.events.rules;
        let unconfirmed_rules = rules.iter().filter(|rule| !rule.confirmed);
        Self {
            name: account.name.clone(),
            provider: account.provider.name.clone(),
            base_url: account.base_url.clone(),
            app_id: account.app_id.clone(),
            environment: account.environment.map(Environment::word),
            callers: CallersReport {
                tokens: account.app.tokens.len(),
                uids: account.app.uids.clone(),
            },
            operations: operations.iter().map(|operation| operation.name.clone()).collect(),
            signing_keys: signing_keys.collect(),
            provider_keys: provider_keys.collect(),
            unconfirmed: operations.iter().filter_map(|it| Unconfirmed::new(it)).collect(),
            notifications: rules.len(),
            unconfirmed_notifications: unconfirmed_rules
                .map(UnconfirmedNotification::new)
                .collect(),
        }
    }
}

impl KeyReport {
    fn new(id: &str, key: &PublicKey) -> Self {
        Self {
            id: id.to_owned(),
            bits: key.bits(),
            fingerprint: key.fingerprint(),
            not_before: None,
            not_after: None,
            usable: true,
            signs_now: false,
        }
    }
}

impl Unconfirmed {
    fn new(operation: &Operation) -> Option<Self> {
        let members = operation.members.iter().filter(|member| !member.is_confirmed());
        let members: Vec<String> = match operation.confirmed {
            true => members.map(|member| member.name.clone()).collect(),
            false => Vec::new(),
        };
        (!operation.confirmed || !members.is_empty()).then(|| Self {
            operation: operation.name.clone(),
            path: operation.path.clone(),
            note: operation.note.clone(),
            members,
        })
    }
}

impl UnconfirmedNotification {
    fn new(rule: &EventRule) -> Self {
        Self {
            notification: rule.name.clone(),
            events: rule.names.keys().cloned().collect(),
            note: rule.note.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config;
    use crate::wire::TargetTls;

    #[test]
    fn tls_material_that_tls_cannot_use_is_a_mistake_of_its_account() {
        let path = Path::new("config/countersign.toml");
        let mut loaded = config::load(path).map_err(|it| format!("{it:?}")).expect("a valid file");
        let account = loaded.snapshot.accounts.get_mut("demo").expect("the demo account");
        let account = Arc::get_mut(account).expect("no other owner");
        let roots = Some(Arc::new(b"no certificate".to_vec()));
        account.target.tls = Some(TargetTls { ca_pem: roots, client: None });
        let report = Report::new(path, Ok(loaded), &Clock::System);
        assert!(!report.ok);
        assert_eq!(report.mistakes[0].path, "account.demo.tls");
        assert!(report.mistakes[0].problem.contains("expected PEM certificates"));
    }
}
