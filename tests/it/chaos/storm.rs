//! The fault bench's random run: payouts through the real program to a provider that executes every create, while a mix
//! of faults picked by the seed happens in and around the sidecar. In the end everything must agree: see `verdict`.
//!
//! `./dev chaos` makes it longer. A run consists of rounds, each with its own seed, a fresh store and its own mix.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::callers::{Callers, Town};
use super::random::Random;
use super::verdict::Evidence;
use super::world::{Line, World, told};
use super::{misbehaviour, number};
use crate::support::counting::{Fate, Notice, Reply};
use crate::support::faults::{Call, EDQUOT, EIO, ENOSPC, Fault};
use crate::support::tiny_disk::TinyDisk;

/// Callers at the same time.
const WORKERS: usize = 24;
/// The longest pause of a caller between two payouts.
const CALLER_PAUSE: Duration = Duration::from_millis(1600);
/// The longest time for the callers of a round, and then until every outcome is known: several of the resolver's
/// pauses.
const CALLERS_PATIENCE: Duration = Duration::from_secs(120);
const SETTLE_PATIENCE: Duration = Duration::from_secs(180);
/// How long one process waits for that.
const STAY: Duration = Duration::from_secs(20);

/// By how much the clock jumps ahead, in milliseconds: past the grace period, past a claim, past the lease of a call.
const CLOCK_JUMPS_MS: [i64; 4] = [1500, 10_000, 300_000, 3_600_000];

/// The end of the other base URL.
const ELSEWHERE: &str = "/b\"";

/// The rate, how long a call queries, and how soon a notification is expected are chosen by the round.
const SECTIONS: &str = "[account.limits]\nin_flight = 128\nmax_wait = \"4s\"\nrate = \"RATE\"\n\
     [account.timeouts]\nconnect = \"1500ms\"\ntotal = \"2s\"\n\
     [account.circuit]\nfailures = 15\nopen_for = \"500ms\"\n\
     [account.retry]\nattempts = 3\nresolve_for = \"RESOLVE_FOR\"\n";

/// Events that may happen to the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Kill,
    Terminate,
    Stop,
    /// Stopped while the provider keeps handshakes waiting.
    StopInHandshake,
    Freeze,
    Reload,
    /// The account's base URL changes.
    Move,
    Second,
    Handshakes,
    /// The disk under the store fails for a while, and the process may end meanwhile.
    Disk,
    /// That disk is full for a while.
    FullDisk,
    /// The clock jumps ahead.
    Clock,
}

const EVENTS: [Event; 12] = [
    Event::FullDisk,
    Event::Disk,
    Event::Clock,
    Event::Kill,
    Event::Terminate,
    Event::Stop,
    Event::StopInHandshake,
    Event::Freeze,
    Event::Reload,
    Event::Move,
    Event::Second,
    Event::Handshakes,
];

/// The mix that a seed chooses for a round.
#[derive(Debug)]
pub struct Mix {
    line: Line,
    events: Vec<Event>,
    /// The provider recognises duplicates.
    pub recognises: bool,
    /// Its query sometimes answers with another order's data.
    pub mistakes_orders: bool,
    /// It sometimes makes a call twice by itself.
    pub repeats: bool,
    /// Its `Retry-After` is beyond any time-out.
    pub counts_too_far: bool,
    asks_for_notices: bool,
    /// Callers wait while a payment in doubt is queried.
    chases: bool,
    /// Calls wait for the rate.
    waits: bool,
}

impl Mix {
    fn of(random: &mut Random) -> Self {
        let mut events: Vec<Event> = EVENTS.to_vec();
        events.retain(|_| random.below(100) < 55);
        Self {
            line: if random.is_one_in(2) { Line::Tls } else { Line::Plain },
            events,
            recognises: random.is_one_in(4),
            mistakes_orders: random.is_one_in(3),
            repeats: random.is_one_in(3),
            counts_too_far: random.is_one_in(3),
            asks_for_notices: random.is_one_in(2),
            chases: random.is_one_in(2),
            waits: random.is_one_in(3),
        }
    }

    /// Seconds after which "not found" is believed; long where jumps of the clock shorten them.
    pub fn grace(&self) -> u32 {
        if self.events.contains(&Event::Clock) { 6 } else { 2 }
    }

    fn sections(&self) -> String {
        let notices = if self.asks_for_notices { "notice_within = \"3s\"\n" } else { "" };
        SECTIONS
            .replace("RATE", if self.waits { "4/s" } else { "60/s" })
            .replace("RESOLVE_FOR", if self.chases { "3s" } else { "0s" })
            + notices
    }
}

