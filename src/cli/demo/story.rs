//! How the demonstration is printed: one screen of text, in colour on a terminal only, or JSON.

use std::io::IsTerminal;

use serde_json::{Value, json};

use super::application::{Delivered, Got};
use super::stage::Stage;
use crate::environment;
use crate::sandbox::Notification;

/// Signatures and problems are longer than a line; this many characters of them are shown.
const SHOWN_CHARACTERS: usize = 24;

/// The story so far.
pub(super) struct Story {
    as_json: bool,
    json: Option<Vec<Value>>,
    colour: bool,
}

impl Story {
    pub fn new(json: bool) -> Self {
        let colour = std::io::stdout().is_terminal() && environment::variable("NO_COLOR").is_none();
        Self { as_json: json, json: json.then(Vec::new), colour }
    }

    pub fn application_posts(&mut self, path: &str, body: &str) {
        self.step(
            "application_posts",
            "The application posts plain JSON to the sidecar",
            &[("request", format!("POST {path}")), ("body", body.to_owned())],
        );
    }

    pub fn goes_over_the_wire(&mut self, path: &str, body: &str) -> Result<(), String> {
        let envelope: Value =
            serde_json::from_str(body).map_err(|error| format!("the envelope: {error}"))?;
        let text = |name: &str| envelope[name].as_str().unwrap_or_default().to_owned();
        let sign = text("sign");
        let shown = match self.json {
            Some(_) => sign,
            None => format!(
                "{}… ({} characters)",
                &sign[..SHOWN_CHARACTERS.min(sign.len())],
                sign.len()
            ),
        };
        self.step(
            "goes_over_the_wire",
            "Over the wire goes the provider's signed envelope",
            &[
                ("request", format!("POST {path}")),
                ("appId", text("appId")),
                ("sign", shown),
                ("param", text("param")),
            ],
        );
        Ok(())
    }

    pub fn notification_comes_back(&mut self, notification: &Notification) {
        self.step(
            "notification_comes_back",
            "The payout is done: the provider's signed notification comes back, is verified, stored and acknowledged",
            &[
                ("event", notification.event.clone().unwrap_or_default()),
                ("param", notification.param.clone()),
            ],
        );
    }

    pub fn event_is_delivered(&mut self, event: &Delivered) {
        let mut rows = vec![
            ("type", event.text("type")),
            ("reference", event.text("reference")),
            ("amount", event.text("amount")),
            ("completed_at", event.text("completed_at")),
            ("webhook-signature", event.signature.clone()),
        ];
        if self.json.is_some() {
            rows.push(("event", event.body.clone()));
        }
        self.step("event_is_delivered", "The application gets one plain event, signed", &rows);
    }

    pub fn truth_arrives(&mut self, event: &Delivered) {
        self.step(
            "truth_arrives",
            "Its notification and event arrive like the first one's",
            &[("type", event.text("type")), ("reference", event.text("reference"))],
        );
    }

    pub fn count(&mut self, payouts: usize) {
        self.step(
            "count",
            "The provider's books: each reference was paid once",
            &[("payouts", payouts.to_string())],
        );
    }

    pub fn finish(&mut self, well: bool) {
        if let Some(steps) = self.json.take() {
            println!("{:#}", json!({ "ok": well, "steps": steps }));
        }
    }

    pub fn stay_up(&self, stage: &Stage) {
        let sandbox = stage.sandbox.base_url();
        if self.as_json {
            let addresses = json!({
                "app": stage.app, "notify": stage.notify, "admin": stage.admin, "sandbox": sandbox
            });
            println!("{addresses}");
            return;
        }
        println!("\nEverything stays up until Ctrl-C:");
        println!("  application side  {}/shop-th/{{operation}}", stage.app);
        println!("  provider side     {}/shop-th", stage.notify);
        println!("  admin side        {}/metrics", stage.admin);
        println!("  sandbox           {sandbox}/_sandbox/transactions");
        println!("\nTry it:");
        println!(
            "  curl -si {}/shop-th/payout_status -H 'Content-Type: application/json' -d '{{\"mchOrderId\":\"DEMO0001\"}}'",
            stage.app
        );
    }

    pub fn answer(&mut self, name: &str, title: &str, answer: &Got) {
        let mut rows = vec![("status", answer.status.to_string())];
        rows.extend(answer.headers.iter().map(|(name, value)| (*name, value.clone())));
        rows.push(("body", answer.body.clone()));
        self.step(name, title, &rows);
    }

    fn step(&mut self, name: &str, title: &str, rows: &[(&str, String)]) {
        if let Some(steps) = &mut self.json {
            let rows: serde_json::Map<String, Value> =
                rows.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            steps.push(json!({ "step": name, "title": title, "shown": rows }));
            return;
        }
        println!("\n{}", self.painted("1", title));
        for (name, value) in rows {
            println!("  {} {value}", self.painted("2", &format!("{name:<24}")));
        }
    }

    fn painted(&self, code: &str, text: &str) -> String {
        match self.colour {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}
