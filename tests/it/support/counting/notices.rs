//! Notifications: signed, and posted until they are acknowledged.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Did, Entry, Inner, Notice, lock};
use crate::support::http::{read_answer, try_post};
use crate::support::notification::Signer;

/// How often a notification is repeated until it is acknowledged.
const NOTICE_EVERY: Duration = Duration::from_millis(300);
const NOTICE_TRIES: usize = 400;

pub(super) fn announce(
    inner: &Arc<Inner>,
    how: Notice,
    reference: &str,
    amount: u64,
    transaction: &str,
) {
    let text = |status| notice(reference, amount, transaction, status);
    let (delay, texts) = match how {
        Notice::None => return,
        Notice::Usual => (Duration::ZERO, vec![text("COMPLETED")]),
        Notice::First => {
            inner.notices.fetch_add(1, Ordering::SeqCst);
            return deliver(inner, &text("COMPLETED"));
        }
        Notice::Twice => (Duration::ZERO, vec![text("COMPLETED"), text("COMPLETED")]),
        Notice::Late(delay) => (delay, vec![text("COMPLETED")]),
        Notice::Reversed => (Duration::ZERO, vec![text("COMPLETED"), text("PENDING")]),
    };
    inner.notices.fetch_add(texts.len(), Ordering::SeqCst);
    let inner = inner.clone();
    thread::spawn(move || {
        thread::sleep(delay);
        texts.iter().for_each(|text| deliver(&inner, text));
    });
}

pub(super) fn notice(reference: &str, amount: u64, transaction: &str, status: &str) -> Value {
    json!({
        "amount": amount,
        "createTime": "2023-03-02 09:25:12",
        "eventName": "disbursement.success",
        "mchOrderId": reference,
        "returnTime": "2023-03-02 09:25:12",
        "transactionId": transaction,
        "transactionStatus": status,
    })
}

/// Posts it until it is acknowledged.
pub(super) fn deliver(inner: &Inner, notice: &Value) {
    let param = notice.to_string();
    let body = Signer::provider().body(&param);
    for _ in 0..NOTICE_TRIES {
        let address = *lock(&inner.notify);
        let posted =
            address.and_then(|address| try_post(address, "/shop", &body, NOTICE_EVERY * 10));
        let answer = posted.and_then(|mut stream| read_answer(&mut stream));
        if answer.is_some_and(|answer| answer.status == 200) {
            let word = |name: &str| notice[name].as_str().unwrap_or_default().to_owned();
            lock(&inner.books).push(Entry {
                at: Instant::now(),
                place: String::new(),
                reference: word("mchOrderId"),
                amount: notice["amount"].as_u64().unwrap_or(0),
                what: Did::Acknowledged {
                    event: word("eventName"),
                    transaction: word("transactionId"),
                    status: word("transactionStatus"),
                },
                bytes: param.into_bytes(),
            });
            break;
        }
        thread::sleep(NOTICE_EVERY);
    }
    inner.notices.fetch_sub(1, Ordering::SeqCst);
}
