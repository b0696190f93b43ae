//! The life of a call that moves money: recorded before it leaves, settled when its outcome is known.
//!
//! The journal decides what may be sent; a call consults it before every attempt and reports to it afterwards. The
//! caller's answer and the journal never differ: where nothing can be recorded, nothing is sent.
//!
//! A fresh call goes through `begin`, `make` (in it `attempt` and `poll`, which queries) and `replay::report`; one that
//! exists already through `begin` and `replay::replay`. The `resolver` does the rest in the background.

mod attempt;
mod begin;
pub mod event;
pub(super) mod journalled;
mod last_look;
mod make;
mod money;
mod poll;
mod query;
mod replay;
pub mod resolver;
pub(super) mod unsent;

use super::call::classify::{Verdict, WhyNotSent};
use super::call::repeat::Exchange;
use super::record::Record;
use crate::clock::instant;
use crate::outcome::Outcome;
use crate::problem::{Code, Problem};
use crate::store::Begun;

use begin::begin;
use journalled::Journalled;
use make::make;
use money::Money;
use replay::{replay, report};

/// Makes the call at most once, whatever happens on the way.
pub(super) async fn run(
    payment: &Journalled<'_>,
    record: &mut Record,
) -> Result<Exchange, Problem> {
    // Without a reference the call cannot be recognised; it is journalled under the request's own id.
    let reference = record.reference.clone().unwrap_or_else(|| record.id().to_string());
    let money = Money::reserve(payment.call);
    let begun_at = instant();
    let begun = match begin(payment, &reference, money.is_ok()).await {
        Ok(begun) => begun,
        Err(verdict) => return Ok(unmade(verdict)),
    };
    if let Begun::Fresh(view) | Begun::Known(view) = &begun {
        record.payment = Some(view.row.id.clone());
    }
    match (begun, money) {
        (Begun::Fresh(view), Ok(mut money)) => {
            money.spend();
            let first = (view.row.payment.attempts, begun_at);
            let (exchange, view) = make(payment, first, &mut money).await;
            let exchange = report(payment, exchange, view).await;
            match exchange.verdict.outcome(payment.call.operation) {
                // Whether it provably moved no money.
                Outcome::Rejected | Outcome::NotSent => money.give_back(),
                Outcome::Accepted => {}
                Outcome::Unknown => payment.hand_over().await,
            }
            Ok(exchange)
        }
        (Begun::Fresh(_), Err(refused)) => {
            let verdict = Verdict::NotSent(WhyNotSent::OverMoney(refused));
            payment.give_up(&verdict.reason()).await;
            Ok(unmade(verdict))
        }
        (Begun::Known(view), money) => {
            drop(money);
            replay(&Journalled { id: &view.row.id.clone(), ..*payment }, view).await
        }
        (Begun::Reused(_), _) => Err(Problem::not_sent(
            Code::ReferenceReused,
            "this reference was used before, with other parameters: nothing was sent",
        )),
        (Begun::Frozen(freeze), _) => {
            Ok(unmade(Verdict::NotSent(WhyNotSent::Frozen(freeze.reason))))
        }
    }
}

/// Of a call that was never attempted.
fn unmade(verdict: Verdict) -> Exchange {
    Exchange { attempts: 0, verdict, is_replay: false }
}
