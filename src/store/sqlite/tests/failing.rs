//! Disks that fail at random: what a caller was told is held against what the next start would find, time and again.
//!
//! The child process has the faults, between itself and the C library; nothing of SQLite is replaced.

#[path = "../../../../tests/it/support/faults.rs"]
mod faults;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use futures::future::join_all;
use rusqlite::Connection;

use self::faults::{Call, EDQUOT, EIO, ENOSPC, Fault, Faults};
use super::crash::STORE;
use super::*;
use crate::environment::variable;
use crate::store::conformance::event;
use crate::store::{Inbox, StoreError};

const SEED: &str = "COUNTERSIGN_TEST_SEED";
const SEEDS: [u64; 3] = [1, 2, 3];
const ROUNDS: u64 = 60;

#[test]
fn whatever_fails_the_next_start_finds_what_was_answered() {
    let children: Vec<_> = SEEDS
        .map(|seed| {
            let place = Directory::on_disk();
            let faults = Faults::on("data/countersign.db");
            faults.seed(seed);
            let test = module_path!().split_once("::").expect("a crate").1;
            let mut command = Command::new(std::env::current_exe().expect("this program"));
            command.args(["--exact", &format!("{test}::answer_and_compare"), "--ignored"]);
            command.args(["--nocapture", "--test-threads=1"]);
            command.env(STORE, place.file()).env(SEED, seed.to_string());
            faults.apply_to(&mut command);
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
            (seed, place, faults, child.expect("the child starts"))
        })
        .into();
    for (seed, _place, _faults, child) in children {
        let ended = child.wait_with_output().expect("it ended");
        let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && said.contains("1 passed"), "seed {seed}:\n{said}");
    }
}

/// What callers were told of their notifications, by id.
#[derive(Default)]
struct Reported {
    stored: BTreeSet<String>,
    not_stored: BTreeSet<String>,
    maybe: BTreeSet<String>,
}

impl Reported {
    fn note(&mut self, id: String, answer: Result<(), StoreError>) {
        match answer {
            Ok(()) => self.stored.insert(id),
            Err(error) if error.may_be_written() => self.maybe.insert(id),
            Err(_) => self.not_stored.insert(id),
        };
    }

    /// Holds it against a copy of the files, opened as the next start would.
    fn compare(&self, file: &Path, round: u64) {
        let copies = tempfile::tempdir().expect("a folder");
        // By another process: closing a file of the store would take this one's locks on it away.
        let mut copy = Command::new("sh");
        copy.args([
            "-c",
            "cp \"$0\" \"$1\" && { [ ! -e \"$0-wal\" ] || cp \"$0-wal\" \"$1-wal\"; }",
        ]);
        copy.arg(file).arg(copies.path().join("copy.db"));
        Faults::keep_from(&mut copy);
        assert!(copy.status().expect("a shell").success());
        let copy = Connection::open(copies.path().join("copy.db")).expect("opened");
        let found: BTreeSet<String> = copy
            .prepare("SELECT id FROM inbox")
            .and_then(|mut ids| ids.query_map([], |row| row.get(0))?.collect())
            .expect("read");
        let lost: Vec<_> = self.stored.difference(&found).collect();
        assert!(lost.is_empty(), "round {round}: acknowledged and lost: {lost:?}");
        let alive: Vec<_> = self.not_stored.intersection(&found).collect();
        assert!(alive.is_empty(), "round {round}: refused and come to life: {alive:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of another test"]
async fn answer_and_compare() {
    let (Some(file), Some(faults)) = (variable(STORE), Faults::of_this_process()) else {
        return;
    };
    let file = PathBuf::from(file);
    let seed = variable(SEED).and_then(|it| it.to_str()?.parse().ok()).expect("a seed");
    let mut random = Random(seed);
    let mut store = SqliteStore::open(&file, Clock::System).expect("the store opens");
    let mut told = Reported::default();
    for round in 0..ROUNDS {
        for call in Call::ALL {
            match random.below(3) {
                0 => {}
                _ => faults.fail(call, random.fault()),
            }
        }
        for _ in 0..1 + random.below(3) {
            let events = (0..1 + random.below(4)).map(|n| {
                let mut event = event(&format!("{round}-{n}-{}", random.next()), Some("A"));
                event.body = vec![b'x'; random.below(20_000) as usize].into();
                event
            });
            let events: Vec<_> = events.collect();
            let ids: Vec<_> = events.iter().map(|event| event.id.to_string()).collect();
            let answers = join_all(events.into_iter().map(|event| store.receive(event))).await;
            for (id, answer) in ids.into_iter().zip(answers) {
                told.note(id, answer.map(|_| ()));
            }
        }
        told.compare(&file, round);
        if random.below(4) == 0 {
            // As at a stop: the log is copied and removed, or not, on the same disk.
            store.close().await.expect("closed");
            drop(store);
            told.compare(&file, round);
            faults.heal();
            store = SqliteStore::open(&file, Clock::System).expect("the store opens");
        }
        if random.below(2) == 0 {
            faults.heal();
        }
    }
    let counts = [told.stored.len(), told.not_stored.len(), told.maybe.len()];
    assert!(counts.iter().all(|count| *count > 0), "nothing was tried: {counts:?}");
    println!("stored, not stored, maybe: {counts:?}");
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut now = self.0;
        now = (now ^ (now >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        now = (now ^ (now >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        now ^ (now >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn fault(&mut self) -> Fault {
        Fault {
            errno: [EIO, ENOSPC, EDQUOT][self.below(3) as usize],
            skip: self.below(8) as u32,
            times: (self.below(2) > 0).then(|| 1 + self.below(4) as u32),
            one_in: 1 + self.below(4).saturating_sub(2) as u32,
            is_torn: self.below(2) == 0,
            is_fatal: self.below(6) == 0,
        }
    }
}