#[test]
fn a_provider_that_executes_everything_only_gets_what_was_posted() {
    let seed = number("COUNTERSIGN_CHAOS_SEED", 20_261_128);
    let payouts = number("COUNTERSIGN_CHAOS_PAYOUTS", 240);
    let until = Instant::now() + duration("COUNTERSIGN_CHAOS_FOR");
    println!("chaos: seed {seed}, {payouts} payouts a round");
    let mut wrong = Vec::new();
    for seed in seed.. {
        if let Err(why) = round(seed, payouts) {
            println!("chaos: {why}");
            wrong.push(seed);
        }
        if Instant::now() >= until {
            break;
        }
    }
    assert!(wrong.is_empty(), "rounds with these seeds had violations: {wrong:?}");
}

/// A duration such as `10m`; zero where the variable is not set.
fn duration(name: &str) -> Duration {
    let Ok(text) = std::env::var(name) else { return Duration::ZERO };
    let units = [("s", 1), ("m", 60), ("h", 3600)];
    let read = units.iter().find_map(|(unit, seconds)| {
        let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(Duration::from_secs(count * seconds))
    });
    read.unwrap_or_else(|| panic!("`{name}`: expected a duration such as `10m`, found `{text}`"))
}

/// One round. The error says what is wrong in the end, and how to run it again.
fn round(seed: u64, payouts: u64) -> Result<(), String> {
    let mut random = Random::new(seed);
    let mix = Mix::of(&mut random);
    println!("chaos: seed {seed}: {mix:?}");
    let disk = match mix.events.contains(&Event::FullDisk) {
        true => TinyDisk::mount(),
        false => None,
    };
    if mix.events.contains(&Event::FullDisk) && disk.is_none() {
        println!("chaos: no full disk, which needs permission to mount a tmpfs");
    }
    let mut world = World::rough(random.fork(), disk, mix.line, mix.grace(), &mix.sections());
    misbehaviour::begin(&world.provider, seed, &mix, &mut random);
    let town = Town::rough(payouts, &mut random);
    let callers = Callers::new(&town, world.sidecar.app).unhurried(CALLER_PAUSE);
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            let (mut random, callers) = (random.fork(), &callers);
            scope.spawn(move || callers.work(&mut random));
        }
        let _over = Over(&callers);
        let deadline = Instant::now() + CALLERS_PATIENCE;
        while callers.done.load(Ordering::SeqCst) < payouts && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(300) + random.milliseconds(1500));
            let count = mix.events.len() as u64;
            if let Some(event) = mix.events.get(random.below(count) as usize) {
                happen(&mut world, &callers, *event, &mut random);
            }
        }
    });
    let took = world.began.elapsed();
    calm(&mut world);
    let moved = mix.events.contains(&Event::Move);
    let open = settle(&mut world, moved);
    let (evidence, mut violations) = world.judged(&callers.ledger);
    println!("chaos: seed {seed}: {}", figures(&evidence, took));
    violations.truncate(20);
    match violations.is_empty() {
        true if open.is_none() => Ok(()),
        _ => {
            let story = told(&evidence, &violations);
            let again = format!("./dev chaos --seed {seed} --payouts {payouts}");
            let (count, open) = (violations.len(), open.unwrap_or("nothing"));
            Err(format!("seed {seed}: {count} violations, open: {open}; again: {again}\n{story}"))
        }
    }
}

/// Callers stop when this is dropped, even by a panic.
struct Over<'a>(&'a Callers<'a>);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::SeqCst);
    }
}

