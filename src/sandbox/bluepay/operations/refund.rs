//! Refunds and voids: money of a completed payment that goes back to the payer.

use serde_json::Value;

use super::{Call, Outcome, bad, failed_code, failed_message, present};
use crate::sandbox::bluepay::answers::{self, Code, Refusal};
use crate::sandbox::engine::transaction::{Draft, Product, Status, Transaction};

/// How long after a payment it may be refunded, in milliseconds.
const REFUND_WITHIN_MS: i64 = 60 * 24 * 60 * 60 * 1_000;

pub fn create(call: &mut Call<'_>) -> Outcome {
    let reference = call.id("mchRefundOrderId")?;
    let original = call.id("originalTransactionId")?.to_string();
    let amount = call.parameters.get("refundAmount").and_then(Value::as_i64).unwrap_or(0);
    call.ledger.refuse_reference(Product::Refund, reference, Code::DuplicateRefundOrderId)?;
    check_refundable(call, &original, amount)?;
    let refund = call.open(Draft {
        amount: Some(amount),
        original: Some(original),
        ..call.draft(Product::Refund, reference, call.text("refundReason"))
    })?;
    Ok(present([
        ("mchRefundOrderId", reference.into()),
        ("refundTransactionId", refund.transaction_id.as_str().into()),
        ("refundCreateTime", call.time(refund.created_at_ms).into()),
        ("refundAmount", refund.amount.into()),
        ("refundStatus", refund.status_word().into()),
    ]))
}

fn check_refundable(call: &Call<'_>, original: &str, amount: i64) -> Result<(), Refusal> {
    let payment = collected(call, original, Code::RefundNotAllowed)?;
    if payment.status != Status::Completed {
        return Err(Code::OriginalNotCompleted.into());
    }
    if call.now_ms.saturating_sub(payment.created_at_ms) > REFUND_WITHIN_MS {
        return Err(Code::RefundTooOld.into());
    }
    if voided(call, original) {
        return Err(Code::RefundNotAllowed.into());
    }
    if refunds(call, original).any(|refund| refund.status == Status::Pending) {
        return Err(Code::RefundPending.into());
    }
    let refunded: i64 = refunds(call, original).filter_map(kept_amount).sum();
    match amount > 0 && amount <= payment.amount.unwrap_or(0) - refunded {
        true => Ok(()),
        false => Err(Code::RefundAmountInvalid.into()),
    }
}

/// A list, as the provider documents it. There is no lookup by the merchant's own refund id.
pub fn status(call: &mut Call<'_>) -> Outcome {
    let found: Vec<Value> =
        match (call.text("refundTransactionId"), call.text("originalTransactionId")) {
            (Some(id), original) => {
                let refund =
                    call.ledger.by_transaction_id(id).filter(|it| it.product == Product::Refund);
                let refund =
                    refund.filter(|it| original.is_none() || it.original.as_deref() == original);
                vec![refund_row(call, refund.ok_or(Code::NotFound)?)]
            }
            (None, Some(original)) => {
                call.ledger.by_transaction_id(original).ok_or(Code::NotFound)?;
                refunds(call, original).map(|refund| refund_row(call, refund)).collect()
            }
            (None, None) => {
                return Err(bad("originalTransactionId", "or `refundTransactionId` is required"));
            }
        };
    Ok(Value::Array(found))
}

fn refund_row(call: &Call<'_>, refund: &Transaction) -> Value {
    present([
        ("mchRefundOrderId", refund.reference.as_str().into()),
        ("originalTransactionId", refund.original.as_deref().into()),
        ("refundTransactionId", refund.transaction_id.as_str().into()),
        ("refundAmount", refund.amount.into()),
        ("feeRefunded", 0.into()),
        ("refundStatus", refund.status_word().into()),
        ("refundCreateTime", call.time(refund.created_at_ms).into()),
        ("refundReturnTime", call.returned(refund).into()),
        ("failedCode", failed_code(refund).into()),
        ("failedMessage", failed_message(refund).into()),
    ])
}

/// No public page names a void's members, only its codes: these names are guesses by analogy with the refund.
pub fn void(call: &mut Call<'_>) -> Outcome {
    let reference = call.need_one_of(&["mchVoidOrderId", "mchOrderId"])?;
    let original = call.need_one_of(&["originalTransactionId", "transactionId"])?.to_string();
    call.ledger.refuse_reference(Product::Void, reference, Code::DuplicateVoidOrderId)?;
    let payment = collected(call, &original, Code::VoidNotSuccessful)?;
    let amount = payment.amount;
    let same_day =
        answers::date(payment.created_at_ms, call.zone) == answers::date(call.now_ms, call.zone);
    if voided(call, &original) {
        return Err(Code::AlreadyVoided.into());
    }
    if payment.status != Status::Completed
        || refunds(call, &original).any(|it| kept_amount(it).is_some())
    {
        return Err(Code::VoidNotSuccessful.into());
    }
    if !same_day {
        return Err(Code::VoidOverTheDay.into());
    }
    let draft = Draft {
        amount,
        original: Some(original.clone()),
        settles: None,
        ..call.draft(Product::Void, reference, None)
    };
    let void = call.open(draft)?;
    call.ledger.end(&void.transaction_id, Status::Completed, call.now_ms);
    Ok(present([
        ("mchVoidOrderId", reference.into()),
        ("originalTransactionId", original.into()),
        ("voidTransactionId", void.transaction_id.as_str().into()),
        ("amount", amount.into()),
        ("transactionStatus", Status::Completed.word(Product::Void).into()),
        ("createTime", call.time(void.created_at_ms).into()),
    ]))
}

/// The payment `original`; refused with `otherwise` when it is a transaction that collected nothing.
fn collected<'l>(
    call: &'l Call<'_>,
    original: &str,
    otherwise: Code,
) -> Result<&'l Transaction, Refusal> {
    let payment = call.ledger.by_transaction_id(original).ok_or(Code::NotFound)?;
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

/// What a refund takes from its payment: nothing once it has failed.
fn kept_amount(refund: &Transaction) -> Option<i64> {
    refund.amount.filter(|_| matches!(refund.status, Status::Pending | Status::Completed))
}
