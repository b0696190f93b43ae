//! Tests the faults themselves: a test that relies on a fault must not pass because the fault never occurred.

use std::process::Command;

use crate::support::faults::{Call, EDQUOT, EIO, ENOSPC, Fault, Faults};
use crate::support::{ConfigBuilder, Sidecar, wait_until};

/// Runs a shell line under `faults`, in its own folder.
fn shell(faults: &Faults, folder: &std::path::Path, line: &str) -> std::process::Output {
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(folder);
    faults.apply_to(&mut command);
    command.output().expect("a shell")
}

#[test]
fn calls_fail_as_requested_and_only_on_the_intended_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let faults = Faults::on("meant");
    let write = |name: &str| {
        let line = format!("dd if=/dev/zero of={name} bs=8 count=2 conv=fsync status=none");
        shell(&faults, folder.path(), &line).status.success()
    };
    assert!(write("meant"), "nothing fails at first");
    faults.fail(Call::Sync, Fault::once(EIO));
    assert!(write("other"));
    assert!(!write("meant"));
    assert!(write("meant"), "the fault occurs only once");
    assert_eq!(faults.served(Call::Sync), 1);
    faults.fail(Call::Write, Fault { skip: 1, is_torn: true, ..Fault::always(ENOSPC) });
    assert!(!write("meant"));
    let length = std::fs::metadata(folder.path().join("meant")).expect("there").len();
    assert_eq!(length, 12, "one whole write and half of the second");
    faults.heal();
    assert!(write("meant"));
}

#[test]
fn the_time_of_day_can_be_shifted() {
    let folder = tempfile::tempdir().expect("a folder");
    let faults = Faults::new();
    let now = || {
        let told = shell(&faults, folder.path(), "date +%s").stdout;
        let told = String::from_utf8(told).expect("text").trim().to_owned();
        told.parse::<i64>().expect("seconds")
    };
    let before = now();
    faults.set_clock_off_by(86_400_500);
    assert!((86_400..86_500).contains(&(now() - before)));
    faults.set_clock_off_by(-3_600_000);
    assert!((-3_600..-3_500).contains(&(now() - before)));
}

#[test]
fn the_program_and_its_commands_have_faults_on_their_store() {
    let faults = Faults::on("countersign.db");
    let config = ConfigBuilder::new("http://127.0.0.1:9");
    let mut sidecar = Sidecar::start_with_faults(&config, &faults);
    let freeze = ["freeze", "--config", "countersign.toml", "shop", "--reason", "a test"];
    faults.seed(7);
    faults.fail(Call::Write, Fault { one_in: 2, ..Fault::always(EDQUOT) });
    wait_until("a command that fails", || {
        !sidecar.run_with_faults(&freeze, &faults).status.success()
    });
    assert_ne!(faults.served(Call::Write), 0);
    faults.heal();
    assert!(sidecar.run_with_faults(&freeze, &faults).status.success());
    sidecar.kill();
    sidecar.restart_with_faults(&faults);
}
