//! QR codes and web payments: the payer pays by itself after a while, unless the remark asks for something else.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::{Call, Outcome, bad, failed_code, failed_message, present};
use crate::sandbox::bluepay::answers::{self, Code, Refusal};
use crate::sandbox::engine::transaction::{Draft, Product, Status, Transaction};

/// How long a payer has, in seconds, when the merchant does not say.
const EXPIRE_SECONDS_DEFAULT: i64 = 3600;

pub fn create_qr(call: &mut Call<'_>) -> Outcome {
    // The channel list cannot be read; the names that can be all say of themselves whether they are dynamic.
    let dynamic = call.need("channelCode")?.contains("DYNAMIC");
    let given = dynamic || call.parameters.get("amount").is_some_and(|amount| !amount.is_null());
    let amount = given.then(|| call.amount("amount"));
    let code = open(call, Product::Qr, amount.transpose()?)?;
    Ok(qr_code(call, &code))
}

pub fn qr_detail(call: &mut Call<'_>) -> Outcome {
    let code = call.find(Product::Qr, call.id("mchOrderId")?)?;
    let mut data = qr_code(call, code);
    if let Value::Object(members) = &mut data {
        members.insert("qrCodeId".into(), format!("QR{}", code.transaction_id).into());
        members.insert("transactionCreateTime".into(), call.time(code.created_at_ms).into());
        if let Some(returned) = call.returned(code) {
            members.insert("transactionReturnTime".into(), returned.into());
        }
        if let Some(amount) = code.amount {
            members.insert("amount".into(), amount.into());
            members.insert("fee".into(), 0.into());
            members.insert("totalAmount".into(), amount.into());
        }
    }
    Ok(data)
}

/// A list, as the provider documents it: the payments made with one code between two dates.
pub fn qr_payments(call: &mut Call<'_>) -> Outcome {
    let (start, end) = (date(call, "startDate")?, date(call, "endDate")?);
    if start > end {
        return Err(bad("endDate", "is before `startDate`"));
    }
    let code = call.find(Product::Qr, call.id("mchOrderId")?)?;
    let created = answers::date(code.created_at_ms, call.zone);
    let listed = code.amount.is_some() && (start.to_string()..=end.to_string()).contains(&created);
    let payment = || {
        present([
            ("transactionId", code.transaction_id.as_str().into()),
            ("channelCode", code.text("channelCode").into()),
            ("transactionCreateTime", call.time(code.created_at_ms).into()),
            ("transactionReturnTime", call.returned(code).into()),
            ("transactionAmount", code.amount.into()),
            ("transactionStatus", payment_status(code).into()),
            ("remark", code.text("remark").into()),
        ])
    };
    Ok(Value::Array(listed.then(payment).into_iter().collect()))
}

pub fn cancel_qr(call: &mut Call<'_>) -> Outcome {
    let code = call.find(Product::Qr, call.id("mchOrderId")?)?;
    let transaction_id = code.transaction_id.clone();
    match code.status {
        Status::Pending => call.ledger.end(&transaction_id, Status::Cancelled, call.now_ms),
        // Cancelling what is cancelled changes nothing and is no mistake.
        Status::Cancelled => {}
        Status::Completed | Status::Failed => return Err(Code::CancelNotAllowed.into()),
    }
    let code = call.ledger.by_transaction_id(&transaction_id).ok_or(Code::NotFound)?;
    Ok(qr_code(call, code))
}

pub fn create_webpay(call: &mut Call<'_>) -> Outcome {
    let channel = call.need("channelCode")?;
    let required: &[&str] = match channel {
        "WECHAT_URL" => &["payerClientIp"],
        "WECHAT_JS_URL" => &["wpOpenid", "wpAppid"],
        _ => &[],
    };
    required.iter().try_for_each(|name| call.need(name).map(drop))?;
    let amount = call.amount("amount")?;
    let order = open(call, Product::WebPay, Some(amount))?;
    let wechat = channel == "WECHAT_JS_URL";
    let prepay = || json!({"wechatpay": {"prepayId": format!("wx{}", order.transaction_id)}});
    Ok(present([
        ("mchOrderId", order.reference.as_str().into()),
        ("payUrl", pay_url(&order).into()),
        ("transactionId", order.transaction_id.as_str().into()),
        ("expiresTime", expires(call, &order).into()),
        ("metadata", wechat.then(prepay).into()),
    ]))
}

