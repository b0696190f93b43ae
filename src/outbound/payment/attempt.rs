//! One attempt at a journalled call: announced, made, and its end recorded.

use std::time::Duration;

use tokio::time::Instant;

use super::event;
use super::journalled::Journalled;
use super::last_look::Announced;
use super::query::stored;
use crate::clock::{instant, milliseconds};
use crate::outbound::call::backoff;
use crate::outbound::call::classify::Verdict;
use crate::store::{Conclusion, JournalError, PaymentView, Step};

/// How often recording the end of an attempt is tried before it is left to the status query.
const CONCLUDE_TRIES: u32 = 4;

/// Records that the next attempt is about to leave.
///
/// # Errors
/// When the journal does not allow it or cannot be written: nothing may be sent.
pub(super) async fn announce<'a>(
    payment: &'a Journalled<'a>,
) -> Result<Announced<'a>, JournalError> {
    let at = instant();
    let (rules, now_ms) = (payment.rules(), payment.now_ms());
    let view = payment.step(Step::AboutToSend { rules, now_ms }).await?;
    Ok(Announced::new(payment, view.row.payment.attempts, at))
}

/// Makes the announced attempt until `deadline` and records its end. Returns what it proved, and the payment as it then
/// is; `None` for the payment when that could not be recorded: the journal then treats the attempt as in doubt. An
/// attempt in doubt is queried after `ask_after`. What is learned after `heard_until` becomes an event too.
pub(super) async fn attempt(
    payment: &Journalled<'_>,
    announced: Announced<'_>,
    deadline: Instant,
    ask_after: Duration,
    heard_until: Option<Instant>,
) -> (Verdict, Option<PaymentView>) {
    let attempt = announced.attempt;
    let verdict = payment.egress.attempt(payment.call, deadline, Some(&announced)).await;
    let verdict = announced.verdict(verdict);
    for count in 0..CONCLUDE_TRIES {
        let now = payment.egress.clock.now();
        let event = event::unless_heard(heard_until, payment.call, None, verdict.reason(), now);
        let (conclusion, query_after_ms) = (conclusion(payment, &verdict), milliseconds(ask_after));
        let now_ms = now.as_millisecond();
        let step = Step::Conclude { attempt, conclusion, query_after_ms, event, now_ms };
        match payment.step(step).await {
            Ok(view) => return (verdict, Some(view)),
            Err(error) => payment.unwritten(&error),
        }
        tokio::time::sleep(backoff::in_call(count, 1.0)).await;
    }
    (verdict, None)
}

/// What an attempt proved, as an input for the journal.
fn conclusion(payment: &Journalled<'_>, verdict: &Verdict) -> Conclusion {
    let reason = || verdict.reason();
    match verdict {
        Verdict::Answered { answer, understood } => Conclusion::Answered {
            code: understood.code,
            meaning: understood.meaning,
            provider_reference: payment
                .call
                .reported_by(understood, payment.egress.clock.now())
                .and_then(|reported| reported.provider_reference),
            answer: stored(answer),
        },
        Verdict::InDoubt(_) => Conclusion::InDoubt { reason: reason() },
        Verdict::NotSent(_) | Verdict::Settled(_) => Conclusion::NotSent { reason: reason() },
    }
}
