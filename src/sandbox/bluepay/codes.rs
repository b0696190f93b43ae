//! The provider's answer codes. They are the documented ones; where a case has no documented code, we chose one, and
//! `docs/sandbox.md` says so.

/// A code with the provider's words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(i64, &'static str);

impl Code {
    pub const GENERAL_ERROR: Self = Self(21000, "Server error, try again later");
    pub const SIGN_ERROR: Self = Self(21001, "Request sign error");
    pub const PARAM_ERROR: Self = Self(21002, "Request param error");
    pub const APP_ID_ERROR: Self = Self(21003, "Request appId error");
    pub const NOT_FOUND: Self = Self(21006, "Merchant transaction not found");
    pub const DUPLICATE_ORDER_ID: Self = Self(21007, "Duplicate merchant order id");
    pub const TIMESTAMP_ERROR: Self = Self(21008, "Request timestamp error");
    pub const TIMESTAMP_EXPIRED: Self = Self(21009, "Request timestamp expired");
    pub const BALANCE_INSUFFICIENT: Self = Self(21014, "Merchant balance insufficient");
    pub const DUPLICATE_IDEMPOTENCY_ID: Self = Self(21015, "Duplicate idempotencyId");
    pub const CANCEL_NOT_ALLOWED: Self = Self(21025, "Not allowed to cancel");
    pub const REFUND_NOT_ALLOWED: Self = Self(21402, "Not allowed to refund");
    pub const REFUND_TOO_OLD: Self =
        Self(21403, "Transactions older than 60 days cannot be refunded");
    pub const REFUND_AMOUNT_INVALID: Self = Self(21406, "Refund amount invalid");
    pub const DUPLICATE_REFUND_ORDER_ID: Self = Self(21407, "mchRefundOrderId repeated");
    pub const ORIGINAL_NOT_COMPLETED: Self = Self(21408, "Original transaction not completed");
    pub const REFUND_PENDING: Self =
        Self(21409, "Original transaction already has a pending refund");
    pub const VOID_NOT_SUCCESSFUL: Self = Self(21500, "Original transaction status is not success");
    pub const VOID_OVER_THE_DAY: Self = Self(21503, "Cannot void over the day");
    pub const ALREADY_VOIDED: Self = Self(21504, "Original transaction already voided");
    pub const DUPLICATE_VOID_ORDER_ID: Self = Self(21505, "Duplicate void order id");

    /// The number in the answer.
    pub fn number(self) -> i64 {
        self.0
    }
}

/// A refusal as the provider words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    /// The provider's words for the code, with the exact mistake where that helps.
    pub message: String,
}

impl Refusal {
    /// A refusal that says exactly what is wrong, because people debug with the sandbox.
    pub fn because(code: Code, detail: impl std::fmt::Display) -> Self {
        Self { code, message: format!("{}: {detail}", code.1) }
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self { code, message: code.1.to_string() }
    }
}