pub fn webpay_status(call: &mut Call<'_>) -> Outcome {
    let order = call.find(Product::WebPay, call.id("mchOrderId")?)?;
    Ok(present([
        ("payUrl", pay_url(order).into()),
        ("transactionStatus", order.status_word().into()),
        ("transactionId", order.transaction_id.as_str().into()),
        ("createTime", call.time(order.created_at_ms).into()),
        ("returnTime", call.returned(order).into()),
        ("mchOrderId", order.reference.as_str().into()),
        ("amount", order.amount.into()),
        ("email", order.text("email").into()),
        ("notifyUrl", order.text("notifyUrl").into()),
        ("redirectUrl", order.text("redirectUrl").into()),
        ("channelCode", order.text("channelCode").into()),
        ("customerName", order.text("customerName").into()),
        ("failedCode", failed_code(order).into()),
        ("failedMessage", failed_message(order).into()),
    ]))
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
    call.ledger.refuse_reference(product, reference, Code::DuplicateOrderId)?;
    let draft = call.draft(product, reference, call.text("remark"));
    // A code without an amount waits for payers; nobody pays it here.
    let settles = draft.settles.filter(|_| amount.is_some());
    call.open(Draft { amount, settles, ..draft })
}

fn qr_code(call: &Call<'_>, code: &Transaction) -> Value {
    // A code without an amount is not a transaction until somebody pays.
    let transaction_id = code.amount.is_some().then_some(code.transaction_id.as_str());
    let status = code.amount.is_some().then(|| payment_status(code));
    present([
        ("mchOrderId", code.reference.as_str().into()),
        ("transactionId", transaction_id.into()),
        ("channelCode", code.text("channelCode").into()),
        ("notifyUrl", code.text("notifyUrl").into()),
        ("remark", code.text("remark").into()),
        ("qrCodeContent", format!("SANDBOX-QR-{}", code.transaction_id).into()),
        ("qrStatus", qr_status(call, code).into()),
        ("transactionStatus", status.into()),
        ("qrLink", pay_url(code).into()),
        ("createTime", call.time(code.created_at_ms).into()),
        ("updateTime", call.time(code.updated_at_ms()).into()),
        ("expiresTime", expires(call, code).into()),
        ("failedCode", failed_code(code).into()),
        ("failedMessage", failed_message(code).into()),
    ])
}

fn qr_status(call: &Call<'_>, code: &Transaction) -> &'static str {
    match code.status {
        Status::Pending if call.now_ms < expires_at_ms(code) => "ACTIVE",
        Status::Cancelled => "CANCELLED",
        Status::Pending | Status::Completed | Status::Failed => "INACTIVE",
    }
}

/// The documentation knows no cancelled payment, only a cancelled code: its payment did not come about.
fn payment_status(code: &Transaction) -> &'static str {
    match code.status {
        Status::Cancelled => Status::Failed.word(code.product),
        _ => code.status_word(),
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

/// An address that can never be reached: nobody should mistake the sandbox for a cashier.
fn pay_url(transaction: &Transaction) -> String {
    format!("https://sandbox.invalid/pay/{}", transaction.transaction_id)
}

fn date(call: &Call<'_>, name: &str) -> Result<Date, Refusal> {
    let text = call.need(name)?;
    match text.len() == 10 {
        true => text.parse().map_err(|_| bad(name, "must be a date like 2024-07-31")),
        false => Err(bad(name, "must be a date like 2024-07-31")),
    }
}
