//! Payments in doubt: waiting callers are answered, and the place where they were made is not forgotten.

use std::time::{Duration, Instant};

use crate::chaos::storm::elsewhere;
use crate::chaos::world::{Line, World};
use crate::support::counting::{Fate, Notice, Reply};
use crate::support::wait_until;

/// Every answer to a create is lost.
fn lost() -> Fate {
    Fate { reply: Reply::Close, ..Fate::default() }
}

#[test]
fn the_second_caller_is_answered_when_the_first_one_is_gone() {
    let sections = "[account.timeouts]\ntotal = \"20s\"\n[account.circuit]\nfailures = 0";
    let world = World::start(Line::Plain, 1, sections);
    world.provider.creates(|_| lost());
    world.provider.questions(|_| Reply::Http(500, "", String::new()));
    let reference = "TWOCALLERS1";
    world.pay_and_hang_up(reference, "a query", || world.provider.asked("", reference) > 0);
    let second = world.pay(reference);
    assert_eq!(second.code.as_deref(), Some("in-progress"), "{second:?}");
    world.provider.questions(|_| Reply::Usual);
    world.assert_honest();
}

#[test]
fn not_found_at_another_place_proves_nothing() {
    let sections = "[account.timeouts]\ntotal = \"2s\"\n\
         [account.retry]\nattempts = 1\nresolve_for = \"0s\"\n[account.circuit]\nfailures = 0";
    let mut world = World::start(Line::Plain, 1, sections);
    world.provider.creates(|_| lost());
    world.provider.questions(|question| match question.place.as_str() {
        "" => Reply::Http(500, "", String::new()),
        _ => Reply::Usual,
    });
    let reference = "ELSEWHERE01";
    let post = world.pay(reference);
    assert!(post.heard("unknown"), "{post:?}");
    world.reload("another base URL", elsewhere);
    // A sidecar that believes the other place has sent it again by then.
    let patience = Instant::now() + Duration::from_secs(20);
    wait_until("queries at the other place", || {
        let is_asked = world.provider.asked("/b", reference) > 2;
        is_asked || world.provider.executions(reference).len() > 1 || Instant::now() > patience
    });
    world.reload("back again", |text| text);
    world.provider.questions(|_| Reply::Usual);
    // The next start queries at once.
    world.kill();
    world.restart();
    world.assert_honest();
}

#[test]
fn a_payout_that_the_provider_makes_twice_is_seen() {
    let world = World::start(Line::Plain, 1, "");
    let twice = || Fate { repeated: true, notice: Notice::Usual, ..Fate::default() };
    world.provider.creates(move |_| twice());
    assert!(world.pay("MADETWICE01").heard("accepted"));
    wait_until("its notifications", || world.provider.notices_open() == 0);
    world.assert_honest();
}
