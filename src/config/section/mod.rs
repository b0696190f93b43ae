//! The sections of the configuration file: the keys of each, and what is checked and built from it.
//!
//! The `…File` types are the only list of the file's keys: reading, unknown keys, the JSON Schema, its descriptions
//! and the redacted view all come from them. Everything is optional unless it is `Required`. Defaults are next to the
//! keys and written as a user would write them.

mod account;
mod app;
mod audit;
mod call;
mod delivery;
mod keys;
mod limits;
mod listen;
mod log;
pub(crate) mod profile;
mod reload;
mod store;
mod tls;
mod tracing;

use std::sync::Arc;

use jiff::Timestamp;

use super::read::{List, Reader, Required, Section, file_section};
use super::report::mixups::{self, Facts};
use super::snapshot::{Accounts, Boot, Reload, Retention};

pub(super) use account::{AccountFile, Surroundings};
pub(super) use audit::audit;
pub(super) use store::store_url;

pub use profile::NOT_CONFIRMED;

file_section! {
    /// The configuration of Countersign.
    #[schemars(title = "Countersign configuration")]
    ConfigFile {
        /// Where Countersign listens. A change needs a restart.
        listen: Section<listen::ListenFile>,
        /// Where the journal and the inbox are kept, and for how long.
        store: Section<store::StoreFile>,
        /// How Countersign logs. A change needs a restart.
        log: Section<log::LogFile>,
        /// The audit log: who moved money, when, and with what result. A change needs a restart.
        audit: Section<audit::AuditFile>,
        /// Traces for a collector. A change needs a restart.
        tracing: Section<tracing::TracingFile>,
        /// How changes of this file, and of the files it refers to, are noticed while Countersign runs.
        reload: Section<reload::ReloadFile>,
        /// The accounts: one merchant application at one provider each. At least one.
        account: Required<List<Section<AccountFile>>>,
    }
}

/// The part that a reload can change.
pub(super) struct Settings {
    pub retention: Retention,
    pub reload: Reload,
    pub accounts: Accounts,
}

/// Checks the whole file. Nothing if a needed part is wrong.
pub(super) fn compile(
    reader: &mut Reader<'_>,
    file: &ConfigFile,
    now: Timestamp,
) -> Option<(Boot, Settings)> {
    let listeners = reader.section(&file.listen).map(|listen| listen::compile(reader, listen));
    let store = reader.keys(&file.store);
    let (retention, url) = (store::retention(reader, store), store_url(reader, store));
    let log = log::compile(reader, &file.log);
    let audit = reader.section(&file.audit).and_then(|file| audit(reader, file));
    let tracing = reader.section(&file.tracing).and_then(|file| tracing::compile(reader, file));
    let reload = reload::compile(reader, &file.reload);
    let surroundings = Surroundings {
        app: listeners.as_ref().and_then(|listeners| listeners.app.as_ref()),
        listens_for_notifications: listeners.as_ref().is_some_and(|it| it.notify.is_some()),
        now,
    };
    let accounts = accounts(reader, file, &surroundings);
    let listeners = listeners?;
    let (app, admin, notify) = (listeners.app?, listeners.admin?, listeners.notify);
    let boot = Boot { app, notify, admin, store: url, log, audit, tracing };
    Some((boot, Settings { retention, reload, accounts }))
}

/// The accounts without mistakes; mistakes and mix-ups of all accounts are recorded.
pub(super) fn accounts(
    reader: &mut Reader<'_>,
    file: &ConfigFile,
    surroundings: &Surroundings<'_>,
) -> Accounts {
    let mut accounts = Accounts::new();
    let mut facts: Vec<Facts> = Vec::new();
    for section in reader.required_list(&file.account, "at least one `[[account]]`") {
        let Some((account, known)) = account::compile(reader, section, surroundings) else {
            continue;
        };
        facts.push(known);
        accounts.extend(account.map(|account| (account.name.clone(), Arc::new(account))));
    }
    mixups::check(reader, &facts);
    accounts
}
