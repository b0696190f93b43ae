//! A sidecar between the sandbox and an application, and a day in its life: everything that a dashboard shows.

use serde_json::json;

use crate::support::http::{Answer, post, post_with};
use crate::support::notification::Signer;
use crate::support::sandbox::SandboxProcess;
use crate::support::{Action, ConfigBuilder, Provider, Sidecar, wait_until};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// More than `rate` in the configuration below.
const TOO_MANY: usize = 60;

/// The parts, all running.
pub struct World {
    pub sidecar: Sidecar,
    sandbox: SandboxProcess,
    application: Provider,
}

impl World {
    pub fn start() -> Self {
        let (sandbox, application) = (SandboxProcess::start(), Provider::start());
        let root = env!("CARGO_MANIFEST_DIR");
        let config = ConfigBuilder::towards_sandbox(&sandbox.base_url())
            // Belongs to the signing key, which is last.
            .section("not_after = 2999-01-01T00:00:00Z")
            .notified_by(format!("{root}/config/demo/provider.pub"))
            .section(&format!(
                "[account.delivery]\nurl = \"{}/events\"\nsecret = \"{SECRET}\"",
                application.base_url()
            ))
            .section("[account.limits]\nrate = \"20/s\"\nburst = 20\non_excess = \"reject\"")
            .section("[account.timeouts]\nconnect = \"4s\"\ntotal = \"4s\"")
            .section("[account.retry]\nattempts = 1\nresolve_for = \"0s\"");
        let sidecar = Sidecar::start(&config);
        let world = Self { sidecar, sandbox, application };
        world.tell_payouts_to_the_sidecar();
        world
    }

    /// One of everything. Repeated, so that every rate has a slope.
    pub fn goes_on(&self, chapter: usize) {
        self.sandbox.clear_faults();
        let reference = |kind: &str| format!("{kind}{chapter:06}");
        assert_outcome(&self.pay(&reference("FINE")), "accepted");
        self.fault("payout_create", "error_code", &json!({ "code": 21014 }));
        assert_outcome(&self.pay(&reference("POOR")), "rejected");
        self.fault("payout_create", "close_after_commit", &json!({}));
        self.post("payout_status", &json!({ "mchOrderId": reference("FINE") }));
        // Every query inside the call is lost too; and it stays pending, so that no notification reports it.
        self.fault("payout_status", "garbage", &json!({ "count": 20 }));
        assert_outcome(&self.pay_remarking(&reference("LOST"), "sandbox:pending"), "unknown");
        self.sandbox.clear_faults();
        let forged = Signer::merchant().body(&format!("{{\"mchOrderId\":\"{chapter}\"}}"));
        let json = [("Content-Type", "application/json")];
        let refused = post_with(self.sidecar.notify, "/shop", &json, forged.as_bytes());
        assert_eq!(refused.status, 401);
    }

    /// The application refuses one event permanently.
    pub fn an_event_dies(&self) {
        self.application.will(Action::Status(410, String::new()));
        assert_outcome(&self.pay("UNWANTED"), "accepted");
        wait_until("a dead letter", || {
            let text = self.sidecar.metrics();
            text.contains("countersign_deliveries_total{account=\"shop\",result=\"gone\"} 1")
        });
        self.application.will(Action::Answer(String::new()));
    }

    /// Calls without a pause, until the rate refuses some.
    pub fn a_caller_is_too_fast(&self) {
        let answers = (0..TOO_MANY).map(|_| self.post("balance", &json!({})).status);
        assert!(answers.filter(|status| *status == 429).count() > 0, "no call was too many");
    }

    fn pay(&self, reference: &str) -> Answer {
        self.pay_remarking(reference, "salary")
    }

    fn pay_remarking(&self, reference: &str, remark: &str) -> Answer {
        let payout = json!({
            "mchOrderId": reference, "amount": 50020, "payMethodCode": "PROMPTPAY",
            "promptpayAccountType": "MSISDN", "accountNo": "0812345678", "remark": remark,
        });
        self.post("payout_create", &payout)
    }

    fn post(&self, operation: &str, body: &serde_json::Value) -> Answer {
        post(self.sidecar.app, &format!("/shop/{operation}"), &body.to_string())
    }

    fn fault(&self, operation: &str, kind: &str, more: &serde_json::Value) {
        let mut rule = json!({ "kind": kind, "operation": operation, "count": 1 });
        let members = rule.as_object_mut().expect("an object");
        members.extend(more.as_object().expect("an object").clone());
        self.sandbox.fault(&rule);
    }

    fn tell_payouts_to_the_sidecar(&self) {
        let url = format!("http://{}/shop", self.sidecar.notify);
        let body = json!({ "app_id": "countersign-demo-app", "url": url }).to_string();
        let answer = post(self.sandbox.address(), "/_sandbox/payout_notify_url", &body);
        assert!(answer.status < 300, "{}", answer.text());
    }
}

#[track_caller]
fn assert_outcome(answer: &Answer, outcome: &str) {
    assert_eq!(answer.header("countersign-outcome"), Some(outcome), "{}", answer.text());
}
