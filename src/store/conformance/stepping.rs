//! Short forms of the steps of a payment, for tests.

use async_trait::async_trait;

use crate::payment::Rules;
use crate::store::{
    Closure, Conclusion, Due, Journal, JournalError, OutcomeEvent, PaymentId, PaymentView,
    QueryAnswer, QueryTimes, Step, StoreError,
};

type Stepped = Result<PaymentView, JournalError>;

type Claimed = Result<Vec<PaymentView>, StoreError>;

/// The event that a test passes with a step, if any.
type Event = Option<OutcomeEvent>;

/// Every step, with its arguments listed in order.
#[async_trait]
pub(in crate::store) trait Stepping: Journal {
    async fn about_to_send(
        &self,
        id: &PaymentId,
        rules: Rules,
        now_ms: i64,
    ) -> Result<u32, JournalError> {
        let view = self.step(id, Step::AboutToSend { rules, now_ms }).await?;
        Ok(view.row.payment.attempts)
    }

    async fn conclude(
        &self,
        id: &PaymentId,
        attempt: u32,
        conclusion: Conclusion,
        query_after_ms: i64,
        event: Event,
        now_ms: i64,
    ) -> Stepped {
        let event = event.map(Box::new);
        self.step(id, Step::Conclude { attempt, conclusion, query_after_ms, event, now_ms }).await
    }

    async fn give_up(&self, id: &PaymentId, reason: &str, now_ms: i64) -> Stepped {
        self.step(id, Step::GiveUp { reason: reason.to_owned(), now_ms }).await
    }

    async fn close_case(
        &self,
        id: &PaymentId,
        closure: Closure,
        event: Event,
        now_ms: i64,
    ) -> Stepped {
        self.step(id, Step::Close { closure, event: event.map(Box::new), now_ms }).await
    }

    async fn asked(
        &self,
        id: &PaymentId,
        answer: QueryAnswer,
        rules: Rules,
        times: QueryTimes,
        event: Event,
    ) -> Stepped {
        self.step(id, Step::Queried { answer, rules, times, event: event.map(Box::new) }).await
    }

    async fn claim_unknown(&self, account: &str, limit: usize, lease_ms: i64) -> Claimed {
        self.claim_due(account, Due::InDoubt, limit, lease_ms).await
    }

    async fn claim_unnoticed(&self, account: &str, limit: usize, lease_ms: i64) -> Claimed {
        self.claim_due(account, Due::Unnoticed, limit, lease_ms).await
    }

    async fn promise_event(&self, id: &PaymentId) -> Stepped {
        self.step(id, Step::PromiseEvent).await
    }

    async fn note_unheard(&self, id: &PaymentId) -> Stepped {
        self.step(id, Step::NoteUnheard).await
    }

    async fn tell_owed(&self, id: &PaymentId, event: OutcomeEvent, now_ms: i64) -> Stepped {
        self.step(id, Step::TellOwed { event: Box::new(event), now_ms }).await
    }
}

impl<J: Journal + ?Sized> Stepping for J {}
