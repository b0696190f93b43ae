//! Direct debit: a user authorises once, the merchant then debits with the token.

use serde_json::{Value, json};

use crate::sandbox::bluepay::call::{Outcome, TOKEN_LIFE_MS, bad};
use crate::sandbox::bluepay::codes::{Code, Refusal};
use crate::sandbox::bluepay::text::Members;
use crate::sandbox::bluepay::words::status_word;
use crate::sandbox::engine::dialect::Call;
use crate::sandbox::engine::transaction::{Product, Status, Transaction};

/// The user agrees by itself after a while, unless its id asks for something else.
pub fn authorize(call: &mut Call<'_>) -> Outcome {
    let user = call.id("userId")?;
    let reference = call.id("requestId")?;
    match call.need("terminalType")? {
        "WEB" => {}
        "WAP" | "APP" => drop(call.need("osType")?),
        _ => return Err(bad("terminalType", "is not one of `WEB`, `WAP`, `APP`")),
    }
    // No page gives the answer to a repeated `requestId`; the code for a repeated order id is the closest.
    let duplicate = Code::DUPLICATE_ORDER_ID;
    let draft = call.draft(Product::Authorization, reference, Some(user), duplicate)?;
    let authorization = call.open(draft)?;
    // The name of this last member is on no page that could be read.
    let url = format!("https://sandbox.invalid/authorize/{}", authorization.transaction_id);
    Ok(json!({"userId": user, "requestId": reference, "authorizationUrl": url}))
}

pub fn authorizations(call: &mut Call<'_>) -> Outcome {
    let user = call.id("userId")?;
    if tokens(call, None, Some(user)).next().is_none() {
        return Err(Code::NOT_FOUND.into());
    }
    let list: Vec<Value> = tokens(call, call.text("payToken"), Some(user))
        .filter(|token| matches!(token.status, Status::Completed | Status::Cancelled))
        .map(|token| token_row(call, token))
        .collect();
    Ok(json!({"userId": user, "tokenList": list}))
}

fn token_row(call: &Call<'_>, token: &Transaction) -> Value {
    let cancelled = token.status == Status::Cancelled;
    let activated_ms = token.returned_at_ms().unwrap_or(token.created_at_ms);
    Members::default()
        .echo(token, &["channelCode"])
        .with("payToken", token.transaction_id.as_str())
        .with("tokenStatus", status_word(token.product, token.status))
        .with("expiresTime", call.time(activated_ms.saturating_add(TOKEN_LIFE_MS)))
        .with("inactiveTime", cancelled.then(|| call.time(token.updated_at_ms())))
        .with("inactiveType", cancelled.then_some("MCH_CANCEL"))
        .into()
}

/// No public page describes this call: a `payToken` ends one authorization, a `userId` alone all of that user's.
pub fn cancel_authorization(call: &mut Call<'_>) -> Outcome {
    let (token, user) = (call.text("payToken"), call.text("userId"));
    if token.or(user).is_none() {
        return Err(bad("payToken", "or `userId` is required"));
    }
    let found: Vec<Transaction> = tokens(call, token, user).cloned().collect();
    if found.is_empty() {
        return Err(Code::NOT_FOUND.into());
    }
    for token in &found {
        if matches!(token.status, Status::Pending | Status::Completed) {
            call.ledger.end(&token.transaction_id, Status::Cancelled, call.now_ms);
        }
    }
    let tokens = found.iter().filter_map(|it| call.ledger.by_transaction_id(&it.transaction_id));
    let rows: Vec<Value> = tokens.map(|token| token_row(call, token)).collect();
    Ok(Members::default().with("userId", user).with("tokenList", rows).into())
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    let reference = call.id("mchOrderId")?;
    let amount = call.amount("amount")?;
    let steering = call.text("remark");
    let draft = call.draft(Product::Debit, reference, steering, Code::DUPLICATE_ORDER_ID)?;
    check_token(call, call.need("payToken")?)?;
    let debit = call.open(Transaction { amount: Some(amount), ..draft })?;
    Ok(debit_row(call, &debit))
}

fn check_token(call: &Call<'_>, pay_token: &str) -> Result<(), Refusal> {
    let token = call.ledger.by_transaction_id(pay_token);
    match token {
        Some(it) if it.product == Product::Authorization && it.status == Status::Completed => {
            Ok(())
        }
        _ => Err(bad("payToken", "is not an active authorization")),
    }
}

pub fn status(call: &mut Call<'_>) -> Outcome {
    Ok(debit_row(call, call.ordered(Product::Debit)?))
}

fn debit_row(call: &Call<'_>, debit: &Transaction) -> Value {
    Members::default()
        .with("mchOrderId", debit.reference.as_str())
        .with("transactionId", debit.transaction_id.as_str())
        .echo(debit, &["channelCode", "notifyUrl", "remark"])
        .with("transactionStatus", status_word(debit.product, debit.status))
        .with("transactionCreateTime", call.time(debit.created_at_ms))
        .with("transactionReturnTime", call.returned(debit))
        .with("createTime", call.time(debit.created_at_ms))
        .with("updateTime", call.time(debit.updated_at_ms()))
        .with("amount", debit.amount)
        .with("fee", 0)
        .with("totalAmount", debit.amount)
        .failure(debit, debit.status)
        .into()
}

/// The authorization `token`, or all; those of `user`, or of every user.
fn tokens<'l>(
    call: &'l Call<'_>,
    token: Option<&'l str>,
    user: Option<&'l str>,
) -> impl Iterator<Item = &'l Transaction> {
    call.ledger.of(Product::Authorization).filter(move |it| {
        token.is_none_or(|token| token == it.transaction_id)
            && (user.is_none() || it.text("userId") == user)
    })
}
