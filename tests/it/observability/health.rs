//! `/livez` and `/readyz`, as an orchestrator queries them.

use serde_json::Value;

use crate::support::http::get;
use crate::support::openssl::KeyPair;
use crate::support::{ConfigBuilder, Provider, Sidecar, wait_until};

/// An address without a listener.
const NOWHERE: &str = "http://127.0.0.1:9";

fn readiness(sidecar: &Sidecar) -> (u16, Value) {
    let answer = get(sidecar.admin, "/readyz");
    (answer.status, answer.json())
}

#[test]
fn a_provider_that_is_down_does_not_make_the_sidecar_unready() {
    let sidecar = Sidecar::start(&ConfigBuilder::new(NOWHERE));
    let (status, body) = readiness(&sidecar);
    assert_eq!((status, &body["ready"]), (200, &true.into()), "{body:#}");
    let hash = get(sidecar.admin, "/config").json()["hash"].clone();
    assert_eq!(body["configuration"], hash, "it reports the current configuration");
}

#[test]
fn an_account_without_a_key_is_named_and_the_process_stays_alive() {
    let provider = Provider::start();
    let ended = format!(
        "[[account.signing_key]]\nid = \"k0\"\nprivate_key = {{ file = {:?} }}\nnot_after = 2020-01-01T00:00:00Z",
        KeyPair::merchant().private()
    );
    let other = format!(
        "[[account]]\nname = \"other\"\nprovider = \"bluepay\"\nbase_url = \"{NOWHERE}\"\napp_id = \"a\"\n\
         [[account.signing_key]]\nid = \"k1\"\nprivate_key = {{ file = {:?} }}",
        KeyPair::merchant().private()
    );
    let config = ConfigBuilder::new(&provider.base_url()).only_signing_key(&ended).section(&other);
    let sidecar = Sidecar::start(&config);
    for path in ["/readyz", "/healthz"] {
        let answer = get(sidecar.admin, path);
        let body = answer.json();
        assert_eq!((answer.status, &body["ready"]), (503, &false.into()), "{path}: {body:#}");
        assert_eq!(body["accounts"]["shop"]["ready"], false, "{body:#}");
        assert_eq!(body["accounts"]["shop"]["reason"], "no signing key is valid now", "{body:#}");
        assert_eq!(body["accounts"]["other"]["ready"], true, "{body:#}");
        assert_eq!(body["accounts"]["other"]["signing_key"], "k1", "{body:#}");
    }
    assert_eq!(get(sidecar.admin, "/livez").status, 200, "a restart would not help");
}

#[test]
fn a_store_that_cannot_be_written_is_reported_with_the_reason() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    assert_eq!(readiness(&sidecar).0, 200);
    // Another process locks the database for longer than the sidecar waits.
    let holder = rusqlite::Connection::open(sidecar.store()).expect("the database");
    holder.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    wait_until("the store's problem is reported", || readiness(&sidecar).0 == 503);
    let (_, body) = readiness(&sidecar);
    assert_eq!(body["store"]["ready"], false, "{body:#}");
    assert!(body["store"]["reason"].as_str().is_some_and(|why| !why.is_empty()), "{body:#}");
    assert_eq!(body["accounts"]["shop"]["ready"], true, "the keys are fine: {body:#}");
    assert_eq!(get(sidecar.admin, "/livez").status, 200);
    holder.execute_batch("ROLLBACK").expect("released");
    wait_until("the store is ready again", || readiness(&sidecar).0 == 200);
}
