//! The applications that pay: patient ones, some that ask once, some that hang up, and crowds with one reference.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::random::Random;
use crate::support::http::{read_answer, render};

/// How often a patient caller asks before it gives up: with its pauses some minutes, far longer than any outage here.
const TRIES: u32 = 1000;

/// Callers of one reference in a crowd.
const CROWD: usize = 40;

/// Longer than the sidecar takes for any answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// What is to be paid.
pub struct Town {
    pub payouts: Vec<Payout>,
}

pub struct Payout {
    pub reference: String,
    pub amount: u64,
    /// It is taken and then fails.
    pub fails: bool,
    pub manner: Manner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Asks again, with the same reference, until it is accepted.
    Patient,
    /// Believes the first answer.
    Once,
    /// Does not wait for the answer, ever.
    HangsUp,
    /// Many at once, who become one patient caller.
    Crowd,
}

/// What callers of one reference heard, in the order they heard it: an outcome, or that the connection ended.
pub type Heard = Vec<Option<String>>;

pub struct Callers<'a> {
    town: &'a Town,
    app: Mutex<SocketAddr>,
    next: AtomicU64,
    /// Payouts whose callers are gone.
    pub done: AtomicU64,
    heard: Vec<Mutex<Heard>>,
}

impl Town {
    pub fn new(payouts: u64, random: &mut Random) -> Self {
        let payouts = (0..payouts).map(|number| Payout {
            reference: format!("CHAOS{number:08}"),
            amount: 100 + random.below(100_000),
            fails: random.is_one_in(10),
            manner: match random.below(100) {
                0 => Manner::Crowd,
                1..10 => Manner::HangsUp,
                10..25 => Manner::Once,
                _ => Manner::Patient,
            },
        });
        Self { payouts: payouts.collect() }
    }
}

impl Payout {
    fn body(&self) -> String {
        let remark = if self.fails { "sandbox:fail" } else { "wages" };
        format!(
            r#"{{"mchOrderId":"{}","amount":{},"payMethodCode":"PROMPTPAY","promptpayAccountType":"MSISDN","accountNo":"0812345678","remark":"{remark}"}}"#,
            self.reference, self.amount
        )
    }
}

impl<'a> Callers<'a> {
    pub fn new(town: &'a Town, app: SocketAddr) -> Self {
        let heard = town.payouts.iter().map(|_| Mutex::default()).collect();
        let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { town, app: Mutex::new(app), next, done, heard }
    }

    /// The sidecar is there now.
    pub fn now_at(&self, app: SocketAddr) {
        *self.app.lock().expect("no panic while held") = app;
    }

    /// Takes one payout after the other until none is left.
    pub fn work(&self, random: &mut Random) {
        loop {
            let number = self.next.fetch_add(1, Ordering::SeqCst) as usize;
            let Some(payout) = self.town.payouts.get(number) else { return };
            match payout.manner {
                Manner::Patient => self.ask_until_accepted(number, random),
                Manner::Once => {
                    self.ask(number);
                }
                Manner::HangsUp => self.ask_and_hang_up(payout, random.milliseconds(60)),
                Manner::Crowd => {
                    thread::scope(|scope| {
                        for _ in 0..CROWD {
                            scope.spawn(|| self.ask(number));
                        }
                    });
                    self.ask_until_accepted(number, random);
                }
            }
            self.done.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// How many payouts there are.
    pub fn payouts(&self) -> usize {
        self.heard.len()
    }

    /// What was heard about a payout.
    pub fn heard(&self, number: usize) -> Heard {
        self.heard[number].lock().expect("no panic while held").clone()
    }

    fn ask_until_accepted(&self, number: usize, random: &mut Random) {
        for _ in 0..TRIES {
            if self.ask(number).as_deref() == Some("accepted") {
                return;
            }
            thread::sleep(Duration::from_millis(50) + random.milliseconds(200));
        }
    }

    fn ask(&self, number: usize) -> Option<String> {
        let answer =
            self.send(&self.town.payouts[number]).and_then(|mut stream| read_answer(&mut stream));
        let outcome =
            answer.and_then(|answer| answer.header("countersign-outcome").map(str::to_owned));
        self.heard[number].lock().expect("no panic while held").push(outcome.clone());
        outcome
    }

    fn ask_and_hang_up(&self, payout: &Payout, after: Duration) {
        let stream = self.send(payout);
        thread::sleep(after);
        drop(stream);
    }

    fn send(&self, payout: &Payout) -> Option<TcpStream> {
        let app = *self.app.lock().expect("no panic while held");
        let mut stream = TcpStream::connect(app).ok()?;
        stream.set_read_timeout(Some(READ_TIMEOUT)).ok()?;
        let headers = [("Content-Type", "application/json")];
        let request = render("POST", "/shop/payout_create", &headers, payout.body().as_bytes());
        stream.write_all(&request).ok()?;
        Some(stream)
    }
}
