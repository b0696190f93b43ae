//! Thousands of payouts under random faults, closed connections and `kill -9`; at the end the provider's list, the
//! journal, the callers' answers and the delivered events must agree.
//!
//! `COUNTERSIGN_CHAOS_PAYOUTS` and `COUNTERSIGN_CHAOS_KILLS` make it larger. `COUNTERSIGN_CHAOS_SEED` repeats every
//! random choice; which choice applies to which call depends on the threads.

mod application;
mod books;
mod callers;
mod gate;
mod ledger;
mod misbehaviour;
mod random;
mod scenarios;
mod storm;
mod verdict;
mod weather;
mod world;

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::sandbox::SandboxProcess;
use crate::support::{ConfigBuilder, Sidecar};

use application::Application;
use books::Books;
use callers::{Callers, Town};
use gate::Gate;
use random::Random;
use weather::{Event, Plan};

/// Callers at the same time.
const WORKERS: usize = 24;

/// The longest that a run may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(1800);

#[test]
fn random_faults_and_kills_never_pay_twice_and_lose_nothing() {
    let payouts = number("COUNTERSIGN_CHAOS_PAYOUTS", 240);
    let kills = number("COUNTERSIGN_CHAOS_KILLS", 3);
    let seed = number("COUNTERSIGN_CHAOS_SEED", 20_261_123);
    println!("chaos: {payouts} payouts, {kills} kills; COUNTERSIGN_CHAOS_SEED={seed} repeats it");
    let mut random = Random::new(seed);
    let application = Application::start(random.fork());
    let notify = Gate::start();
    let sandbox = SandboxProcess::start_with(&sandbox_config(seed, &notify));
    let provider = Gate::start();
    provider.lead_to(sandbox.address());
    let town = Town::new(payouts, &mut random);
    weather::begin(&sandbox);
    let mut sidecar = Sidecar::start(&sidecar_config(&provider, &application));
    notify.lead_to(sidecar.notify);
    let callers = Callers::new(&town, sidecar.app);
    let mut plan = Plan::new(payouts, kills, &mut random);
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            let mut random = random.fork();
            let callers = &callers;
            scope.spawn(move || callers.work(&mut random));
        }
        while callers.done.load(Ordering::SeqCst) < payouts && started.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
            match plan.due(callers.done.load(Ordering::SeqCst)) {
                Some(Event::Kill { after, down }) => {
                    thread::sleep(after);
                    sidecar.kill();
                    notify.lead_nowhere();
                    thread::sleep(down);
                    sidecar.restart();
                    notify.lead_to(sidecar.notify);
                    callers.now_at(&[sidecar.app]);
                }
                Some(Event::Refuse { down }) => provider.shut(down),
                None => {}
            }
        }
    });
    let took = started.elapsed();
    sandbox.clear_faults();
    let books = Books::settled(&sandbox, &sidecar, &application, payouts);
    println!(
        "chaos: {:.1} payouts a second ({:.1} s, then {:.1} s until every outcome was known)",
        payouts as f64 / took.as_secs_f64(),
        took.as_secs_f64(),
        (started.elapsed() - took).as_secs_f64()
    );
    books.print(&callers);
    books.assert_right(&town, &callers);
}

fn number(name: &str, default: u64) -> u64 {
    let Ok(text) = std::env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("`{name}`: expected a number, found `{text}`"))
}

fn sandbox_config(seed: u64, notify: &Gate) -> String {
    format!(
        "seed = {seed}\nsettle_after = \"300ms\"\nnotify_repeat = [\"300ms\", \"500ms\", \"1s\", \"1s\", \"2s\", \"2s\"]\n\
         payout_notify_url = \"http://{}/shop\"\n",
        notify.address
    )
}

fn sidecar_config(provider: &Gate, application: &Application) -> ConfigBuilder {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo");
    ConfigBuilder::towards_sandbox(&format!("http://{}", provider.address))
        .section("[account.limits]\nin_flight = 128")
        .section("[account.timeouts]\nconnect = \"1s\"\ntotal = \"2s\"")
        .section("[account.retry]\nattempts = 3\nresolve_for = \"4s\"\nnotice_within = \"3s\"")
        .section("[account.circuit]\nfailures = 15\nopen_for = \"500ms\"")
        .notified_by(format!("{demo}/provider.pub"))
        .notified_by(format!("{demo}/provider-next.pub"))
        .section(&format!(
            "[account.delivery]\nurl = \"http://{}/events\"\nsecret = {{ file = \"{demo}/delivery-secret\" }}",
            application.address
        ))
}
