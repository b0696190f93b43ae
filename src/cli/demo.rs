//! `countersign demo`: the sandbox provider, the sidecar and a small application in one process, over real sockets.
//!
//! It tells a story in three steps: a payout that goes well, one whose answer is lost, and how the truth is found. No
//! file is read and nothing is left behind.

mod application;
mod story;

use std::sync::Arc;

use serde_json::json;
use tokio::sync::watch;

use super::version::{COMMIT, VERSION};
use super::{CommandError, Exit, runtime};
use crate::app::{Build, Sidecar};
use crate::clock::Clock;
use crate::config::{self, Address, demo};
use crate::provider::Provider;
use crate::sandbox::{Running, Sandbox};

use application::Application;
use story::Story;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Exit when the story is over: 0 when every step went as told, 1 when one did not
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
    let (sandbox, stage) = set_up().await?;
    let mut story = Story::new(args.json);
    let told = tell(&mut story, &sandbox, &stage.application).await;
    story.finish(told.is_ok());
    if told.is_ok() && !args.once {
        story.stay_up(&stage, &sandbox.base_url());
        let _ = tokio::signal::ctrl_c().await;
    }
    stage.stop().await;
    told
}

/// Everything that runs beside the sandbox.
struct Stage {
    application: Application,
    app: String,
    admin: String,
    shutdown: watch::Sender<bool>,
    running: tokio::task::JoinHandle<()>,
}

impl Stage {
    async fn stop(self) {
        let Self { shutdown, running, .. } = self;
        let _ = shutdown.send(true);
        running.abort();
        let _ = running.await;
    }
}

async fn set_up() -> Result<(Running, Stage), String> {
    let provider = Provider::builtin("bluepay").ok_or("the built-in profile is missing")?;
    let sandbox = Sandbox::demo(Arc::new(provider))?.start().await;
    let sandbox = sandbox.map_err(|error| format!("the sandbox could not listen: {error}"))?;
    let loaded = config::load_text(&configuration(&sandbox.base_url())).map_err(|mistakes| {
        mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    })?;
    let sidecar = Sidecar::open(loaded, Clock::System, Build { version: VERSION, commit: COMMIT })
        .map_err(|error| error.to_string())?;
    let (Address::Tcp(app), Address::Tcp(admin)) = (sidecar.app_address(), sidecar.admin_address())
    else {
        return Err("the demo listens on TCP".to_owned());
    };
    let (application, app, admin) =
        (Application::towards(*app), format!("http://{app}"), format!("http://{admin}"));
    let (shutdown, told_to_stop) = watch::channel(false);
    let running = tokio::spawn(sidecar.serve(told_to_stop));
    Ok((sandbox, Stage { application, app, admin, shutdown, running }))
}

fn configuration(base_url: &str) -> String {
    let (app_id, private_key) = (demo::APP_ID, demo::MERCHANT_PRIVATE_KEY);
    format!(
        r#"
[listen]
app = "127.0.0.1:0"
admin = "127.0.0.1:0"

[[account]]
name = "shop-th"
provider = "bluepay"
base_url = "{base_url}"
app_id = "{app_id}"
currency = "THB"
timezone = "+07:00"
notify_url = "http://127.0.0.1:8601/shop-th"

[account.timeouts]
total = "2s"

[[account.signing_key]]
id = "demo"
private_key = """{private_key}"""
"#
    )
}

async fn tell(
    story: &mut Story,
    sandbox: &Running,
    application: &Application,
) -> Result<(), String> {
    let payout = r#"{"mchOrderId":"DEMO0001","amount":50020,"payMethodCode":"PROMPTPAY","promptpayAccountType":"MSISDN","accountNo":"0812345678"}"#;
    let answer = application.post("/shop-th/payout_create", payout).await?;
    story.application_posts("/shop-th/payout_create", payout);
    let seen = sandbox.requests();
    let sent = seen.last().ok_or("the sandbox saw no request")?;
    let envelope = sent.body.as_deref().ok_or("the sandbox saw no body")?;
    story.goes_over_the_wire(&sent.path, envelope)?;
    story.answer_comes_back(&answer);
    answer.expect_outcome("accepted")?;

    sandbox.add_fault(
        &json!({ "kind": "close_after_commit", "operation": "payout_create", "count": 1 }),
    )?;
    let payout = payout.replace("DEMO0001", "DEMO0002");
    let answer = application.post("/shop-th/payout_create", &payout).await?;
    story.answer_is_lost(&answer);
    answer.expect_outcome("unknown")?;

    let question = r#"{"mchOrderId":"DEMO0002"}"#;
    let answer = application.post("/shop-th/payout_status", question).await?;
    story.application_asks(question, &answer);
    answer.expect_outcome("accepted")?;

    let payouts = sandbox.transactions();
    story.count(payouts.len());
    match payouts.len() {
        2 => Ok(()),
        other => Err(format!("expected 2 payouts at the provider, found {other}")),
    }
}
