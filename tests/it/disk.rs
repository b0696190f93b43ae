//! A disk that fails while money moves: what callers were told remains true, whatever the log contains when the
//! program starts again.

use serde_json::{Value, json};

use crate::support::faults::{Call, EIO, ENOSPC, Fault, Faults};
use crate::support::http::{Answer, post, post_with};
use crate::support::notification::Signer;
use crate::support::openssl::KeyPair;
use crate::support::sandbox::SandboxProcess;
use crate::support::{Action, ConfigBuilder, Provider, Sidecar, payout, wait_until};

const STORE: &str = "countersign.db";
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn config(sandbox: &SandboxProcess) -> ConfigBuilder {
    ConfigBuilder::towards_sandbox(&sandbox.base_url())
        .section("[account.timeouts]\nconnect = \"2s\"\ntotal = \"2s\"")
        .section("[account.retry]\nattempts = 2\nresolve_for = \"3s\"")
        .section("[account.circuit]\nfailures = 0")
}

fn create(sidecar: &Sidecar, reference: &str) -> Answer {
    post(sidecar.app, "/shop/payout_create", &payout(reference, 50020))
}

fn payments(sidecar: &Sidecar) -> Vec<Value> {
    let listed = sidecar.run_json(&["payments", "list", "--json"]);
    listed["payments"].as_array().expect("a list").clone()
}

fn events(sidecar: &Sidecar, reference: &str) -> Vec<Value> {
    let listed = sidecar.inbox(&["list", "--reference", reference, "--json"]);
    listed["events"].as_array().expect("a list").clone()
}

/// The ways in which a process ends after its disk failed.
const ENDS: [fn(&mut Sidecar); 2] = [
    |sidecar| sidecar.kill(),
    |sidecar| {
        sidecar.terminate();
    },
];

#[test]
fn a_payment_not_sent_because_of_a_failed_sync_is_never_sent() {
    for (end, errno) in ENDS.into_iter().zip([EIO, ENOSPC]) {
        let sandbox = SandboxProcess::start();
        let faults = Faults::on(STORE);
        let mut sidecar = Sidecar::start_with_faults(&config(&sandbox), &faults);
        faults.fail(Call::Sync, Fault::once(errno));
        let problem = create(&sidecar, "BURIED01").problem("store-unavailable", 503);
        assert_eq!(problem["outcome"], "not_sent");
        assert_eq!(faults.served(Call::Sync), 1);
        end(&mut sidecar);
        sidecar.restart();
        assert!(payments(&sidecar).is_empty(), "no part of it came back");
        assert_eq!(sandbox.payouts("BURIED01"), 0);
        assert_eq!(create(&sidecar, "BURIED01").status, 200, "its reference is free");
        assert_eq!(sandbox.payouts("BURIED01"), 1);
    }
}

#[test]
fn while_the_disk_keeps_failing_it_is_unknown_and_the_next_start_reports_the_outcome() {
    for end in ENDS {
        let sandbox = SandboxProcess::start();
        let faults = Faults::on(STORE);
        let mut sidecar = Sidecar::start_with_faults(&config(&sandbox), &faults);
        faults.fail(Call::Sync, Fault::fatal(EIO));
        let problem = create(&sidecar, "UNSURE01").problem("outcome-unknown", 504);
        assert_eq!(problem["outcome"], "unknown");
        assert_eq!(problem["safe_to_retry"], false);
        let problem = create(&sidecar, "LATER001").problem("store-unavailable", 503);
        assert_eq!(
            problem["outcome"], "not_sent",
            "a call that was never attempted is certainly not sent"
        );
        end(&mut sidecar);
        sidecar.restart();
        wait_until("its event", || !events(&sidecar, "UNSURE01").is_empty());
        assert_eq!(
            sandbox.payouts("UNSURE01"),
            1,
            "it was in the log after all, and was sent once"
        );
        assert_eq!(sandbox.payouts("LATER001"), 0);
        let answer = create(&sidecar, "UNSURE01");
        assert_eq!(answer.header("countersign-replayed"), Some("true"), "{}", answer.text());
        assert_eq!(sandbox.payouts("UNSURE01"), 1);
    }
}

#[test]
fn a_payment_overwritten_by_a_failed_cleanup_is_not_sent_either() {
    let sandbox = SandboxProcess::start();
    let faults = Faults::on(STORE);
    let mut sidecar = Sidecar::start_with_faults(&config(&sandbox), &faults);
    faults.fail(Call::Sync, Fault::always(EIO));
    create(&sidecar, "UNSURE02").problem("outcome-unknown", 504);
    sidecar.kill();
    sidecar.restart();
    assert_eq!(create(&sidecar, "UNSURE02").status, 200, "repeated, it is made");
    assert_eq!(sandbox.payouts("UNSURE02"), 1, "once");
}

#[test]
fn a_disk_that_recovers_turns_unknown_into_not_sent_with_an_event() {
    let sandbox = SandboxProcess::start();
    let faults = Faults::on(STORE);
    let mut sidecar = Sidecar::start_with_faults(&config(&sandbox), &faults);
    faults.fail(Call::Sync, Fault::always(EIO));
    create(&sidecar, "HEALED01").problem("outcome-unknown", 504);
    faults.heal();
    wait_until("its event", || !events(&sidecar, "HEALED01").is_empty());
    assert_eq!(events(&sidecar, "HEALED01")[0]["type"], "countersign.payout.failed");
    assert_eq!(payments(&sidecar)[0]["state"], "not_sent");
    sidecar.kill();
    sidecar.restart();
    assert_eq!(payments(&sidecar)[0]["state"], "not_sent", "it remains so");
    assert_eq!(sandbox.payouts("HEALED01"), 0);
    assert_eq!(create(&sidecar, "HEALED01").status, 200, "its reference is free");
    assert_eq!(sandbox.payouts("HEALED01"), 1);
    assert_eq!(events(&sidecar, "HEALED01").len(), 1);
}

