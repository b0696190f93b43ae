//! Payouts: money that leaves the balance with the request and comes back when the payout fails.

use crate::sandbox::bluepay::call::{Outcome, bad};
use crate::sandbox::bluepay::codes::{Code, Refusal};
use crate::sandbox::bluepay::text::Members;
use crate::sandbox::bluepay::words::status_word;
use crate::sandbox::engine::dialect::Call;
use crate::sandbox::engine::transaction::{Product, Transaction};

pub fn create(call: &mut Call<'_>) -> Outcome {
    let reference = call.id("mchOrderId")?;
    let idempotency_id = call.id("idempotencyId")?;
    let amount = call.amount("amount")?;
    check_beneficiary(call)?;
    let steering = call.text("remark");
    let draft = call.draft(Product::Payout, reference, steering, Code::DUPLICATE_ORDER_ID)?;
    if call.ledger.has_seen_idempotency_id(idempotency_id) {
        return Err(Code::DUPLICATE_IDEMPOTENCY_ID.into());
    }
    let payout = call.open(Transaction {
        idempotency_id: Some(idempotency_id.to_string()),
        amount: Some(amount),
        ..draft
    })?;
    Ok(Members::default()
        .with("mchOrderId", reference)
        .with("transactionId", payout.transaction_id.as_str())
        .with("transactionStatus", status_word(Product::Payout, payout.status))
        .with("transactionTime", call.time(payout.created_at_ms))
        .into())
}

/// The required members depend on how the money is sent.
fn check_beneficiary(call: &Call<'_>) -> Result<(), Refusal> {
    let required: &[&str] = match call.need("payMethodCode")? {
        "BANK" => &["transferCode", "accountName", "accountType", "accountTaxId", "mobile"],
        "PROMPTPAY" => &["promptpayAccountType"],
        _ => return Err(bad("payMethodCode", "is not one of `BANK`, `PROMPTPAY`")),
    };
    call.need("accountNo")?;
    call.need_all(required)
}

pub fn status(call: &mut Call<'_>) -> Outcome {
    let payout = call.ordered(Product::Payout)?;
    Ok(Members::default()
        .with("mchOrderId", payout.reference.as_str())
        .with("transactionId", payout.transaction_id.as_str())
        .with("amount", payout.amount)
        .with("transactionStatus", status_word(Product::Payout, payout.status))
        .with("createTime", call.time(payout.created_at_ms))
        .with("returnTime", call.returned(payout))
        .echo(payout, &["remark"])
        .failure(payout, payout.status)
        .into())
}
