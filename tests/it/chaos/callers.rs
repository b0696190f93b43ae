//! The applications that pay: patient ones, some that call once, some that hang up, and crowds with one reference.

use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::ledger::{Ledger, Post};
use super::random::Random;
use crate::support::http::{read_answer, try_post};

/// How often a patient caller tries before it gives up: with its pauses a few minutes, far longer than any outage here.
const TRIES: u32 = 1000;

/// Callers of one reference in a crowd.
const CROWD: usize = 40;

/// Longer than the sidecar takes for any answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A payout to make.
pub struct Town {
    pub payouts: Vec<Payout>,
}

pub struct Payout {
    pub reference: String,
    pub amount: u64,
    /// It is accepted and then fails.
    pub fails: bool,
    pub manner: Manner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Calls again, with the same reference, until it is accepted.
    Patient,
    /// Believes the first answer.
    Once,
    /// Never waits for the answer.
    HangsUp,
    /// Many at once, which continue as one patient caller.
    Crowd,
    /// Does not wait for the answer; another one calls while the first call is under way, and believes its answer.
    Relieved,
    /// Calls once, then posts another amount under the same reference.
    Reuses,
}

/// The answers to callers of one reference, in their order: an outcome, or `None` where the connection ended.
pub type Heard = Vec<Option<String>>;

pub struct Callers<'a> {
    town: &'a Town,
    /// Where the sidecars are.
    apps: Mutex<Vec<SocketAddr>>,
    next: AtomicU64,
    /// Payouts whose callers are gone.
    pub done: AtomicU64,
    pub ledger: Ledger,
    /// No caller begins another payout, and even patient callers give up.
    pub is_over: AtomicBool,
    /// The longest pause of a worker between two payouts.
    pause: Duration,
}

impl Town {
    pub fn new(payouts: u64, random: &mut Random) -> Self {
        Self::of(payouts, random, |random| match random.below(100) {
            0 => Manner::Crowd,
            1..10 => Manner::HangsUp,
            10..25 => Manner::Once,
            _ => Manner::Patient,
        })
    }

    /// With few patient callers, none of whose payouts fails once it is accepted.
    pub fn rough(payouts: u64, random: &mut Random) -> Self {
        let mut town = Self::of(payouts, random, |random| match random.below(100) {
            0 => Manner::Crowd,
            1..15 => Manner::HangsUp,
            15..30 => Manner::Relieved,
            30..40 => Manner::Reuses,
            40..70 => Manner::Once,
            _ => Manner::Patient,
        });
        town.payouts.iter_mut().for_each(|payout| payout.fails = false);
        town
    }

    fn of(payouts: u64, random: &mut Random, manner: fn(&mut Random) -> Manner) -> Self {
        let payouts = (0..payouts).map(|number| Payout {
            reference: format!("CHAOS{number:08}"),
            amount: 100 + random.below(100_000),
            fails: random.is_one_in(10),
            manner: manner(random),
        });
        Self { payouts: payouts.collect() }
    }
}

impl Payout {
    fn body(&self, amount: u64) -> String {
        let remark = if self.fails { "sandbox:fail" } else { "wages" };
        format!(
            r#"{{"mchOrderId":"{}","amount":{},"payMethodCode":"PROMPTPAY","promptpayAccountType":"MSISDN","accountNo":"0812345678","remark":"{remark}"}}"#,
            self.reference, amount
        )
    }
}

impl<'a> Callers<'a> {
    pub fn new(town: &'a Town, app: SocketAddr) -> Self {
        let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
        let (apps, is_over) = (Mutex::new(vec![app]), AtomicBool::new(false));
        Self { town, apps, next, done, ledger: Ledger::default(), is_over, pause: Duration::ZERO }
    }

    /// With a pause of up to `pause` after each payout.
    pub fn unhurried(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Sets the sidecars' current addresses.
    pub fn now_at(&self, apps: &[SocketAddr]) {
        *self.apps.lock().expect("no panic while held") = apps.to_vec();
    }

    /// Makes one payout after the other until none is left.
    pub fn work(&self, random: &mut Random) {
        loop {
            let number = self.next.fetch_add(1, Ordering::SeqCst) as usize;
            let Some(payout) = self.town.payouts.get(number) else { return };
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            match payout.manner {
                Manner::Patient => self.ask_until_accepted(payout, random),
                Manner::Once => {
                    self.ask(payout, payout.amount, self.ledger.caller());
                }
                Manner::HangsUp => self.ask_and_hang_up(payout, random.milliseconds(60)),
                Manner::Crowd => {
                    thread::scope(|scope| {
                        for _ in 0..CROWD {
                            scope.spawn(|| self.ask(payout, payout.amount, self.ledger.caller()));
                        }
                    });
                    self.ask_until_accepted(payout, random);
                }
                Manner::Relieved => {
                    self.ask_and_hang_up(payout, random.milliseconds(600));
                    self.ask(payout, payout.amount, self.ledger.caller());
                }
                Manner::Reuses => {
                    let caller = self.ledger.caller();
                    self.ask(payout, payout.amount, caller);
                    self.ask(payout, payout.amount + 1, caller);
                }
            }
            self.done.fetch_add(1, Ordering::SeqCst);
            thread::sleep(random.milliseconds(self.pause.as_millis() as u64));
        }
    }

    /// How many payouts there are.
    pub fn payouts(&self) -> usize {
        self.town.payouts.len()
    }

    /// The answers about a payout.
    pub fn heard(&self, number: usize) -> Heard {
        let posts = self.ledger.posts(&self.town.payouts[number].reference);
        posts.into_iter().map(|post| post.outcome).collect()
    }

    fn ask_until_accepted(&self, payout: &Payout, random: &mut Random) {
        let caller = self.ledger.caller();
        for _ in 0..TRIES {
            let post = self.ask(payout, payout.amount, caller);
            if post.heard("accepted") || self.is_over.load(Ordering::SeqCst) {
                return;
            }
            thread::sleep(Duration::from_millis(50) + random.milliseconds(200));
        }
    }

    fn ask(&self, payout: &Payout, amount: u64, caller: u64) -> Post {
        let began = Instant::now();
        let sent = self.send(payout, amount);
        let answer = sent.and_then(|mut stream| read_answer(&mut stream));
        let post = Post::ended(caller, amount, began, answer.as_ref());
        self.ledger.note(&payout.reference, post.clone());
        post
    }

    fn ask_and_hang_up(&self, payout: &Payout, after: Duration) {
        let (caller, began) = (self.ledger.caller(), Instant::now());
        let stream = self.send(payout, payout.amount);
        thread::sleep(after);
        drop(stream);
        self.ledger.note(&payout.reference, Post::ended(caller, payout.amount, began, None));
    }

    fn send(&self, payout: &Payout, amount: u64) -> Option<TcpStream> {
        let app = {
            let apps = self.apps.lock().expect("no panic while held");
            apps[payout.amount as usize % apps.len()]
        };
        try_post(app, "/shop/payout_create", &payout.body(amount), READ_TIMEOUT)
    }
}
