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
    // No page says what a repeated `requestId` is answered with; the code for a repeated order id is the nearest.
    let duplicate = Code::DuplicateOrderId;
    let draft = call.draft(Product::Authorization, reference, Some(user), duplicate)?;
    let authorization = call.open(draft)?;
    // The name of this last member could not be read anywhere.
    let url = format!("https://sandbox.invalid/authorize/{}", authorization.transaction_id);
    Ok(json!({"userId": user, "requestId": reference, "authorizationUrl": url}))
}

pub fn authorizations(call: &mut Call<'_>) -> Outcome {
    let user = call.id("userId")?;
    let pay_token = call.text("payToken");
    let mut of_user = tokens_of(call, user).peekable();
    if of_user.peek().is_none() {
        return Err(Code::NotFound.into());
    }
    let issued = of_user
        .filter(|token| matches!(token.status, Status::Completed | Status::Cancelled))
        .filter(|token| pay_token.is_none_or(|wanted| wanted == token.transaction_id));
    let list: Vec<Value> = issued.map(|token| token_row(call, token)).collect();
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
    let found: Vec<(String, Status)> = match (call.text("payToken"), call.text("userId")) {
        (Some(token), user) => call
            .ledger
            .by_transaction_id(token)
            .filter(|it| it.product == Product::Authorization)
            .filter(|it| user.is_none() || it.text("userId") == user)
            .map(|it| (it.transaction_id.clone(), it.status))
            .into_iter()
            .collect(),
        (None, Some(user)) => {
            tokens_of(call, user).map(|it| (it.transaction_id.clone(), it.status)).collect()
        }
        (None, None) => return Err(bad("payToken", "or `userId` is required")),
    };
    if found.is_empty() {
        return Err(Code::NotFound.into());
    }
    for (token, status) in &found {
        if matches!(status, Status::Pending | Status::Completed) {
            call.ledger.end(token, Status::Cancelled, call.now_ms);
        }
    }
    let tokens = found.iter().filter_map(|(token, _)| call.ledger.by_transaction_id(token));
    let rows: Vec<Value> = tokens.map(|token| token_row(call, token)).collect();
    Ok(Members::default().with("userId", call.text("userId")).with("tokenList", rows).into())
}

pub fn create(call: &mut Call<'_>) -> Outcome {
    let reference = call.id("mchOrderId")?;
    let amount = call.amount("amount")?;
    let steering = call.text("remark");
    let draft = call.draft(Product::Debit, reference, steering, Code::DuplicateOrderId)?;
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

fn tokens_of<'l>(call: &'l Call<'_>, user: &'l str) -> impl Iterator<Item = &'l Transaction> {
    let all = call.ledger.of(Product::Authorization);
    all.filter(move |token| token.text("userId") == Some(user))
}