fn happen(world: &mut World, callers: &Callers<'_>, event: Event, random: &mut Random) {
    match event {
        Event::Kill | Event::Terminate => {
            match event {
                Event::Kill => world.kill(),
                _ => world.terminate(),
            }
            thread::sleep(random.milliseconds(300));
            world.restart();
        }
        Event::Stop => {
            world.stop();
            thread::sleep(Duration::from_millis(300) + random.milliseconds(3500));
            world.go_on();
        }
        Event::StopInHandshake => {
            world.provider.hold(1000);
            thread::sleep(random.milliseconds(500));
            world.stop();
            thread::sleep(Duration::from_millis(1500) + random.milliseconds(2500));
            world.provider.release();
            world.go_on();
        }
        Event::Freeze => {
            world.freeze();
            thread::sleep(super::verdict::FREEZE_PAUSE + random.milliseconds(3000));
            world.unfreeze();
        }
        Event::Reload => {
            let rate = 5 + random.below(100);
            let total = 1500 + random.below(2000);
            world.reload(&format!("{rate}/s, total {total} ms"), |text| {
                text.replace("rate = \"60/s", &format!("rate = \"{rate}/s"))
                    .replace("total = \"2s\"", &format!("total = \"{total}ms\""))
            });
        }
        Event::Move => match world.sidecar.configuration().contains(ELSEWHERE) {
            true => world.reload("the first base URL", |text| text),
            false => world.reload("another base URL", elsewhere),
        },
        Event::Second => match world.second {
            None => world.start_second(),
            Some(_) => world.kill_second(),
        },
        Event::Disk => {
            disk_fails(world, random);
            let has_ended = ends_meanwhile(world, random);
            world.faults.heal();
            world.note("the disk works again");
            if has_ended {
                world.restart();
            }
        }
        Event::FullDisk => {
            let Some(disk) = &world.disk else { return };
            world.note("the disk is full");
            disk.fill();
            let has_ended = ends_meanwhile(world, random);
            world.note("the disk has room");
            world.disk.as_ref().expect("as before").free();
            if has_ended {
                world.restart();
            }
        }
        Event::Clock => {
            for _ in 0..3 {
                let by = CLOCK_JUMPS_MS[random.below(CLOCK_JUMPS_MS.len() as u64) as usize];
                world.clock_ahead(by);
                thread::sleep(random.milliseconds(1000));
            }
        }
        Event::Handshakes => {
            world.provider.hold(1000);
            thread::sleep(random.milliseconds(2500));
            world.provider.release();
        }
    }
    callers.now_at(&world.apps());
}

/// Lets some time pass, and returns whether the process ended meanwhile.
fn ends_meanwhile(world: &mut World, random: &mut Random) -> bool {
    thread::sleep(Duration::from_millis(100) + random.milliseconds(1500));
    match random.below(4) {
        0..2 => world.kill(),
        2 => world.terminate(),
        _ => return false,
    }
    true
}

/// Some of the calls, or all of them, of one kind.
fn disk_fails(world: &World, random: &mut Random) {
    let call = [Call::Sync, Call::Sync, Call::Write, Call::Truncate][random.below(4) as usize];
    let errno = [EIO, ENOSPC, EDQUOT][random.below(3) as usize];
    let one_in = 1 + random.below(3) as u32;
    let fault = Fault { one_in, is_torn: random.is_one_in(2), ..Fault::always(errno) };
    world.note(format!("the disk fails: {call:?} {fault:?}"));
    world.faults.seed(random.below(u64::MAX));
    world.faults.fail(call, fault);
}

pub fn elsewhere(text: String) -> String {
    let (head, tail) = text.split_once("base_url = \"").expect("a base URL");
    let (url, tail) = tail.split_once('"').expect("its end");
    format!("{head}base_url = \"{url}{ELSEWHERE}{tail}")
}

/// Nothing goes wrong any more.
fn calm(world: &mut World) {
    world.note("calm");
    world.provider.release();
    world.provider.deafen(0);
    world.provider.creates(|_| Fate { notice: Notice::Usual, ..Fate::default() });
    world.provider.questions(|_| Reply::Usual);
    world.kill_second();
    world.reload("as in the beginning", |text| text);
}

/// Waits until every outcome is known; returns what is still open when time is up. Outcomes that are unknown after a
/// while are queried at once by a new process, because the old one may pause for a quarter of an hour; and at the other
/// place, if payments were made at both.
fn settle(world: &mut World, moved: bool) -> Option<&'static str> {
    let deadline = Instant::now() + SETTLE_PATIENCE;
    loop {
        for place in [|text| text, elsewhere] {
            if moved {
                world.reload("to settle", place);
            }
            let open = world.settle(STAY);
            if open.is_none() || Instant::now() > deadline {
                return open;
            }
            world.kill();
            world.restart();
        }
    }
}

fn figures(evidence: &Evidence, took: Duration) -> String {
    let executed = evidence.books.iter().filter(|entry| entry.is_execution()).count();
    let mut heard = BTreeMap::<&str, u64>::new();
    for post in evidence.posts.values().flatten() {
        *heard.entry(post.outcome.as_deref().unwrap_or("no answer")).or_default() += 1;
    }
    format!(
        "{executed} executions of {} references in {:.0} s, {:.0} s until all was known; callers got {heard:?}; {} deliveries",
        evidence.posts.len(),
        took.as_secs_f32(),
        (evidence.began.elapsed() - took).as_secs_f32(),
        evidence.taken.len()
    )
}
