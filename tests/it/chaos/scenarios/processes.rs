//! A freeze, a stopped process and a late notification while a call is under way.

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::chaos::ledger::Post;
use crate::chaos::world::{AMOUNT, Line, World};
use crate::support::counting::{Did, Fate, Reply};
use crate::support::wait_until;

#[test]
fn freeze_holds_for_payouts_that_wait_for_the_rate() {
    let sections = "[account.limits]\nrate = \"1/s\"\nburst = 1\nmax_wait = \"30s\"\n\
         [account.timeouts]\ntotal = \"40s\"";
    let world = World::start(Line::Plain, 1, sections);
    let callers: Vec<_> = (0..12).map(|it| world.caller(&format!("FREEZEWAIT{it:02}"))).collect();
    wait_until("the first payout", || !world.provider.books().is_empty());
    world.freeze();
    for caller in callers {
        caller.join().expect("a caller");
    }
    world.assert_honest();
}

#[test]
fn a_notification_stops_an_attempt_that_waits() {
    let sections = "[account.limits]\nmax_wait = \"30s\"\n\
         [account.limits.operation.payout_create]\nrate = \"6/m\"\nburst = 1\n\
         [account.timeouts]\ntotal = \"30s\"\n[account.circuit]\nfailures = 0";
    let world = World::start(Line::Plain, 1, sections);
    world.provider.creates(|_| Fate { reply: Reply::Close, ..Fate::default() });
    world.provider.questions(|_| Reply::Code(21006));
    let reference = "NOTIFIED001";
    let caller = world.caller(reference);
    wait_until("a query after the grace period", || {
        let (books, executed) = (world.provider.books(), world.provider.executions(reference));
        executed.first().is_some_and(|executed| {
            let late = executed.at + Duration::from_secs(1);
            books.iter().any(|it| it.at > late && matches!(it.what, Did::Asked { .. }))
        })
    });
    let Did::Executed { transaction, .. } = &world.provider.executions(reference)[0].what else {
        unreachable!("an execution");
    };
    world.provider.notify(reference, AMOUNT, transaction);
    world.note("the notification was acknowledged");
    world.provider.creates(|_| Fate::default());
    let post = caller.join().expect("a caller");
    assert!(post.heard("accepted"), "{post:?}");
    world.assert_honest();
}

/// Payouts in a handshake at once when the process is stopped. Whether one that is too late leaves depends on which of
/// its wake-ups comes first, so there are many, in several processes.
const HANDSHAKES: usize = 60;
const PROCESSES: usize = 3;

/// A sidecar that is stopped while the provider keeps handshakes waiting, and its callers.
fn stopped_in_the_handshake() -> (World, Vec<JoinHandle<Post>>) {
    let sections = "[account.timeouts]\nconnect = \"3s\"\ntotal = \"3s\"\n\
         [account.retry]\nattempts = 1\nresolve_for = \"0s\"\n[account.circuit]\nfailures = 0";
    let world = World::start(Line::Tls, 1, sections);
    world.provider.hold(HANDSHAKES);
    let callers = (0..HANDSHAKES).map(|it| world.caller(&format!("HANDSHAKE{it:02}"))).collect();
    wait_until("the connections", || world.provider.held() == HANDSHAKES);
    world.stop();
    (world, callers)
}

/// The provider's part of the handshakes has arrived when the process continues, and all its callers are answered.
fn go_on(world: &World, callers: Vec<JoinHandle<Post>>) {
    let before = world.provider.greeted();
    world.provider.release();
    wait_until("the handshakes", || world.provider.greeted() == before + HANDSHAKES);
    world.go_on();
    for caller in callers {
        caller.join().expect("a caller");
    }
}

fn executed(world: &World) -> usize {
    world.provider.books().iter().filter(|entry| entry.is_execution()).count()
}

#[test]
fn nothing_leaves_after_its_deadline_when_the_process_was_stopped_in_the_handshake() {
    let late = || {
        let (world, callers) = stopped_in_the_handshake();
        let deadline = Instant::now() + Duration::from_secs(4);
        wait_until("the deadline", || Instant::now() > deadline);
        go_on(&world, callers);
        let late = executed(&world);
        world.assert_honest();
        late
    };
    let late: Vec<usize> = thread::scope(|scope| {
        let processes = [(); PROCESSES].map(|()| scope.spawn(late));
        processes.into_iter().map(|process| process.join().expect("a process")).collect()
    });
    assert_eq!(late, [0; PROCESSES], "so many left after their deadline");
}

#[test]
fn a_stopped_process_sends_nothing_that_another_one_has_paid_meanwhile() {
    let overtaken = || {
        let (mut world, callers) = stopped_in_the_handshake();
        // Makes the second process consider the first one dead, as it does when the lease of a call is over.
        let folder = world.sidecar.store().with_file_name("");
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            if entry.file_name().to_string_lossy().contains("-holder-") {
                std::fs::remove_file(entry.path()).expect("removed");
            }
        }
        world.start_second();
        wait_until("the second process pays", || executed(&world) == HANDSHAKES);
        go_on(&world, callers);
        world.assert_honest();
    };
    thread::scope(|scope| {
        (0..PROCESSES).for_each(|_| drop(scope.spawn(overtaken)));
    });
}
