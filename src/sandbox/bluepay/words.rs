//! The provider's words: for statuses, events, ids and failures.

use crate::sandbox::engine::transaction::{Product, Status};

/// The word for a status. A refund is `COMPLETE` without the D, as the provider's own example writes it.
pub fn status_word(product: Product, status: Status) -> &'static str {
    match (product, status) {
        (Product::Authorization, Status::Completed) => "ACTIVED",
        (Product::Authorization, Status::Cancelled) => "INACTIVED",
        (Product::Refund, Status::Completed) => "COMPLETE",
        (_, Status::Completed) => "COMPLETED",
        (_, Status::Pending) => "PENDING",
        (_, Status::Failed) => "FAILED",
        (_, Status::Cancelled) => "CANCELLED",
    }
}

/// The prefix of ids of this kind in the provider's examples; those of refunds and voids are our choice.
pub fn id_prefix(product: Product) -> &'static str {
    match product {
        Product::Payout => "D",
        Product::Qr | Product::WebPay | Product::Debit => "C",
        Product::Refund => "R",
        Product::Void => "V",
        Product::Authorization => "TK",
    }
}

/// The documented event name. There is none for a pending transaction: such a notification exists as a fault only, and
/// its status says what it is.
pub fn event_of(product: Product, status: Status) -> &'static str {
    let failed = status == Status::Failed;
    match product {
        Product::Payout if failed => "disbursement.failed",
        Product::Payout => "disbursement.success",
        Product::Qr if failed => "qrcode.payment.failed",
        Product::Qr => "qrcode.payment.success",
        Product::WebPay if failed => "order.payment.failed",
        Product::WebPay => "order.payment.success",
        Product::Refund if failed => "payment.refund.failed",
        Product::Refund if status == Status::Cancelled => "payment.refund.cancel",
        Product::Refund => "payment.refund.success",
        Product::Authorization if failed => "token.create.failed",
        Product::Authorization if status == Status::Cancelled => "token.cancel.success",
        Product::Authorization => "token.create.success",
        Product::Debit if failed => "direct.debit.failed",
        Product::Debit => "direct.debit.success",
        Product::Void => "",
    }
}

/// The provider's words for why a transaction failed, by its `failedCode`.
pub fn failed_message(failed_code: i64) -> &'static str {
    match failed_code {
        -10000 => "Transaction Service Error",
        -10001 => "Transaction Exceed Limit",
        -10002 => "Transaction Params Error",
        -10003 => "Transaction Insufficient Balance",
        -10005 => "Transaction Destination Account Error",
        -10006 => "Transaction Network Reject",
        -10009 => "Channel Refund Failed",
        _ => "Transaction Channel Rejected",
    }
}
