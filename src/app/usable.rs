//! Tries out what could be read but may not be usable: for `check`, and before a reload is applied.

use crate::config::{Boot, Listener, Loaded};
use crate::edge::tls::{CertificateSlot, client_config};
use crate::mistake::Mistake;

/// Refuses what a running sidecar could not use.
///
/// # Errors
/// Everything that is unusable, by key path.
pub(crate) fn check_usable(loaded: &Loaded) -> Result<(), Vec<Mistake>> {
    let outwards = loaded.snapshot.accounts.values().flat_map(|account| {
        let application = account.delivery.as_ref().map(|delivery| &delivery.target);
        let targets = [("tls", Some(&account.target)), ("delivery.tls", application)];
        targets.into_iter().filter_map(|(key, target)| {
            let error = client_config(target?.tls.as_ref()?).err()?;
            Some(Mistake::new(format!("account.{}.{key}", account.name), error.to_string()))
        })
    });
    let listening = listeners(&loaded.boot)
        .into_iter()
        .filter_map(|(path, listener)| Some(Mistake::new(path, certificate(listener?)?.err()?)));
    match outwards.chain(listening).collect::<Vec<_>>() {
        none if none.is_empty() => Ok(()),
        mistakes => Err(mistakes),
    }
}

/// Every possible listener, by key path.
pub(super) fn listeners(boot: &Boot) -> [(&'static str, Option<&Listener>); 3] {
    [
        ("listen.app", Some(&boot.app)),
        ("listen.notify", boot.notify.as_ref()),
        ("listen.admin", Some(&boot.admin)),
    ]
}

/// The listener's certificate, if it has one.
pub(super) fn certificate(listener: &Listener) -> Option<Result<CertificateSlot, String>> {
    let tls = listener.tls.as_ref()?;
    let slot = CertificateSlot::new(&tls.cert_pem, tls.key_pem.expose());
    Some(slot.map_err(|error| error.to_string()))
}
