//! One transaction as the sandbox keeps it, and as its own pages show it.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// What kind of thing a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Product {
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

    /// How the provider's examples begin ids of this kind; refund and void ids are our choice.
    fn id_prefix(self) -> &'static str {
        match self {
            Self::Payout => "D",
            Self::Qr | Self::WebPay | Self::Debit => "C",
            Self::Refund => "R",
            Self::Void => "V",
            Self::Authorization => "TK",
        }
    }
}

/// How far a transaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Pending,
    Completed,
    Failed,
    Cancelled,
}

impl Status {
    /// The provider's word. A refund is `COMPLETE` without the D, as the provider's own example writes it.
    pub fn word(self, product: Product) -> &'static str {
        match (product, self) {
            (Product::Authorization, Self::Completed) => "ACTIVED",
            (Product::Authorization, Self::Cancelled) => "INACTIVED",
            (Product::Refund, Self::Completed) => "COMPLETE",
            (_, Self::Completed) => "COMPLETED",
            (_, Self::Pending) => "PENDING",
            (_, Self::Failed) => "FAILED",
            (_, Self::Cancelled) => "CANCELLED",
        }
    }
}

/// A status and when it was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub status: Status,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// A transaction.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Counts up over all merchants.
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
    /// Set when it fails.
    pub failed_code: Option<i64>,
    /// Unix milliseconds.
    pub created_at_ms: i64,
    /// How often its reference or idempotency id came in, the first time included.
    pub seen: u64,
    /// The provider's id of the transaction that a refund or void is about.
    pub original: Option<String>,
    /// Every status it has had, in order.
    pub history: Vec<Change>,
    /// The parameters it was made with.
    pub parameters: Map<String, Value>,
    pub settles_at_ms: Option<i64>,
    pub settles_as: Status,
}

/// What a transaction is made of, before it has ids of the provider's.
pub struct Draft {
    pub operation: String,
    pub product: Product,
    pub reference: String,
    pub idempotency_id: Option<String>,
    pub amount: Option<i64>,
    pub original: Option<String>,
    pub parameters: Map<String, Value>,
    /// When (Unix ms) it leaves `PENDING`, and for what; never by itself when `None`.
    pub settles: Option<(i64, Status)>,
    pub failed_code: Option<i64>,
}

impl Draft {
    pub fn new(operation: &str, product: Product, reference: &str) -> Self {
        Self {
            operation: operation.to_string(),
            product,
            reference: reference.to_string(),
            idempotency_id: None,
            amount: None,
            original: None,
            parameters: Map::new(),
            settles: None,
            failed_code: None,
        }
    }

    pub fn opened(self, app_id: &str, serial: u64, now_ms: i64) -> Transaction {
        Transaction {
            serial,
            app_id: app_id.to_string(),
            operation: self.operation,
            product: self.product,
            reference: self.reference,
            idempotency_id: self.idempotency_id,
            transaction_id: format!("{}{now_ms:013}{serial:06}", self.product.id_prefix()),
            amount: self.amount,
            status: Status::Pending,
            failed_code: self.failed_code,
            created_at_ms: now_ms,
            seen: 1,
            original: self.original,
            history: Vec::new(),
            parameters: self.parameters,
            settles_at_ms: self.settles.map(|(at, _)| at),
            settles_as: self.settles.map_or(Status::Pending, |(_, status)| status),
        }
    }
}

impl Transaction {
    /// The provider's word for its status.
    pub fn status_word(&self) -> &'static str {
        self.status.word(self.product)
    }

    /// When it left `PENDING`, in Unix milliseconds.
    pub fn returned_at_ms(&self) -> Option<i64> {
        self.history.iter().find(|change| change.status != Status::Pending).map(|c| c.at_ms)
    }

    /// Where the request that made it wants to be told; a payout's cannot say.
    pub fn notify_url(&self) -> Option<&str> {
        self.text(match self.product {
            Product::Refund => "refundCallbackUrl",
            _ => "notifyUrl",
        })
    }

    /// When its status last changed, in Unix milliseconds.
    pub fn updated_at_ms(&self) -> i64 {
        self.history.last().map_or(self.created_at_ms, |change| change.at_ms)
    }

    /// A text parameter it was made with.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).and_then(Value::as_str)
    }
}

impl Serialize for Transaction {
    /// The row of `GET /_sandbox/transactions`: what a test counts and compares, without the parameters, which stand
    /// in the request log.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let history: Vec<Value> = self
            .history
            .iter()
            .map(|change| {
                let status = change.status.word(self.product);
                serde_json::json!({"status": status, "at": rfc3339(change.at_ms)})
            })
            .collect();
        serde_json::json!({
            "app_id": self.app_id,
            "operation": self.operation,
            "reference": self.reference,
            "idempotency_id": self.idempotency_id,
            "transaction_id": self.transaction_id,
            "original_transaction_id": self.original,
            "amount": self.amount,
            "status": self.status_word(),
            "failed_code": self.failed_code.filter(|_| self.status == Status::Failed),
            "created_at": rfc3339(self.created_at_ms),
            "seen": self.seen,
            "history": history,
        })
        .serialize(serializer)
    }
}

/// The sandbox's own pages write times with their offset, so that nobody has to guess.
pub fn rfc3339(unix_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(unix_ms).unwrap_or(jiff::Timestamp::MAX).to_string()
}
