//! The requests, one after the other: read, executed or not, answered or not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::{ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::notices::announce;
use super::{Create, Did, Entry, Inner, Notice, Question, Reply, lock};
use crate::support::http::{read_head, reset};
use crate::support::provider::Received;

/// The codes of success, "not found" and "duplicate".
const SUCCESS: i64 = 10000;
const NOT_FOUND: i64 = 21006;
const DUPLICATE: i64 = 21007;

pub(super) fn connection(inner: &Arc<Inner>, stream: TcpStream, number: u64) {
    let deaf = inner.deaf.load(Ordering::SeqCst);
    // Spread over the connections as a hash would, and the same in every run.
    if deaf > 0 && number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32 < (1 << 32) / deaf {
        return reset(&stream);
    }
    let _ = stream.set_nodelay(true);
    let mut first = [0];
    let Ok(raw) = stream.try_clone() else { return };
    match stream.peek(&mut first) {
        // A TLS record that begins a handshake.
        Ok(1) if first[0] == 22 => {
            wait_if_held(inner);
            let Some(stream) = greet(inner, stream) else { return };
            serve(inner, stream, &raw);
        }
        _ => serve(inner, stream, &raw),
    }
}

fn wait_if_held(inner: &Inner) {
    let less = |count: usize| count.checked_sub(1);
    if inner.to_hold.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok() {
        inner.held.fetch_add(1, Ordering::SeqCst);
        while !inner.is_released.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(2));
        }
        inner.held.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Answers the first part of a handshake; then the client can send its request.
fn greet(inner: &Inner, mut stream: TcpStream) -> Option<StreamOwned<ServerConnection, TcpStream>> {
    let mut tls = ServerConnection::new(inner.tls.clone()).ok()?;
    while !tls.wants_write() {
        tls.read_tls(&mut stream).ok().filter(|read| *read > 0)?;
        tls.process_new_packets().ok()?;
    }
    while tls.wants_write() {
        tls.write_tls(&mut stream).ok()?;
    }
    inner.greeted.fetch_add(1, Ordering::SeqCst);
    Some(StreamOwned::new(tls, stream))
}

fn serve(inner: &Arc<Inner>, mut stream: impl Read + Write, raw: &TcpStream) {
    while let Some(request) =
        read_head(&mut stream).and_then(|head| Received::read(head, &mut stream))
    {
        let Some((place, operation)) = request.path().split_once("/open-api") else { return };
        let place = place.to_owned();
        let Some((parameters, is_signed)) = open(&request, &inner.key) else { return };
        let reference = parameters["mchOrderId"].as_str().unwrap_or_default().to_owned();
        let note = |what| Entry {
            at: Instant::now(),
            place: place.clone(),
            reference: reference.clone(),
            amount: parameters["amount"].as_u64().unwrap_or(0),
            what,
            bytes: request.body.clone(),
        };
        let (truth, reply) = match operation {
            _ if !is_signed => {
                lock(&inner.books).push(note(Did::Unsigned));
                (envelope(21001, &Value::Null), Reply::Usual)
            }
            "/disbursement/transfer" => create(inner, &note),
            _ => asked(inner, &note),
        };
        match reply {
            Reply::Reset => return reset(raw),
            Reply::Close => return,
            Reply::Late(delay) => thread::sleep(delay),
            _ => {}
        }
        let answer = match &reply {
            Reply::Http(status, fields, body) => http(*status, fields, body),
            Reply::Code(code) => http(200, "", &envelope(*code, &Value::Null)),
            Reply::Data(data) => http(200, "", &envelope(SUCCESS, data)),
            _ => http(200, "", &truth),
        };
        let is_half = matches!(reply, Reply::HalfWay);
        let answer = if is_half { &answer[..answer.len() / 2] } else { &answer[..] };
        if stream.write_all(answer.as_bytes()).is_err() || is_half {
            return;
        }
    }
}

