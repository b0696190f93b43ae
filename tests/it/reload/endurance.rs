//! Reloading many times: whatever is replaced is freed.

use std::fs;

use super::{call, reload, text};
use crate::support::openssl::KeyPair;
use crate::support::{ConfigBuilder, Provider, Sidecar};

/// The number of reloads; the environment may change it.
const RELOADS: usize = 300;
const RELOADS_VARIABLE: &str = "COUNTERSIGN_TEST_RELOADS";
/// The number of reloads after which one-time growth is over.
const WARM_UP: usize = 100;
/// By how much the allocator's memory may vary, in KiB.
const RESIDENT_NOISE_KIB: u64 = 8 * 1024;

#[test]
fn many_reloads_grow_neither_memory_nor_open_files() {
    let provider = Provider::start();
    let keys = [(); 2].map(|()| KeyPair::generate(2048));
    let folder = tempfile::tempdir().expect("a folder");
    let accounts = |number: usize| {
        let key = &keys[number % 2];
        // Names that recur, so that data kept by name stays bounded.
        let extra = format!(
            "\n[[account]]\nname = \"extra-{}\"\nprovider = \"bluepay\"\napp_id = \"e{}\"\n\
             base_url = \"http://127.0.0.1:9/{}\"\n\
             signing_key = [{{ id = \"e\", private_key = {{ file = {:?} }} }}]\n",
            number % 7,
            number % 7,
            number % 5,
            KeyPair::provider().private()
        );
        // A watcher that follows the files, and rare polls.
        text("[reload]\npoll = \"1h\"\n", &ConfigBuilder::with_key(&provider.base_url(), key))
            + &extra
    };
    fs::write(folder.path().join("countersign.toml"), accounts(0)).expect("written");
    let sidecar = Sidecar::start_in(folder);
    let reloads =
        std::env::var(RELOADS_VARIABLE).map_or(RELOADS, |it| it.parse().expect("a number"));
    let mut warm = (0, 0);
    for number in 1..=reloads {
        sidecar.configure(&accounts(number));
        let answer = reload(&sidecar);
        assert_eq!(answer.status, 200, "{}", answer.text());
        call(&sidecar);
        if number == WARM_UP {
            warm = (resident_kib(&sidecar), open_files(&sidecar));
        }
    }
    let (resident, files) = (resident_kib(&sidecar), open_files(&sidecar));
    println!(
        "after {WARM_UP}: {} KiB, {} files; after {reloads}: {resident} KiB, {files} files",
        warm.0, warm.1
    );
    assert!(files <= warm.1 + 2, "{files} open files, {} after the first reloads", warm.1);
    assert!(resident <= warm.0 + RESIDENT_NOISE_KIB, "{resident} KiB, {} before", warm.0);
}

fn resident_kib(sidecar: &Sidecar) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", sidecar.process_id()));
    let status = status.expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn open_files(sidecar: &Sidecar) -> usize {
    let folder = fs::read_dir(format!("/proc/{}/fd", sidecar.process_id()));
    folder.expect("the process is there").count()
}
