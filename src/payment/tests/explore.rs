//! Every interleaving, up to a depth: forbidden states are never reached, and every state has a way to the end.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use super::super::attempts::ATTEMPTS_MAX;
use super::super::*;
use super::world::{Act, Duplicates, GRACE, Setting, World};

const SETTING: Setting = Setting {
    duplicates: Duplicates::Refused,
    lag: 1,
    repeats: false,
    mixes_up: false,
    attempts_max: 2,
    generations_max: 2,
    ticks_max: 6,
    moves: false,
};

#[test]
fn no_interleaving_pays_twice_at_a_provider_that_refuses_duplicates() {
    explore(SETTING, 10);
}

#[test]
fn no_interleaving_pays_twice_at_a_provider_that_forgets_what_failed() {
    explore(Setting { duplicates: Duplicates::ForgottenOnceFailed, ..SETTING }, 10);
}

#[test]
fn no_interleaving_pays_twice_even_at_a_provider_that_would_execute_duplicates() {
    explore(Setting { duplicates: Duplicates::Executed, ..SETTING }, 10);
}

/// Here our assumption fails, and only the provider's refusal of duplicates protects the money.
#[test]
fn no_interleaving_pays_twice_when_the_query_lags_longer_than_the_grace_period() {
    explore(Setting { lag: GRACE + 3, ..SETTING }, 10);
}

/// The query lags as well: the provider calls a payment a duplicate, but does not find it for a long time.
#[test]
fn no_interleaving_denies_a_payment_that_was_delivered_twice() {
    for lag in [1, GRACE + 3] {
        explore(Setting { repeats: true, lag, ..SETTING }, 9);
    }
}

#[test]
fn no_interleaving_takes_another_s_payment_for_ours() {
    for duplicates in [Duplicates::Refused, Duplicates::Executed] {
        explore(Setting { mixes_up: true, duplicates, ..SETTING }, 8);
    }
}

/// The first part of every dangerous history, so that the depth is spent on what follows.
#[test]
fn no_interleaving_pays_twice_after_a_lost_create_and_a_restart() {
    for duplicates in [Duplicates::ForgottenOnceFailed, Duplicates::Executed] {
        let setting = Setting { duplicates, ticks_max: 5, ..SETTING };
        let mut start = World::new();
        for act in [Act::Send, Act::Crash, Act::Ask { sees_all: false }, Act::HearFinding] {
            start = start.after(act, &setting).expect("it can happen").world;
        }
        explore_from(start, setting, 13);
    }
}

#[test]
fn no_interleaving_pays_twice_after_a_time_out() {
    let setting = Setting { duplicates: Duplicates::Executed, ticks_max: 3, ..SETTING };
    let mut start = World::new();
    for act in [Act::Send, Act::TimeOut, Act::Tick] {
        start = start.after(act, &setting).expect("it can happen").world;
    }
    explore_from(start, setting, 11);
}

/// The other provider does not know the payment, and would accept it.
#[test]
fn no_interleaving_pays_twice_when_the_configuration_turns_to_another_provider() {
    let setting =
        Setting { duplicates: Duplicates::Executed, ticks_max: 4, moves: true, ..SETTING };
    for acts in [&[Act::Send, Act::TimeOut][..], &[Act::Send, Act::Crash, Act::Move]] {
        let mut start = World::new();
        for act in acts {
            start = start.after(*act, &setting).expect("it can happen").world;
        }
        explore_from(start, setting, 10);
    }
}

/// Hashing worlds takes most of the time here, and no attacker chooses them to collide.
#[derive(Default)]
struct Mixed(u64);

type Quick = BuildHasherDefault<Mixed>;

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0.rotate_left(20)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    fn write_i64(&mut self, value: i64) {
        self.write_u64(value.cast_unsigned());
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.write_usize(value.cast_unsigned());
    }
}

fn explore(setting: Setting, depth: u32) {
    explore_from(World::new(), setting, depth);
}

