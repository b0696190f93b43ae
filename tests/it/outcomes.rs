//! The answers to the application when the provider misbehaves. A time-out is never called a failure.

use std::time::Duration;

use crate::support::http::{Answer, post};
use crate::support::provider::ACCEPTED;
use crate::support::{Action, ConfigBuilder, Provider, Sidecar};

const PAYOUT: &str = r#"{"mchOrderId":"A1","amount":100,"payMethodCode":"PROMPTPAY","promptpayAccountType":"MSISDN","accountNo":"0812345678"}"#;
const STATUS: &str = r#"{"mchOrderId":"A1"}"#;

/// A different reference for each payout: a reference is paid once.
fn reference(number: usize) -> String {
    format!("REF{number:03}")
}

fn payout(number: usize) -> String {
    PAYOUT.replace("\"A1\"", &format!("\"{}\"", reference(number)))
}

/// Makes a payout for each action, which the provider applies to it and to every query about it. All at once, because
/// a payout in doubt is queried until the call's time is up.
fn create_each<const N: usize>(
    provider: &Provider,
    sidecar: &Sidecar,
    actions: [Action; N],
) -> [Answer; N] {
    let numbered = actions.into_iter().enumerate();
    provider.will(Action::ByText(numbered.map(|(at, action)| (reference(at), action)).collect()));
    std::thread::scope(|scope| {
        let callers: [_; N] = std::array::from_fn(|number| {
            scope.spawn(move || post(sidecar.app, "/shop/payout_create", &payout(number)))
        });
        callers.map(|caller| caller.join().expect("an answer"))
    })
}

fn sidecar(provider: &Provider) -> Sidecar {
    let config = ConfigBuilder::new(&provider.base_url())
        .section("[account.timeouts]\nconnect = \"3s\"\ntotal = \"3s\"")
        .section("[account.retry]\nattempts = 1\nresolve_for = \"0s\"")
        .section("[account.circuit]\nfailures = 0");
    Sidecar::start(&config)
}

#[track_caller]
fn assert_unknown(answer: &Answer, reference: &str) {
    let problem = answer.problem("outcome-unknown", 504);
    assert_eq!(problem["outcome"], "unknown", "{problem:#}");
    assert_eq!(problem["safe_to_retry"], false, "{problem:#}");
    assert_eq!(problem["reference"], reference, "{problem:#}");
    assert_eq!(problem["attempts"], 1, "{problem:#}");
    assert_eq!(answer.header("countersign-outcome"), Some("unknown"));
}

#[test]
fn a_lost_answer_to_a_payout_is_an_unknown_outcome_and_is_not_sent_again() {
    let provider = Provider::start();
    let sidecar = sidecar(&provider);
    let misbehaviours = [
        Action::Close,
        Action::Late(Duration::from_secs(20), ACCEPTED.to_owned()),
        Action::Status(500, "oops".to_owned()),
        Action::Status(502, String::new()),
        Action::Status(404, "<html>not here</html>".to_owned()),
        Action::Answer("garbage".to_owned()),
        Action::Answer(String::new()),
        Action::Answer(r#"{"message":"no code"}"#.to_owned()),
        Action::Answer(r#"{"code":10000,"code":21002}"#.to_owned()),
        Action::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"code\":10000".to_vec()),
        Action::Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"cod".to_vec()),
        Action::Raw(b"\x15\x03\x01\x00\x02\x02".to_vec()),
        Action::Raw(b"HTTP/1.1 200 OK\r\nContent-".to_vec()),
    ];
    let answers = create_each(&provider, &sidecar, misbehaviours.clone());
    for (number, (answer, misbehaviour)) in answers.iter().zip(misbehaviours).enumerate() {
        let reference = reference(number);
        assert_unknown(answer, &reference);
        let received = provider.received();
        let creates = received.iter().filter(|request| {
            let is_create = request.path() == "/open-api/disbursement/transfer";
            is_create && String::from_utf8_lossy(&request.body).contains(&reference)
        });
        assert_eq!(creates.count(), 1, "{misbehaviour:?} was sent more than once");
    }
}

#[test]
fn a_read_whose_answer_was_lost_may_simply_be_repeated() {
    let provider = Provider::start();
    let sidecar = sidecar(&provider);
    for misbehaviour in [
        Action::Close,
        Action::Status(500, "oops".to_owned()),
        Action::Answer("garbage".to_owned()),
    ] {
        provider.will(misbehaviour);
        let problem =
            post(sidecar.app, "/shop/payout_status", STATUS).problem("provider-error", 502);
        assert_eq!(problem["safe_to_retry"], true, "{problem:#}");
    }
}

#[test]
fn the_code_decides_and_not_the_http_status() {
    let provider = Provider::start();
    let sidecar = sidecar(&provider);
    let code = |code: i64| format!(r#"{{"code":{code},"message":"Success","data":null}}"#);
    let cases = [
        (Action::Status(500, ACCEPTED.to_owned()), "accepted"),
        (Action::Status(400, code(10000)), "accepted"),
        (Action::Answer(code(21002)), "rejected"),
        (Action::Answer(code(21014)), "rejected"),
        (Action::Answer(code(21016)), "rejected"),
        (Action::Answer(code(21008)), "rejected"),
        (Action::Answer(code(21000)), "unknown"),
        (Action::Answer(code(21011)), "unknown"),
        (Action::Answer(code(21007)), "unknown"),
        (Action::Answer(code(21015)), "unknown"),
        (Action::Answer(code(29999)), "unknown"),
        (Action::Answer(code(1)), "unknown"),
    ];
    let answers = create_each(&provider, &sidecar, cases.clone().map(|(action, _)| action));
    for (answer, (action, outcome)) in answers.iter().zip(cases) {
        assert_eq!(answer.status, 200, "the provider answered: {action:?}");
        assert_eq!(answer.header("countersign-outcome"), Some(outcome), "{action:?}");
    }
}

#[test]
fn interim_answers_are_skipped_and_close_delimited_ones_are_read_to_their_end() {
    let provider = Provider::start();
    let sidecar = sidecar(&provider);
    let answers: [&[u8]; 2] = [
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"code\":10000}",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"code\":10000}",
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        provider.will(Action::Raw(answer.to_vec()));
        let answer = post(sidecar.app, "/shop/payout_create", &payout(number));
        assert_eq!(answer.header("countersign-outcome"), Some("accepted"), "{}", answer.text());
    }
}

#[test]
fn an_endless_answer_is_cut_off_and_unknown() {
    let provider = Provider::start();
    let sidecar = sidecar(&provider);
    let mut flood = b"HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n".to_vec();
    flood.resize(flood.len() + 8_000_000, b' ');
    provider.will(Action::Raw(flood));
    assert_unknown(&post(sidecar.app, "/shop/payout_create", PAYOUT), "A1");
}
