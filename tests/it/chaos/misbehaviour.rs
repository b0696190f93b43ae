//! What the provider does wrong in a round: how creates end, and the answers to queries.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use super::random::Random;
use super::storm::Mix;
use crate::support::counting::{Counting, Create, Fate, Notice, Question, Reply};

/// The longest lag of the provider's query, in milliseconds for each second of the grace period: the rest allows for a
/// slow machine.
const LAG_MS: u64 = 600;

pub fn begin(provider: &Counting, seed: u64, mix: &Mix, random: &mut Random) {
    let (repeats, counts_too_far) = (mix.repeats, mix.counts_too_far);
    provider.recognise(mix.recognises);
    provider.deafen(25);
    provider.creates(move |create| fate(seed, create, repeats, counts_too_far));
    let (random, mistakes) = (Mutex::new(random.fork()), mix.mistakes_orders);
    let lag_ms = LAG_MS * u64::from(mix.grace());
    provider.questions(move |question| {
        let mut random = random.lock().expect("no panic while held");
        let lag = choices(seed, &question.reference, usize::MAX).milliseconds(lag_ms);
        reply(question, lag, &mut random, mistakes)
    });
}

/// The random choices about one reference, the same in every run of a seed.
fn choices(seed: u64, reference: &str, number: usize) -> Random {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = reference.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
    Random::new(seed ^ hash.wrapping_add(number as u64))
}

fn fate(seed: u64, create: &Create, repeats: bool, counts_too_far: bool) -> Fate {
    let mut random = choices(seed, &create.reference, create.number);
    let notice = match random.below(10) {
        0..3 => Notice::None,
        3 => Notice::First,
        4 => Notice::Twice,
        5 => Notice::Late(random.milliseconds(1500)),
        6 => Notice::Reversed,
        _ => Notice::Usual,
    };
    let executed = |reply| Fate { reply, notice, ..Fate::default() };
    let refused = |code, reply| Fate { refused: Some(code), reply, ..Fate::default() };
    let http = |status, fields, body: &str| Reply::Http(status, fields, body.to_owned());
    match random.below(100) {
        0..8 => executed(Reply::Close),
        8..14 => executed(Reply::Reset),
        14..18 => executed(Reply::HalfWay),
        18..26 => executed(Reply::Late(Duration::from_millis(500) + random.milliseconds(2500))),
        26..29 => executed(http(500, "", "oops")),
        29..31 => executed(http(429, "Retry-After: 1\r\n", "")),
        31 if counts_too_far => executed(http(429, "Retry-After: 18446744073709551615\r\n", "")),
        31..34 => executed(http(502, "", "<html>Bad gateway</html>")),
        34..37 => executed(http(200, "", "{\"code\":")),
        37..40 => executed(Reply::Code(21999)),
        40..42 => executed(Reply::Code(21000)),
        42 => executed(Reply::Code(21007)),
        43..48 => refused(21014, Reply::Usual),
        48..51 => refused(21014, Reply::Close),
        51..54 => refused(21009, Reply::Usual),
        54..57 => refused(21020, Reply::Usual),
        57..60 if repeats => Fate { repeated: true, notice: Notice::Usual, ..Fate::default() },
        _ => executed(Reply::Usual),
    }
}

fn reply(question: &Question, lag: Duration, random: &mut Random, mistakes_orders: bool) -> Reply {
    let lags = question.age.is_some_and(|age| age < lag);
    match random.below(100) {
        0..5 => Reply::Close,
        5..10 => Reply::Http(500, "", "oops".to_owned()),
        10..13 => Reply::HalfWay,
        13..16 => Reply::Code(21000),
        16..19 => Reply::Late(random.milliseconds(600)),
        19..23 if mistakes_orders => Reply::Data(
            json!({ "mchOrderId": "ANOTHER001", "transactionId": "T0", "transactionStatus": "COMPLETED", "amount": 1 }),
        ),
        _ if lags => Reply::Code(21006),
        _ => Reply::Usual,
    }
}
