//! A disk that fails while a payout is recorded, and a clock that jumps.

use std::time::{Duration, Instant};

use crate::chaos::ledger::Post;
use crate::chaos::world::{Line, World};
use crate::support::counting::{Fate, Reply};
use crate::support::faults::{Call, EIO, Fault};
use crate::support::wait_until_within;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A payout that was posted while the journal's commits failed on the disk.
fn written_in_vain(reference: &str) -> (World, Post) {
    let sections = "[account.timeouts]\ntotal = \"2s\"\n[account.circuit]\nfailures = 0";
    let world = World::start(Line::Plain, 1, sections);
    world.faults.fail(Call::Sync, Fault::always(EIO));
    let post = world.pay(reference);
    assert!(!post.heard("accepted"), "{post:?}");
    assert_ne!(world.faults.served(Call::Sync), 0, "the disk has failed");
    (world, post)
}

/// If the caller got "unknown", nothing may be left of its call, not even an event: it repeats the call under the same
/// reference, as the answer says, and the payout is made once.
fn ask_again_on_a_healthy_disk(mut world: World, post: &Post, reference: &str) {
    world.faults.heal();
    world.restart();
    world.pay_as(post.caller, reference);
    world.assert_honest();
    assert_eq!(world.provider.executions(reference).len(), 1, "posted again, made once");
}

#[test]
fn a_payout_not_sent_because_of_a_failed_sync_is_not_sent_after_a_kill() {
    let (mut world, post) = written_in_vain("FSYNCKILL01");
    world.kill();
    ask_again_on_a_healthy_disk(world, &post, "FSYNCKILL01");
}

#[test]
fn a_payout_not_sent_because_of_a_failed_sync_is_not_sent_after_a_stop() {
    let (mut world, post) = written_in_vain("FSYNCTERM01");
    world.terminate();
    ask_again_on_a_healthy_disk(world, &post, "FSYNCTERM01");
}

#[test]
fn a_jump_of_the_clock_is_no_grace_period() {
    let sections = "[account.timeouts]\ntotal = \"30s\"\n[account.circuit]\nfailures = 0";
    let mut world = World::start(Line::Plain, 60, sections);
    world.provider.creates(|create| match create.number {
        0 => Fate { reply: Reply::Close, ..Fate::default() },
        _ => Fate::default(),
    });
    // The provider's query lags for ten seconds: nothing against a minute.
    let lag = Duration::from_secs(10);
    world.provider.questions(move |question| match question.age {
        Some(age) if age < lag => Reply::Code(21006),
        _ => Reply::Usual,
    });
    let reference = "JUMPAHEAD01";
    let caller = world.caller(reference);
    let jump = Instant::now() + Duration::from_millis(2800);
    wait_until_within(60, "the first answers", || {
        Instant::now() > jump && world.provider.asked("", reference) > 0
    });
    world.clock_ahead(HOUR_MS);
    caller.join().expect("a caller");
    world.assert_honest();
}

#[test]
fn a_jump_of_the_clock_forgets_no_payment() {
    /// A little more than the pause between two sweeps.
    const SWEPT: Duration = Duration::from_secs(65);
    let mut world = World::start(Line::Plain, 1, "");
    let reference = "LONGAHEAD01";
    assert!(world.pay(reference).heard("accepted"));
    world.clock_ahead(400 * DAY_MS);
    wait_until_within(120, "a sweep", || {
        world.began.elapsed() > SWEPT || world.row(reference).is_null()
    });
    assert!(world.pay(reference).heard("accepted"));
    world.assert_honest();
}
