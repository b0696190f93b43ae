//! QR codes and web payments: the payer pays by itself after a while, unless the remark asks for something else.

use jiff::civil::Date;
use serde_json::{Value, json};

use crate::sandbox::bluepay::call::{Outcome, bad};
use crate::sandbox::bluepay::codes::{Code, Refusal};
use crate::sandbox::bluepay::text::{Members, date};
use crate::sandbox::bluepay::words::status_word;
use crate::sandbox::engine::dialect::Call;
use crate::sandbox::engine::transaction::{Product, Status, Transaction};

/// How long a payer has, in seconds, when the merchant does not say.
const EXPIRE_SECONDS_DEFAULT: i64 = 3600;

pub fn create_qr(call: &mut Call<'_>) -> Outcome {
    // The channel list cannot be read; all names that can be read show whether they are dynamic.
    let dynamic = call.need("channelCode")?.contains("DYNAMIC");
    let given = dynamic || call.parameters.get("amount").is_some_and(|amount| !amount.is_null());
    let amount = given.then(|| call.amount("amount"));
    let code = open(call, Product::Qr, amount.transpose()?)?;
    Ok(qr_code(call, &code).into())
}

pub fn qr_detail(call: &mut Call<'_>) -> Outcome {
    let code = call.ordered(Product::Qr)?;
    Ok(qr_code(call, code)
        .with("qrCodeId", format!("QR{}", code.transaction_id))
        .with("transactionCreateTime", call.time(code.created_at_ms))
        .with("transactionReturnTime", call.returned(code))
        .with("amount", code.amount)
        .with("fee", code.amount.map(|_| 0))
        .with("totalAmount", code.amount)
        .into())
}

/// A list, as the provider documents it: the payments made with one code between two dates.
pub fn qr_payments(call: &mut Call<'_>) -> Outcome {
    let (start, end) = (day(call, "startDate")?, day(call, "endDate")?);
    if start > end {
        return Err(bad("endDate", "is before `startDate`"));
    }
    let code = call.ordered(Product::Qr)?;
    let created = date(code.created_at_ms, call.sandbox.timezone);
    let listed = code.amount.is_some() && (start.to_string()..=end.to_string()).contains(&created);
    let payment = || {
        Members::default()
            .with("transactionId", code.transaction_id.as_str())
            .echo(code, &["channelCode"])
            .with("transactionCreateTime", call.time(code.created_at_ms))
            .with("transactionReturnTime", call.returned(code))
            .with("transactionAmount", code.amount)
            .with("transactionStatus", payment_status(code))
            .echo(code, &["remark"])
            .into()
    };
    Ok(Value::Array(listed.then(payment).into_iter().collect()))
}

pub fn cancel_qr(call: &mut Call<'_>) -> Outcome {
    let code = call.ordered(Product::Qr)?;
    let transaction_id = code.transaction_id.clone();
    match code.status {
        Status::Pending => call.ledger.end(&transaction_id, Status::Cancelled, call.now_ms),
        // Cancelling a cancelled payment changes nothing and is not an error.
        Status::Cancelled => {}
        Status::Completed | Status::Failed => return Err(Code::CANCEL_NOT_ALLOWED.into()),
    }
    let code = call.ledger.by_transaction_id(&transaction_id).ok_or(Code::NOT_FOUND)?;
    Ok(qr_code(call, code).into())
}

pub fn create_webpay(call: &mut Call<'_>) -> Outcome {
    let channel = call.need("channelCode")?;
    let required: &[&str] = match channel {
        "WECHAT_URL" => &["payerClientIp"],
        "WECHAT_JS_URL" => &["wpOpenid", "wpAppid"],
        _ => &[],
    };
    call.need_all(required)?;
    let amount = call.amount("amount")?;
    let order = open(call, Product::WebPay, Some(amount))?;
    let wechat = channel == "WECHAT_JS_URL";
    let prepay = || json!({"wechatpay": {"prepayId": format!("wx{}", order.transaction_id)}});
    Ok(Members::default()
        .with("mchOrderId", order.reference.as_str())
        .with("payUrl", pay_url(&order))
        .with("transactionId", order.transaction_id.as_str())
        .with("expiresTime", expires(call, &order))
        .with("metadata", wechat.then(prepay))
        .into())
}