/// The parameters of a request, and whether the merchant signed them.
fn open(request: &Received, key: &[u8]) -> Option<(Value, bool)> {
    let envelope: Value = serde_json::from_slice(&request.body).ok()?;
    let (sign, param) = (envelope["sign"].as_str()?, envelope["param"].as_str()?);
    let sign = STANDARD.decode(sign).unwrap_or_default();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    let is_signed = key.verify(param.as_bytes(), &sign).is_ok();
    Some((serde_json::from_str(param).ok()?, is_signed))
}

/// Executes it, unless its fate is different, and returns the real answer and the planned one.
fn create(inner: &Arc<Inner>, note: &dyn Fn(Did) -> Entry) -> (String, Reply) {
    let plan = lock(&inner.creates).clone();
    // Locked until it is in the books: two at the same time count as two.
    let mut books = lock(&inner.books);
    let reference = note(Did::Unsigned).reference;
    let arrived = |entry: &&Entry| {
        let is_own = matches!(entry.what, Did::Executed { own: true, .. });
        let is_create =
            matches!(entry.what, Did::Executed { .. } | Did::Refused(_) | Did::Recognised);
        entry.reference == reference && is_create && !is_own
    };
    let number = books.iter().filter(arrived).count();
    let mut fate = plan(&Create { reference: reference.clone(), number });
    let was_executed = |entry: &Entry| entry.reference == reference && entry.is_execution();
    if inner.recognises.load(Ordering::SeqCst) && books.iter().any(was_executed) {
        books.push(note(Did::Recognised));
        return (envelope(DUPLICATE, &Value::Null), fate.reply);
    }
    if let Some(code) = fate.refused {
        books.push(note(Did::Refused(code)));
        return (envelope(code, &Value::Null), fate.reply);
    }
    let transaction = next(inner);
    let entry = note(Did::Executed { transaction: transaction.clone(), own: false });
    let amount = entry.amount;
    books.push(entry);
    let mut told = vec![transaction.clone()];
    if fate.repeated {
        let again = next(inner);
        books.push(note(Did::Executed { transaction: again.clone(), own: true }));
        told.push(again);
    }
    drop(books);
    for transaction in told {
        announce(inner, fate.notice, &reference, amount, &transaction);
        fate.notice = if fate.notice == Notice::First { Notice::Usual } else { fate.notice };
    }
    let data = json!({ "mchOrderId": reference, "transactionId": transaction, "transactionStatus": "PENDING", "amount": amount });
    (envelope(SUCCESS, &data), fate.reply)
}

fn asked(inner: &Inner, note: &dyn Fn(Did) -> Entry) -> (String, Reply) {
    let question = note(Did::Asked { found: false });
    let plan = lock(&inner.questions).clone();
    let first = lock(&inner.books)
        .iter()
        .find(|entry| {
            let is_here = entry.place == question.place && entry.reference == question.reference;
            is_here && entry.is_execution()
        })
        .cloned();
    let reference = question.reference.clone();
    let age = first.as_ref().map(|entry| entry.at.elapsed());
    let reply = plan(&Question { place: question.place, reference: reference.clone(), age });
    let truth = match &first {
        Some(Entry { what: Did::Executed { transaction, .. }, amount, .. }) => {
            let data = json!({ "mchOrderId": reference, "transactionId": transaction, "transactionStatus": "COMPLETED", "amount": amount });
            envelope(SUCCESS, &data)
        }
        _ => envelope(NOT_FOUND, &Value::Null),
    };
    let found = first.is_some() && matches!(reply, Reply::Usual | Reply::Late(_));
    lock(&inner.books).push(note(Did::Asked { found }));
    (truth, reply)
}

fn next(inner: &Inner) -> String {
    format!("T{}", inner.transactions.fetch_add(1, Ordering::SeqCst))
}

fn envelope(code: i64, data: &Value) -> String {
    json!({ "code": code, "message": "as planned", "data": data }).to_string()
}

fn http(status: u16, fields: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
    )
}
