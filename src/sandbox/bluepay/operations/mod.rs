//! What each operation does and answers, one file per product.
//!
//! The list is the table in [`perform`], in the order of the provider's documentation.

mod collection;
mod debit;
mod payout;
mod refund;

use serde_json::json;

use super::call::Outcome;
use super::codes::{Code, Refusal};
use super::text::major;
use crate::sandbox::engine::dialect::Call;

/// Carries out one call.
pub fn perform(call: &mut Call<'_>) -> Outcome {
    match call.operation {
        "balance" => Ok(json!({"balance": major(call.ledger.balance())})),
        "payout_create" => payout::create(call),
        "payout_status" => payout::status(call),
        "qr_create" => collection::create_qr(call),
        "qr_detail" => collection::qr_detail(call),
        "qr_payments" => collection::qr_payments(call),
        "qr_cancel" => collection::cancel_qr(call),
        "webpay_create" => collection::create_webpay(call),
        "webpay_status" => collection::webpay_status(call),
        "refund_create" => refund::create(call),
        "refund_status" => refund::status(call),
        "payment_void" => refund::void(call),
        "authorization_create" => debit::authorize(call),
        "authorization_status" => debit::authorizations(call),
        "authorization_cancel" => debit::cancel_authorization(call),
        "debit_create" => debit::create(call),
        "debit_status" => debit::status(call),
        other => Err(Refusal::because(
            Code::GENERAL_ERROR,
            format_args!("the sandbox does not emulate `{other}`"),
        )),
    }
}
