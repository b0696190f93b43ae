//! A mounted folder that is replaced under load, as Kubernetes does it.

use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{STATUS, call, is_signed_by, last_was_successful, reloads, text};
use crate::support::http::{self, post};
use crate::support::openssl::KeyPair;
use crate::support::{ConfigBuilder, Mount, Provider, Sidecar, wait_until_within};

/// The deadline for a change to be applied, in seconds.
const IN_PLACE: usize = 15;

/// Callers that never stop.
pub struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    callers: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    pub fn start(app: std::net::SocketAddr) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let callers = (0..4).map(|_| {
            let (stop, answered) = (stop.clone(), answered.clone());
            std::thread::spawn(move || {
                let mut failures = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    let answer = post(app, "/shop/payout_status", STATUS);
                    if answer.header("countersign-outcome") != Some("accepted") {
                        failures.push(answer.text());
                    }
                    answered.fetch_add(1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(5));
                }
                failures
            })
        });
        let callers = callers.collect();
        Self { stop, answered, callers }
    }

    /// Waits for a few more calls, so that each change meets some.
    pub fn go_on(&self) {
        let before = self.answered.load(Ordering::SeqCst);
        wait_until_within(20, "more calls", || self.answered.load(Ordering::SeqCst) > before + 20);
    }

    pub fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::SeqCst);
        self.callers.into_iter().flat_map(|it| it.join().expect("a caller")).collect()
    }
}

#[test]
fn a_mount_that_is_replaced_six_times_under_load_fails_no_call() {
    let provider = Provider::start();
    let (first, second) = (KeyPair::generate(2048), KeyPair::generate(2048));
    let key = |pair: &KeyPair| std::fs::read(pair.private()).expect("a key");
    let with_id = |id: &str| {
        let signing = format!(
            "[[account.signing_key]]\nid = \"{id}\"\nprivate_key = {{ file = \"mount/key\" }}"
        );
        text("", &ConfigBuilder::new(&provider.base_url()).only_signing_key(&signing))
    };
    let (old, new) = (with_id("old"), with_id("new"));
    let broken = new.replace("base_url", "base_ulr");

    let folder = tempfile::tempdir().expect("a folder");
    let files = |config: &str, key: &[u8]| {
        vec![("countersign.toml", config.as_bytes().to_vec()), ("key", key.to_vec())]
    };
    let started = files(&old, &key(&first));
    let mut mount = Mount::new(folder.path().join("mount"), &started);
    symlink("mount/countersign.toml", folder.path().join("countersign.toml")).expect("a link");
    let sidecar = Sidecar::start_in(folder);
    let load = Load::start(sidecar.app);
    load.go_on();

    let steps: [(&str, &str, Vec<u8>, &KeyPair, &str); 6] = [
        ("a good key", &old, key(&second), &second, "success"),
        ("a good configuration", &new, key(&second), &second, "success"),
        ("a broken configuration", &broken, key(&second), &second, "failure"),
        ("a broken key", &new, key(&second)[..400].to_vec(), &second, "failure"),
        ("the first key again", &new, key(&first), &first, "success"),
        ("everything as it began", &old, key(&first), &first, "success"),
    ];
    for (what, config, contents, signer, result) in steps {
        let (counted, hash) = (reloads(&sidecar, result), hash(&sidecar));
        mount.swap(&files(config, &contents));
        wait_until_within(IN_PLACE, what, || reloads(&sidecar, result) > counted);
        call(&sidecar);
        assert!(is_signed_by(&provider.last(), signer), "{what}: another key should sign");
        assert_eq!(last_was_successful(&sidecar), result == "success", "{what}");
        assert_eq!(hash == self::hash(&sidecar), result == "failure", "{what}");
        let ready = http::get(sidecar.admin, "/readyz");
        assert_eq!(ready.status, 200, "{what}: the previous configuration still works");
        assert_eq!(ready.json()["reload"]["up_to_date"], result == "success", "{what}");
        load.go_on();
    }
    let failures = load.end();
    assert!(failures.is_empty(), "{failures:#?}\n{:#?}", sidecar.log());
    let signed = provider.received();
    let strange = signed
        .iter()
        .step_by(25)
        .filter(|received| !is_signed_by(received, &first) && !is_signed_by(received, &second));
    assert_eq!(strange.count(), 0, "every call is signed by one of the two keys");
}

fn hash(sidecar: &Sidecar) -> String {
    http::get(sidecar.admin, "/config").json()["hash"].as_str().expect("a hash").to_owned()
}
