//! Answers that are not a proof: odd ones to creates and to queries.

use serde_json::{Value, json};

use crate::chaos::world::{Line, World};
use crate::support::counting::{Fate, Reply};

/// Calls are made once, and queried for a few seconds.
const SECTIONS: &str = "[account.timeouts]\ntotal = \"3s\"\n\
     [account.retry]\nattempts = 1\nresolve_for = \"3s\"\n[account.circuit]\nfailures = 0";

#[test]
fn duplicate_and_then_not_found_is_not_a_refusal() {
    let mut world = World::start(Line::Plain, 1, SECTIONS);
    // A proxy in front of the provider made the call twice, and passed on the second answer.
    world.provider.creates(|_| Fate { reply: Reply::Code(21007), ..Fate::default() });
    world.provider.questions(|_| Reply::Code(21006));
    let post = world.pay("DUPLICATE01");
    assert!(post.heard("unknown"), "{post:?}");
    world.provider.questions(|_| Reply::Usual);
    // The next start queries at once.
    world.kill();
    world.restart();
    world.assert_honest();
}

#[test]
fn the_data_of_another_order_is_not_a_proof() {
    let mut world = World::start(Line::Plain, 1, SECTIONS);
    // The first call is lost before it is executed.
    world.provider.creates(|create| match create.number {
        0 => Fate { refused: Some(21000), reply: Reply::Close, ..Fate::default() },
        _ => Fate::default(),
    });
    let other = json!({ "mchOrderId": "ANOTHER001", "transactionId": "T9", "transactionStatus": "COMPLETED" });
    let nulls = json!({ "mchOrderId": null, "transactionId": null, "transactionStatus": null });
    let data: [(&str, Value); 3] =
        [("ODDANSWER01", other), ("ODDANSWER02", json!({})), ("ODDANSWER03", nulls)];
    let told = data.clone();
    world.provider.questions(move |question| {
        let known = told.iter().find(|(reference, _)| question.reference == *reference);
        Reply::Data(known.expect("one of the references").1.clone())
    });
    let callers: Vec<_> = data.iter().map(|(reference, _)| world.caller(reference)).collect();
    for caller in callers {
        let post = caller.join().expect("a caller");
        assert!(post.heard("unknown"), "{post:?}");
    }
    world.provider.questions(|_| Reply::Usual);
    world.kill();
    world.restart();
    world.assert_honest();
}

#[test]
fn a_payout_of_another_amount_under_our_reference_is_not_ours() {
    let world = World::start(Line::Plain, 1, SECTIONS);
    world.provider.creates(|_| Fate { refused: Some(21007), ..Fate::default() });
    world.provider.questions(|question| {
        Reply::Data(json!({ "mchOrderId": question.reference, "transactionId": "T9", "transactionStatus": "COMPLETED", "amount": 30000 }))
    });
    let post = world.pay("OTHERAMOUNT");
    assert!(post.heard("unknown"), "{post:?}");
    let row = world.row("OTHERAMOUNT");
    assert_eq!(row["state"], "unknown", "only a person can tell: {row:#}");
}

#[test]
fn a_retry_after_beyond_every_time_out_does_not_end_the_call() {
    const TOO_FAR: &str = "Retry-After: 18446744073709551615\r\n";
    let throttled = r#"{"code":21020,"message":"later","data":null}"#;
    for (refused, body, expected) in
        [(Some(21020), throttled, &["rejected", "not_sent"][..]), (None, "", &["unknown"])]
    {
        let world = World::start(Line::Plain, 1, &SECTIONS.replace("attempts = 1", "attempts = 3"));
        world.provider.creates(move |_| Fate {
            refused,
            reply: Reply::Http(429, TOO_FAR, body.to_owned()),
            ..Fate::default()
        });
        let post = world.pay("RETRYAFTER1");
        let told = post.outcome.as_deref().unwrap_or("nothing");
        assert!(expected.contains(&told) && post.status != Some(500), "{post:?}");
        let row = world.row("RETRYAFTER1");
        assert_eq!(row["state"], told, "{row:#}");
    }
}
