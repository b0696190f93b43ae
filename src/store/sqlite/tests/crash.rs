//! Processes that are killed, and disks that refuse to write: tried on real child processes, which are this very test
//! program, started with the name of an ignored test.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::*;
use crate::environment::variable;
use crate::store::conformance::event;
use crate::store::{Filter, Reason};

/// Tells a child where its store is. Without it the children's tests do nothing.
pub(super) const STORE: &str = "COUNTERSIGN_TEST_STORE";
pub(super) const ACKNOWLEDGED: &str = "acknowledged ";
const WRITERS: usize = 8;

/// `module` is the test's `module_path!()`.
pub(super) fn child(module: &str, test: &str, store: &Path, shell: Option<&str>) -> Child {
    let program = std::env::current_exe().expect("this program");
    let test = format!("{}::{test}", module.split_once("::").expect("a crate").1);
    let mut command = match shell {
        None => Command::new(program),
        Some(script) => {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("{script}; exec \"$0\" \"$@\"")]).arg(program);
            command
        }
    };
    command
        .args(["--exact", &test, "--ignored", "--nocapture", "--test-threads=1"])
        .env(STORE, store)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the child starts")
}

pub(super) fn lines(child: &mut Child) -> std::io::Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().expect("piped")).lines()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9() {
    let place = Directory::on_disk();
    let mut acknowledged = HashSet::new();
    for kill_after in [1, 17, 400, 90] {
        let mut child = child(module_path!(), "write_until_killed", &place.file(), None);
        let (mut told, lines) = (0, lines(&mut child));
        for line in lines.map_while(Result::ok) {
            // The test harness begins a line of its own, without an end.
            let Some((_, id)) = line.split_once(ACKNOWLEDGED) else { continue };
            acknowledged.insert(id.to_owned());
            told += 1;
            if told == kill_after {
                child.kill().expect("killed");
            }
        }
        assert!(!child.wait().expect("it ended").success(), "it was killed in the middle");
        assert!(told >= kill_after, "it had acknowledged {told} when it was to be killed");

        let store = place.open();
        let stored: HashSet<String> = all(&*store).await.into_iter().collect();
        let lost: Vec<_> = acknowledged.difference(&stored).collect();
        assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), acknowledged.len());
    }
}

#[test]
#[ignore = "the child of another test"]
fn write_until_killed() {
    let Some(store) = variable(STORE) else { return };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = open(&StoreUrl::Sqlite(store.into())).expect("the store opens");
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(acknowledge_forever(store.clone(), writer)))
            .collect();
        for writer in writers {
            writer.await.expect("the writer goes on until it is killed");
        }
    });
}

async fn acknowledge_forever(store: Arc<dyn Store>, writer: usize) {
    for n in 0.. {
        let event = event(&format!("{}-{writer}-{n}", std::process::id()), Some("A"));
        let id = event.id.clone();
        store.receive(event).await.expect("stored");
        let mut out = std::io::stdout().lock();
        writeln!(out, "{ACKNOWLEDGED}{id}").and_then(|()| out.flush()).expect("the parent reads");
    }
}

#[test]
fn a_disk_that_refuses_to_write_is_never_acknowledged_and_is_survived() {
    let place = Directory::on_disk();
    // A file size limit makes writes fail in the middle of a commit. The signal that comes with it is ignored.
    let mut child =
        child(module_path!(), "write_until_refused", &place.file(), Some("trap '' XFSZ"));
    let told: Vec<String> = lines(&mut child).map_while(Result::ok).collect();
    assert!(child.wait().expect("it ended").success(), "the child says:\n{}", told.join("\n"));
    assert!(told.iter().any(|line| line.contains("1 passed")), "it ran: {told:?}");
}

#[test]
#[ignore = "the child of another test"]
fn write_until_refused() {
    let Some(store) = variable(STORE) else { return };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = open(&StoreUrl::Sqlite(store.into())).expect("the store opens");
        let before = getrlimit(Resource::Fsize);
        setrlimit(Resource::Fsize, Rlimit { current: Some(300_000), ..before }).expect("limited");
        let (mut stored, mut refused) = (Vec::new(), 0);
        for n in 0..1_000 {
            let mut event = event(&format!("k{n}"), Some("A"));
            event.body = vec![b'x'; 10_000].into();
            let id = event.id.clone();
            match store.receive(event).await {
                Ok(_) => stored.push(id),
                Err(error) => {
                    let reason = error.reason();
                    let known = [Some(Reason::Io), Some(Reason::DiskFull)].contains(&reason);
                    assert!(known, "unexpected: {error}");
                    refused += 1;
                }
            }
            if refused > 20 {
                break;
            }
        }
        assert!(!stored.is_empty() && refused > 20, "{} stored, {refused} refused", stored.len());
        setrlimit(Resource::Fsize, before).expect("unlimited");
        let after = event("after", None);
        stored.push(after.id.clone());
        store.receive(after).await.expect("with room again it works again");
        store.close().await.expect("closed");

        let store = open(&StoreUrl::Sqlite(variable(STORE).expect("set").into()));
        let there = all(&*store.expect("the store opens")).await;
        let expected: HashSet<_> = stored.iter().map(ToString::to_string).collect();
        let there: HashSet<_> = there.into_iter().collect();
        assert_eq!(there, expected, "exactly what was acknowledged is there");
    });
}

/// All ids, page by page.
async fn all(store: &dyn Store) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.list(&Filter::default(), cursor, 1_000).await.expect("a page");
        ids.extend(page.events.into_iter().map(|row| row.id.to_string()));
        cursor = page.next;
        if cursor.is_none() {
            return ids;
        }
    }
}
