//! Payouts: money that leaves the balance when it is asked for and comes back when the payout fails.

use super::{Call, Outcome, bad, failed_code, failed_message, present};
use crate::sandbox::bluepay::answers::Code;
use crate::sandbox::bluepay::answers::Refusal;
use crate::sandbox::engine::transaction::{Draft, Product};

pub fn create(call: &mut Call<'_>) -> Outcome {
    let reference = call.id("mchOrderId")?;
    let idempotency_id = call.id("idempotencyId")?;
    let amount = call.amount("amount")?;
    check_beneficiary(call)?;
    call.ledger.refuse_reference(Product::Payout, reference, Code::DuplicateOrderId)?;
    call.ledger.refuse_idempotency_id(idempotency_id)?;
    let payout = call.open(Draft {
        idempotency_id: Some(idempotency_id.to_string()),
        amount: Some(amount),
        ..call.draft(Product::Payout, reference, call.text("remark"))
    })?;
    Ok(present([
        ("mchOrderId", reference.into()),
        ("transactionId", payout.transaction_id.as_str().into()),
        ("transactionStatus", payout.status_word().into()),
        ("transactionTime", call.time(payout.created_at_ms).into()),
    ]))
}

/// What is required depends on how the money travels.
fn check_beneficiary(call: &Call<'_>) -> Result<(), Refusal> {
    let required: &[&str] = match call.need("payMethodCode")? {
        "BANK" => &["transferCode", "accountName", "accountType", "accountTaxId", "mobile"],
        "PROMPTPAY" => &["promptpayAccountType"],
        _ => return Err(bad("payMethodCode", "is not one of `BANK`, `PROMPTPAY`")),
    };
    call.need("accountNo")?;
    required.iter().try_for_each(|name| call.need(name).map(drop))
}

pub fn status(call: &mut Call<'_>) -> Outcome {
    let payout = call.find(Product::Payout, call.id("mchOrderId")?)?;
    Ok(present([
        ("mchOrderId", payout.reference.as_str().into()),
        ("transactionId", payout.transaction_id.as_str().into()),
        ("amount", payout.amount.into()),
        ("transactionStatus", payout.status_word().into()),
        ("createTime", call.time(payout.created_at_ms).into()),
        ("returnTime", call.returned(payout).into()),
        ("remark", payout.text("remark").into()),
        ("failedCode", failed_code(payout).into()),
        ("failedMessage", failed_message(payout).into()),
    ]))
}
