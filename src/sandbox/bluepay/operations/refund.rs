//! Refunds and voids: money from a completed payment that goes back to the payer.

use serde_json::Value;

use crate::sandbox::bluepay::call::{Outcome, bad};
use crate::sandbox::bluepay::codes::{Code, Refusal};
use crate::sandbox::bluepay::text::{Members, date};
use crate::sandbox::bluepay::words::status_word;
use crate::sandbox::engine::dialect::Call;
use crate::sandbox::engine::transaction::{Product, Status, Transaction};

/// How long after a payment it may be refunded, in milliseconds.
const REFUND_WITHIN_MS: i64 = 60 * 24 * 60 * 60 * 1_000;

pub fn create(call: &mut Call<'_>) -> Outcome {
    let reference = call.id("mchRefundOrderId")?;
    let original = call.id("originalTransactionId")?.to_string();
    let amount = call.parameters.get("refundAmount").and_then(Value::as_i64).unwrap_or(0);
    let steering = call.text("refundReason");
    let draft =
        call.draft(Product::Refund, reference, steering, Code::DUPLICATE_REFUND_ORDER_ID)?;
    check_refundable(call, &original, amount)?;
    let refund =
        call.open(Transaction { amount: Some(amount), original: Some(original), ..draft })?;
    Ok(Members::default()
        .with("mchRefundOrderId", reference)
        .with("refundTransactionId", refund.transaction_id.as_str())
        .with("refundCreateTime", call.time(refund.created_at_ms))
        .with("refundAmount", refund.amount)
        .with("refundStatus", status_word(refund.product, refund.status))
        .into())
}

fn check_refundable(call: &Call<'_>, original: &str, amount: i64) -> Result<(), Refusal> {
    let payment = collected(call, original, Code::REFUND_NOT_ALLOWED)?;
    if payment.status != Status::Completed {
        return Err(Code::ORIGINAL_NOT_COMPLETED.into());
    }
    if call.now_ms.saturating_sub(payment.created_at_ms) > REFUND_WITHIN_MS {
        return Err(Code::REFUND_TOO_OLD.into());
    }
    if voided(call, original) {
        return Err(Code::REFUND_NOT_ALLOWED.into());
    }
    if refunds(call, original).any(|refund| refund.status == Status::Pending) {
        return Err(Code::REFUND_PENDING.into());
    }
    let refunded: i64 = refunds(call, original).filter_map(kept_amount).sum();
    match amount > 0 && amount <= payment.amount.unwrap_or(0) - refunded {
        true => Ok(()),
        false => Err(Code::REFUND_AMOUNT_INVALID.into()),
    }
}

/// A list, as the provider documents it. There is no lookup by the merchant's own refund id.
pub fn status(call: &mut Call<'_>) -> Outcome {
    let (id, original) = (call.text("refundTransactionId"), call.text("originalTransactionId"));
    let found: Vec<Value> = match (id, original) {
        (Some(id), original) => {
            let refund = call.ledger.of(Product::Refund).find(|it| it.transaction_id == id);
            let refund =
                refund.filter(|it| original.is_none() || it.original.as_deref() == original);
            vec![refund_row(call, refund.ok_or(Code::NOT_FOUND)?)]
        }
        (None, Some(original)) => {
            call.ledger.by_transaction_id(original).ok_or(Code::NOT_FOUND)?;
            refunds(call, original).map(|refund| refund_row(call, refund)).collect()
        }
        (None, None) => {
            return Err(bad("originalTransactionId", "or `refundTransactionId` is required"));
        }
    };
    Ok(Value::Array(found))
}

fn refund_row(call: &Call<'_>, refund: &Transaction) -> Value {
    Members::default()
        .with("mchRefundOrderId", refund.reference.as_str())
        .with("originalTransactionId", refund.original.as_deref())
        .with("refundTransactionId", refund.transaction_id.as_str())
        .with("refundAmount", refund.amount)
        .with("feeRefunded", 0)
        .with("refundStatus", status_word(refund.product, refund.status))
        .with("refundCreateTime", call.time(refund.created_at_ms))
        .with("refundReturnTime", call.returned(refund))
        .failure(refund, refund.status)
        .into()
}

/// No public page names a void's members, only its codes: these names are guesses by analogy with the refund.
pub fn void(call: &mut Call<'_>) -> Outcome {
    let reference = call.need_one_of(&["mchVoidOrderId", "mchOrderId"])?;
    let original = call.need_one_of(&["originalTransactionId", "transactionId"])?.to_string();
    let draft = call.draft(Product::Void, reference, None, Code::DUPLICATE_VOID_ORDER_ID)?;
    let payment = collected(call, &original, Code::VOID_NOT_SUCCESSFUL)?;
    let amount = payment.amount;
    let same_day = date(payment.created_at_ms, call.sandbox.timezone)
        == date(call.now_ms, call.sandbox.timezone);
    if voided(call, &original) {
        return Err(Code::ALREADY_VOIDED.into());
    }
    if payment.status != Status::Completed
        || refunds(call, &original).any(|it| kept_amount(it).is_some())
    {
        return Err(Code::VOID_NOT_SUCCESSFUL.into());
    }
    if !same_day {
        return Err(Code::VOID_OVER_THE_DAY.into());
    }
    let original = Some(original);
    let void = call.open(Transaction { amount, original, settles: None, ..draft })?;
    call.ledger.end(&void.transaction_id, Status::Completed, call.now_ms);
    Ok(Members::default()
        .with("mchVoidOrderId", reference)
        .with("originalTransactionId", void.original.as_deref())
        .with("voidTransactionId", void.transaction_id.as_str())
        .with("amount", amount)
        .with("transactionStatus", status_word(Product::Void, Status::Completed))
        .with("createTime", call.time(void.created_at_ms))
        .into())
}

/// The payment `original`; refused with `otherwise` when that transaction collected nothing.
fn collected<'l>(
    call: &'l Call<'_>,
    original: &str,
    otherwise: Code,
) -> Result<&'l Transaction, Refusal> {
    let payment = call.ledger.by_transaction_id(original).ok_or(Code::NOT_FOUND)?;
    match payment.product {
        Product::Qr | Product::WebPay | Product::Debit => Ok(payment),
        Product::Payout | Product::Refund | Product::Void | Product::Authorization => {
            Err(otherwise.into())
        }
    }
}

fn refunds<'l>(call: &'l Call<'_>, original: &'l str) -> impl Iterator<Item = &'l Transaction> {
    let all = call.ledger.of(Product::Refund);
    all.filter(move |refund| refund.original.as_deref() == Some(original))
}

fn voided(call: &Call<'_>, original: &str) -> bool {
    call.ledger.of(Product::Void).any(|void| void.original.as_deref() == Some(original))
}

/// The amount that a refund takes from its payment: nothing once it has failed.
fn kept_amount(refund: &Transaction) -> Option<i64> {
    refund.amount.filter(|_| matches!(refund.status, Status::Pending | Status::Completed))
}
