//! `countersign demo`: the sandbox provider, the sidecar and a small application in one process, over real sockets.
//!
//! It tells a story: a payout that goes well, from the plain post to the event that reports it, and one whose answer
//! is lost. No file is needed; the store is in a temporary folder that is removed afterwards.

mod application;
mod folder;
mod stage;
mod story;

use serde_json::json;

use super::{CommandError, Exit, runtime};

use stage::Stage;
use story::Story;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Exit when the story is over: 0 when every step went as described
    #[arg(long)]
    once: bool,
    /// Print the story as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let played = runtime()?.block_on(play(args));
    played.map_err(|error| CommandError::failed(format!("the demo failed: {error}")))?;
    Ok(Exit::Done)
}

async fn play(args: &Args) -> Result<(), String> {
    let stage = Stage::set_up().await?;
    let mut story = Story::new(args.json);
    let played = tell(&mut story, &stage).await;
    story.finish(played.is_ok());
    if played.is_ok() && !args.once {
        story.stay_up(&stage);
        let _ = tokio::signal::ctrl_c().await;
    }
    stage.clear().await;
    played
}

async fn tell(story: &mut Story, stage: &Stage) -> Result<(), String> {
    let (application, sandbox) = (&stage.application, &stage.sandbox);
    let payout = r#"{"mchOrderId":"DEMO0001","amount":50020,"payMethodCode":"PROMPTPAY","promptpayAccountType":"MSISDN","accountNo":"0812345678"}"#;
    let answer = application.post("/shop-th/payout_create", payout).await?;
    story.application_posts("/shop-th/payout_create", payout);
    let seen = sandbox.requests();
    let sent = seen.last().ok_or("the sandbox saw no request")?;
    let envelope = sent.body.as_deref().ok_or("the sandbox saw no body")?;
    story.goes_over_the_wire(&sent.path, envelope)?;
    story.answer(
        "answer",
        "The provider checks the signature, accepts the payout and answers",
        &answer,
    );
    answer.expect_outcome("accepted")?;
    let event = application.event_about("DEMO0001").await?;
    let notifications = sandbox.notifications();
    let about = notifications.iter().find(|row| row.reference.as_deref() == Some("DEMO0001"));
    story.notification_comes_back(about.ok_or("the sandbox sent no notification")?);
    story.event_is_delivered(&event);
    event.expect_type("countersign.payout.succeeded")?;

    sandbox.add_fault(
        &json!({ "kind": "close_after_commit", "operation": "payout_create", "count": 1 }),
    )?;
    let payout = payout.replace("DEMO0001", "DEMO0002");
    let answer = application.post("/shop-th/payout_create", &payout).await?;
    story.answer(
        "answer_lost",
        "A second payout: the provider accepts it, but its answer is lost on the way. Countersign does not send it \
         again; it queries the status",
        &answer,
    );
    answer.expect_outcome("accepted")?;
    let event = application.event_about("DEMO0002").await?;
    story.truth_arrives(&event);
    event.expect_type("countersign.payout.succeeded")?;

    let answer = application.post("/shop-th/payout_create", &payout).await?;
    story.answer(
        "posted_again",
        "The application posts the same payout once more, to be sure: it gets the same answer, and nothing is sent",
        &answer,
    );
    answer.expect_outcome("accepted")?;

    let payouts = sandbox.transactions();
    story.count(payouts.len());
    match payouts.len() {
        2 => Ok(()),
        other => Err(format!("expected 2 payouts at the provider, found {other}")),
    }
}