fn explore_from(start: World, setting: Setting, depth: u32) {
    let mut seen: HashSet<World, Quick> = HashSet::from_iter([start.clone()]);
    // How each world was reached: by which act, after which earlier step.
    let mut steps: Vec<(Option<usize>, Act)> = Vec::new();
    let mut open = vec![(start, None)];
    for _ in 0..depth {
        let mut next = Vec::new();
        for (world, came) in open {
            for act in world.acts(&setting) {
                let Some(done) = world.after(act, &setting) else { continue };
                let path = || path(&steps, came, act);
                check(&world, &done.world, done.contradicts, &setting, path);
                if !seen.contains(&done.world) {
                    seen.insert(done.world.clone());
                    steps.push((came, act));
                    next.push((done.world, steps.len().checked_sub(1)));
                }
            }
        }
        open = next;
    }
    assert!(seen.len() > 5_000, "only {} worlds: the model does nothing", seen.len());
    eprintln!("{} worlds", seen.len());
    let mut ends = HashSet::default();
    for world in &seen {
        assert_settles(world, &setting, &mut ends);
    }
}

/// The acts that led to `act`, and it.
fn path(steps: &[(Option<usize>, Act)], mut came: Option<usize>, act: Act) -> Vec<Act> {
    let mut path = vec![act];
    while let Some((before, act)) = came.map(|step| steps[step]) {
        path.push(act);
        came = before;
    }
    path.reverse();
    path
}

/// What must hold at every moment.
pub fn check(
    before: &World,
    world: &World,
    contradicts: bool,
    setting: &Setting,
    path: impl Fn() -> Vec<Act>,
) {
    let say = |what: &str| format!("{what}\nafter {:?}\nthe world is {world:#?}", path());
    assert!(world.moves() <= 1, "{}", say("two payments that both move money"));
    let accepted = State::Settled(Final::Accepted);
    if before.payment.state == accepted && before.generation == world.generation {
        assert_eq!(world.payment.state, accepted, "{}", say("accepted was taken back"));
    }
    if world.payment.state == accepted {
        assert!(!world.executions.is_empty(), "{}", say("accepted, but the provider has none"));
    }
    if world.payment.frees_its_reference() && world.payment.reported == Reported::Duplicate {
        assert_eq!(
            world.moves(),
            0,
            "{}",
            say("the provider said that it has these ids, and does")
        );
    }
    // Without the assumption about the lag, only the money is safe; and a provider that mixes up payments contradicts all.
    if setting.lag >= GRACE || setting.mixes_up {
        return;
    }
    assert!(!contradicts, "{}", say("the provider has what was said not to have happened"));
    if world.payment.frees_its_reference() {
        assert_eq!(world.moves(), 0, "{}", say("a free reference that was paid"));
        assert!(world.wire.is_empty(), "{}", say("a free reference with a create on its way"));
    }
}

/// From here on every participant does what it should: does it end? After a crash most worlds are one of a few; those
/// in `ends` are known to end.
fn assert_settles(world: &World, setting: &Setting, ends: &mut HashSet<World, Quick>) {
    let setting = Setting { attempts_max: ATTEMPTS_MAX, ticks_max: i64::MAX, ..*setting };
    let mut world = world.clone();
    let act = |world: &mut World, act| {
        if let Some(done) = world.after(act, &setting) {
            *world = done.world;
        }
    };
    act(&mut world, Act::Crash);
    if world.is_elsewhere() {
        act(&mut world, Act::Move);
    }
    if !ends.insert(world.clone()) {
        return;
    }
    for _ in 0..40 {
        if matches!(world.payment.state, State::Settled(_)) {
            return;
        }
        for step in [Act::Tick, Act::Ask { sees_all: false }, Act::HearFinding, Act::Send] {
            act(&mut world, step);
        }
        // The first of the provider's possible answers: it accepts whatever it can.
        if let Some(arrival) =
            world.acts(&setting).into_iter().find(|act| matches!(act, Act::Arrive { .. }))
        {
            act(&mut world, arrival);
            act(&mut world, Act::Hear { place: 0 });
        }
    }
    // A payment that the provider calls a duplicate and never finds is left to a person.
    assert_eq!(world.payment.reported, Reported::Duplicate, "it never ends: {world:#?}");
    world.wire.clear();
    act(&mut world, Act::ByHand);
    assert!(matches!(world.payment.state, State::Settled(_)), "a person cannot end it: {world:#?}");
}