pub fn webpay_status(call: &mut Call<'_>) -> Outcome {
    let order = call.ordered(Product::WebPay)?;
    Ok(Members::default()
        .with("payUrl", pay_url(order))
        .with("transactionStatus", status_word(order.product, order.status))
        .with("transactionId", order.transaction_id.as_str())
        .with("createTime", call.time(order.created_at_ms))
        .with("returnTime", call.returned(order))
        .with("mchOrderId", order.reference.as_str())
        .with("amount", order.amount)
        .echo(order, &["email", "notifyUrl", "redirectUrl", "channelCode", "customerName"])
        .failure(order, order.status)
        .into())
}

fn open(
    call: &mut Call<'_>,
    product: Product,
    amount: Option<i64>,
) -> Result<Transaction, Refusal> {
    let reference = call.id("mchOrderId")?;
    let seconds = call.parameters.get("expireSeconds").and_then(Value::as_i64);
    if seconds.is_some_and(|seconds| !(30..=3600).contains(&seconds)) {
        return Err(bad("expireSeconds", "must be from 30 to 3600"));
    }
    let draft = call.draft(product, reference, call.text("remark"), Code::DUPLICATE_ORDER_ID)?;
    // A code without an amount waits for payers; here it is never paid.
    let settles = draft.settles.filter(|_| amount.is_some());
    call.open(Transaction { amount, settles, ..draft })
}

fn qr_code(call: &Call<'_>, code: &Transaction) -> Members {
    // A code without an amount is not a transaction until it is paid.
    let transaction_id = code.amount.is_some().then_some(code.transaction_id.as_str());
    let status = code.amount.is_some().then(|| payment_status(code));
    Members::default()
        .with("mchOrderId", code.reference.as_str())
        .with("transactionId", transaction_id)
        .echo(code, &["channelCode", "notifyUrl", "remark"])
        .with("qrCodeContent", format!("SANDBOX-QR-{}", code.transaction_id))
        .with("qrStatus", qr_status(call, code))
        .with("transactionStatus", status)
        .with("qrLink", pay_url(code))
        .with("createTime", call.time(code.created_at_ms))
        .with("updateTime", call.time(code.updated_at_ms()))
        .with("expiresTime", expires(call, code))
        .failure(code, code.status)
}

fn qr_status(call: &Call<'_>, code: &Transaction) -> &'static str {
    match code.status {
        Status::Pending if call.now_ms < expires_at_ms(code) => "ACTIVE",
        Status::Cancelled => "CANCELLED",
        Status::Pending | Status::Completed | Status::Failed => "INACTIVE",
    }
}

/// The documentation has no cancelled payment, only a cancelled code: its payment did not happen.
fn payment_status(code: &Transaction) -> &'static str {
    match code.status {
        Status::Cancelled => status_word(code.product, Status::Failed),
        status => status_word(code.product, status),
    }
}

fn expires(call: &Call<'_>, transaction: &Transaction) -> String {
    call.time(expires_at_ms(transaction))
}

fn expires_at_ms(transaction: &Transaction) -> i64 {
    let seconds = transaction.parameters.get("expireSeconds").and_then(Value::as_i64);
    let length_ms = seconds.unwrap_or(EXPIRE_SECONDS_DEFAULT).saturating_mul(1_000);
    transaction.created_at_ms.saturating_add(length_ms)
}

/// An address that can never be reached: the sandbox must not be mistaken for a cashier.
fn pay_url(transaction: &Transaction) -> String {
    format!("https://sandbox.invalid/pay/{}", transaction.transaction_id)
}

fn day(call: &Call<'_>, name: &str) -> Result<Date, Refusal> {
    let day = call.need(name)?;
    let day = Some(day).filter(|day| day.len() == 10).and_then(|day| day.parse().ok());
    day.ok_or_else(|| bad(name, "must be a date like 2024-07-31"))
}
