//! One transaction as the sandbox stores it, and as its own pages show it.

use serde_json::{Map, Value, json};

/// What kind of thing a transaction is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Product {
    #[default]
    Payout,
    Qr,
    WebPay,
    Refund,
    Void,
    Authorization,
    Debit,
}

impl Product {
    /// Whether money leaves the merchant's balance.
    pub fn spends(self) -> bool {
        match self {
            Self::Payout | Self::Refund | Self::Void => true,
            Self::Qr | Self::WebPay | Self::Authorization | Self::Debit => false,
        }
    }
}

/// The status of a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    #[default]
    Pending,
    Completed,
    Failed,
    Cancelled,
}

impl Status {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Completed, Self::Failed, Self::Cancelled];
}

/// A status and when it was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub status: Status,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// A transaction.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    /// Counts up from 1 over all merchants.
    pub serial: u64,
    pub app_id: String,
    /// The operation that made it.
    pub operation: String,
    pub product: Product,
    /// The merchant's own id.
    pub reference: String,
    pub idempotency_id: Option<String>,
    /// The provider's id.
    pub transaction_id: String,
    /// Minor units.
    pub amount: Option<i64>,
    pub status: Status,
    /// The code with which it fails, if it fails.
    pub failed_code: Option<i64>,
    /// Unix milliseconds.
    pub created_at_ms: i64,
    /// How often its reference or idempotency id was received, including the first time.
    pub seen: u64,
    /// The provider's id of the transaction that a refund or void is about.
    pub original: Option<String>,
    /// Every status it has had, in order.
    pub history: Vec<Change>,
    /// The parameters it was made with.
    pub parameters: Map<String, Value>,
    /// When (Unix ms) it leaves `PENDING`, and for which status; never by itself when `None`.
    pub settles: Option<(i64, Status)>,
}

impl Transaction {
    /// When it left `PENDING`, in Unix milliseconds.
    pub fn returned_at_ms(&self) -> Option<i64> {
        self.history.iter().find(|change| change.status != Status::Pending).map(|c| c.at_ms)
    }

    /// When its status last changed, in Unix milliseconds.
    pub fn updated_at_ms(&self) -> i64 {
        self.history.last().map_or(self.created_at_ms, |change| change.at_ms)
    }

    /// A text parameter it was made with.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).and_then(Value::as_str)
    }

    /// The row of `GET /_sandbox/transactions`: what a test counts and compares, without the parameters, which are in
    /// the request log. `word` gives the provider's word for a status.
    pub fn row(&self, word: impl Fn(Product, Status) -> &'static str) -> Value {
        let word = |status| word(self.product, status);
        let change = |it: &Change| json!({"status": word(it.status), "at": rfc3339(it.at_ms)});
        json!({
            "app_id": self.app_id,
            "operation": self.operation,
            "reference": self.reference,
            "idempotency_id": self.idempotency_id,
            "transaction_id": self.transaction_id,
            "original_transaction_id": self.original,
            "amount": self.amount,
            "status": word(self.status),
            "failed_code": self.failed_code.filter(|_| self.status == Status::Failed),
            "created_at": rfc3339(self.created_at_ms),
            "seen": self.seen,
            "history": self.history.iter().map(change).collect::<Vec<_>>(),
        })
    }
}

/// The sandbox's own pages write times with their offset, so that no reader has to guess.
pub fn rfc3339(unix_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(unix_ms).unwrap_or(jiff::Timestamp::MAX).to_string()
}