/// A first attempt that the provider refuses for now; recording the second one is the third commit.
fn post_with_a_second_attempt(
    sandbox: &SandboxProcess,
    sidecar: &Sidecar,
    faults: &Faults,
    fault: Fault,
) -> Answer {
    sandbox.fault(&json!({ "kind": "error_code", "operation": "payout_create", "count": 1, "code": 21008, "commit": false }));
    faults.fail(Call::Sync, Fault { skip: 2, ..fault });
    create(sidecar, "SECOND01")
}

#[test]
fn a_second_attempt_that_could_not_be_recorded_is_never_sent() {
    let sandbox = SandboxProcess::start();
    let faults = Faults::on(STORE);
    let mut sidecar = Sidecar::start_with_faults(&config(&sandbox), &faults);
    let answer = post_with_a_second_attempt(&sandbox, &sidecar, &faults, Fault::once(EIO));
    assert_eq!(faults.served(Call::Sync), 1, "the sync of the second attempt's record");
    assert_eq!(answer.header("countersign-outcome"), Some("rejected"), "{}", answer.text());
    sidecar.kill();
    sidecar.restart();
    assert_eq!(payments(&sidecar)[0]["state"], "rejected");
    assert_eq!(sandbox.payouts("SECOND01"), 0);
}

#[test]
fn a_second_attempt_that_may_be_recorded_is_unknown_until_its_event() {
    for heals in [true, false] {
        let sandbox = SandboxProcess::start();
        let faults = Faults::on(STORE);
        let mut sidecar = Sidecar::start_with_faults(&config(&sandbox), &faults);
        let answer = post_with_a_second_attempt(&sandbox, &sidecar, &faults, Fault::fatal(EIO));
        assert_eq!(answer.problem("outcome-unknown", 504)["attempts"], 1);
        match heals {
            true => faults.heal(),
            false => {
                sidecar.kill();
                sidecar.restart();
            }
        }
        wait_until("its event", || !events(&sidecar, "SECOND01").is_empty());
        let expected = if heals { ("rejected", 0) } else { ("accepted", 1) };
        assert_eq!(payments(&sidecar)[0]["state"], expected.0);
        assert_eq!(sandbox.payouts("SECOND01"), expected.1);
    }
}

#[test]
fn a_command_says_whether_its_change_may_be_in_force() {
    let provider = Provider::start();
    provider.will(Action::Close);
    let config = ConfigBuilder::new(&provider.base_url())
        .section("[account.retry]\nattempts = 1\nresolve_for = \"0s\"")
        .section("[account.circuit]\nfailures = 0");
    let faults = Faults::on(STORE);
    let mut sidecar = Sidecar::start(&config);
    create(&sidecar, "STUCK001").problem("outcome-unknown", 504);
    let commands: [&[&str]; 2] = [
        &["freeze", "shop", "--reason", "a test"],
        &["payments", "settle", "STUCK001", "--as", "rejected", "--reason", "a test"],
    ];
    let fail = |command: &[&str], fault| {
        faults.fail(Call::Sync, fault);
        let command = [command, &["--config", "countersign.toml"]].concat();
        let output = sidecar.run_with_faults(&command, &faults);
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for command in commands {
        let said = fail(command, Fault::once(EIO));
        assert!(!said.contains("may have been written"), "{said}");
        let said = fail(command, Fault::always(EIO));
        assert!(said.contains("may have been written all the same: repeat it"), "{said}");
    }
    sidecar.kill();
    // Whatever was written: after a repetition it is in force.
    sidecar.run_json(&["freeze", "shop", "--reason", "a test", "--json"]);
    sidecar.restart();
    create(&sidecar, "FROZEN01").problem("frozen", 503);
}

#[test]
fn a_notification_is_stored_once_even_after_a_failed_commit() {
    let param = r#"{"amount":50020,"eventName":"disbursement.success","mchOrderId":"NOTICE01","transactionId":"T1","transactionStatus":"COMPLETED"}"#;
    for (fault, is_certain) in [(Fault::once(EIO), true), (Fault::always(EIO), false)] {
        let sandbox = SandboxProcess::start();
        let faults = Faults::on(STORE);
        let config = config(&sandbox).notified_by(KeyPair::provider().public());
        let mut sidecar = Sidecar::start_with_faults(&config, &faults);
        let notify = |sidecar: &Sidecar| {
            let body = Signer::provider().body(param);
            post_with(sidecar.notify, "/shop", &[JSON], body.as_bytes())
        };
        faults.fail(Call::Sync, fault);
        notify(&sidecar).problem("store-unavailable", 503);
        sidecar.kill();
        sidecar.restart();
        if is_certain {
            assert!(events(&sidecar, "NOTICE01").is_empty(), "no part of it came back");
        }
        assert_eq!(notify(&sidecar).status, 200);
        assert_eq!(events(&sidecar, "NOTICE01").len(), 1);
    }
}
