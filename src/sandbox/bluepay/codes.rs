//! The provider's answer codes. They are the documented ones; where a case has no documented code, the choice is ours and
//! `docs/sandbox.md` says so.

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    GeneralError,
    SignError,
    ParamError,
    AppIdError,
    NotFound,
    DuplicateOrderId,
    TimestampError,
    TimestampExpired,
    BalanceInsufficient,
    DuplicateIdempotencyId,
    CancelNotAllowed,
    RefundNotAllowed,
    RefundTooOld,
    RefundAmountInvalid,
    DuplicateRefundOrderId,
    OriginalNotCompleted,
    RefundPending,
    VoidNotSuccessful,
    VoidOverTheDay,
    AlreadyVoided,
    DuplicateVoidOrderId,
}

impl Code {
    /// The number in the answer.
    pub fn number(self) -> i64 {
        self.documented().0
    }

    /// The number and the provider's words for it.
    fn documented(self) -> (i64, &'static str) {
        match self {
            Self::GeneralError => (21000, "Server error, try again later"),
            Self::SignError => (21001, "Request sign error"),
            Self::ParamError => (21002, "Request param error"),
            Self::AppIdError => (21003, "Request appId error"),
            Self::NotFound => (21006, "Merchant transaction not found"),
            Self::DuplicateOrderId => (21007, "Duplicate merchant order id"),
            Self::TimestampError => (21008, "Request timestamp error"),
            Self::TimestampExpired => (21009, "Request timestamp expired"),
            Self::BalanceInsufficient => (21014, "Merchant balance insufficient"),
            Self::DuplicateIdempotencyId => (21015, "Duplicate idempotencyId"),
            Self::CancelNotAllowed => (21025, "Not allowed to cancel"),
            Self::RefundNotAllowed => (21402, "Not allowed to refund"),
            Self::RefundTooOld => (21403, "Transactions older than 60 days cannot be refunded"),
            Self::RefundAmountInvalid => (21406, "Refund amount invalid"),
            Self::DuplicateRefundOrderId => (21407, "mchRefundOrderId repeated"),
            Self::OriginalNotCompleted => (21408, "Original transaction not completed"),
            Self::RefundPending => (21409, "Original transaction already has a pending refund"),
            Self::VoidNotSuccessful => (21500, "Original transaction status is not success"),
            Self::VoidOverTheDay => (21503, "Cannot void over the day"),
            Self::AlreadyVoided => (21504, "Original transaction already voided"),
            Self::DuplicateVoidOrderId => (21505, "Duplicate void order id"),
        }
    }
}

/// A refusal as the provider words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    /// The provider's words for the code, with what exactly is wrong where that helps.
    pub message: String,
}

impl Refusal {
    /// A refusal that says what exactly is wrong; people debug against the sandbox.
    pub fn because(code: Code, detail: impl std::fmt::Display) -> Self {
        Self { code, message: format!("{}: {detail}", code.documented().1) }
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self { code, message: code.documented().1.to_string() }
    }
}
