//! How the running parts adopt a new configuration: listeners present other certificates, limits are adjusted.

use std::sync::Arc;

use super::draining::Draining;
use super::spendings::Spendings;
use super::usable::{certificate, check_usable, listeners};
use crate::audit::{self, Actor, Audit};
use crate::clock::instant;
use crate::config::{Boot, Loaded, Snapshot};
use crate::edge::tls::CertificateSlot;
use crate::mistake::Mistake;
use crate::outbound::Outbound;
use crate::reload::{Apply, Parts, Trigger};

/// The certificate of each listener, in the order of [`listeners`].
pub(super) type Certificates = [Option<Arc<CertificateSlot>>; 3];

/// The effects of a reload on the parts of a running sidecar.
pub(super) fn parts(
    certificates: Certificates,
    outbound: Arc<Outbound>,
    spendings: Spendings,
    draining: Draining,
    audit: Audit,
) -> Parts {
    let (limits, spendings) = (outbound.clone(), Arc::new(spendings));
    Parts {
        note: Box::new(move |before, after, trigger| {
            audit::reloaded(&audit, before, after, actor(trigger));
        }),
        prepare: Box::new(move |loaded| {
            prepare(&certificates, &limits, &spendings, &draining, loaded)
        }),
        forget: Box::new(move |account| outbound.in_flight.forget(account)),
    }
}

/// Who caused the reload.
fn actor(trigger: Trigger) -> Actor {
    match trigger {
        Trigger::Request => Actor::Admin,
        Trigger::Start | Trigger::Watch | Trigger::Poll | Trigger::Signal => Actor::Sidecar,
    }
}

fn prepare(
    certificates: &Certificates,
    outbound: &Arc<Outbound>,
    spendings: &Arc<Spendings>,
    draining: &Draining,
    loaded: &Loaded,
) -> Result<Apply, Vec<Mistake>> {
    check_usable(loaded)?;
    let presented = exchanges(certificates, &loaded.boot);
    // Reloads run one at a time, so this is the snapshot that will be replaced.
    let before = outbound.live.load();
    let (outbound, spendings, draining) = (outbound.clone(), spendings.clone(), draining.clone());
    Ok(Box::new(move |snapshot: &Snapshot| {
        for (slot, new) in &presented {
            slot.present(new);
        }
        outbound.limiters.configure(snapshot, instant());
        spendings.count(&outbound.limiters, snapshot);
        draining.replaced(&before, instant());
    }))
}

/// Each listener's certificate with its replacement.
fn exchanges(
    certificates: &Certificates,
    boot: &Boot,
) -> Vec<(Arc<CertificateSlot>, CertificateSlot)> {
    let exchanged = certificates.iter().zip(listeners(boot)).filter_map(|(slot, (_, listener))| {
        // Unusable certificates were reported as mistakes, and adding or removing a certificate needs a restart.
        Some((slot.clone()?, certificate(listener?)?.ok()?))
    });
    exchanged.collect()
}
