//! A disk that fails while money moves: what the caller is told stays true, whatever the log holds when the program starts
//! again.

use crate::support::faults::{Call, EIO, Fault, Faults};
use crate::support::http::{Answer, post};
use crate::support::sandbox::SandboxProcess;
use crate::support::{ConfigBuilder, Sidecar, payout, wait_until};

const STORE: &str = "countersign.db";

fn config(sandbox: &SandboxProcess) -> ConfigBuilder {
    ConfigBuilder::towards_sandbox(&sandbox.base_url())
        .section("[account.timeouts]\nconnect = \"2s\"\ntotal = \"2s\"")
        .section("[account.retry]\nattempts = 2\nresolve_for = \"3s\"")
        .section("[account.circuit]\nfailures = 0")
}

fn create(sidecar: &Sidecar, reference: &str) -> Answer {
    post(sidecar.app, "/shop/payout_create", &payout(reference, 50020))
}

/// The ways in which a process ends after its disk failed.
const ENDS: [fn(&mut Sidecar); 2] = [
    |sidecar| sidecar.kill(),
    |sidecar| {
        sidecar.terminate();
    },
];

#[test]
fn what_was_not_sent_for_a_failed_sync_is_never_sent() {
    for end in ENDS {
        let sandbox = SandboxProcess::start();
        let faults = Faults::on(STORE);
        let mut sidecar = Sidecar::start_with_faults(&config(&sandbox), &faults);
        faults.fail(Call::Sync, Fault::once(EIO));
        let problem = create(&sidecar, "BURIED01").problem("store-unavailable", 503);
        assert_eq!(problem["outcome"], "not_sent");
        assert_eq!(faults.served(Call::Sync), 1);
        end(&mut sidecar);
        sidecar.restart();
        let listed = sidecar.run_json(&["payments", "list", "--json"]);
        assert_eq!(listed["payments"], serde_json::json!([]), "nothing of it came back");
        assert_eq!(sandbox.payouts("BURIED01"), 0);
        assert_eq!(create(&sidecar, "BURIED01").status, 200, "its reference is free");
        assert_eq!(sandbox.payouts("BURIED01"), 1);
    }
}

#[test]
fn while_the_disk_goes_on_failing_nobody_is_told_that_nothing_was_sent() {
    for end in ENDS {
        let sandbox = SandboxProcess::start();
        let faults = Faults::on(STORE);
        let mut sidecar = Sidecar::start_with_faults(&config(&sandbox), &faults);
        faults.fail(Call::Sync, Fault::always(EIO));
        let answer = create(&sidecar, "UNSURE01");
        end(&mut sidecar);
        sidecar.restart();
        let outcome = answer.header("countersign-outcome");
        wait_until("its end", || {
            let listed = sidecar.run_json(&["payments", "list", "--json"]);
            let payments = listed["payments"].as_array().expect("a list");
            payments.iter().all(|payment| payment["state"] == "accepted")
        });
        match outcome {
            Some("unknown") => {}
            other => assert_eq!(sandbox.payouts("UNSURE01"), 0, "it was told to be {other:?}"),
        }
    }
}
