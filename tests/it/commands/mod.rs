//! Every command as its user sees it: the real program, its streams and its exit codes.

mod freezing;
mod inbox;
mod messages;
mod printing;
mod running;
mod stores;

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::sidecar::command;

/// The result of a command.
#[derive(Debug)]
struct Ran {
    /// 101 is a panic.
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs the program in the repository, with nothing on standard input.
fn run(arguments: &[&str]) -> Ran {
    run_with(arguments, "")
}

/// Runs the program with `input` on standard input.
fn run_with(arguments: &[&str], input: &str) -> Ran {
    finish(&mut command(arguments), input)
}

fn finish(command: &mut Command, input: &str) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // A command that does not read its input may have ended already, which is fine.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("the program ends");
    Ran {
        code: output.status.code().expect("an exit code, not a signal"),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

impl Ran {
    /// Asserts success without any output on standard error.
    #[track_caller]
    fn done(self) -> String {
        assert_eq!(self.code, 0, "{self:#?}");
        assert_eq!(self.stderr, "", "a successful command prints no complaints");
        self.stdout
    }

    /// The same, for JSON.
    #[track_caller]
    fn json(self) -> Value {
        json(&self.done())
    }

    /// Asserts that it failed with exactly this code and printed `words` on standard error, and nothing on standard
    /// output.
    #[track_caller]
    fn complained(&self, code: i32, words: &str) {
        assert_eq!(self.code, code, "{self:#?}");
        assert!(self.stderr.starts_with("error: "), "{self:#?}");
        assert!(self.stderr.contains(words), "`{words}` should be printed: {self:#?}");
        assert_eq!(self.stdout, "", "standard output is for data");
    }
}

#[track_caller]
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("not JSON ({error}): {text}"))
}

/// Every command that prints and ends by itself.
const PRINTING: [&[&str]; 11] = [
    &["check"],
    &["check", "--json"],
    &["demo", "--once"],
    &["demo", "--once", "--json"],
    &["keys", "generate", "--bits", "2048"],
    &["keys", "show", "config/demo/merchant.pem"],
    &["openapi"],
    &["openapi", "--provider", "bluepay", "--json"],
    &["schema", "--json"],
    &["version"],
    &["version", "--json"],
];

#[test]
fn a_reader_that_leaves_early_is_not_a_failure() {
    for arguments in PRINTING {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = command(arguments)
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .expect("the program runs");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?} | head: {complaint}");
        assert_eq!(complaint, "", "{arguments:?} | head");
    }
}

#[test]
fn a_failing_check_fails_even_if_its_output_is_not_read() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut check = command(&["check", "--config", "no/such/file.toml"]);
    let status = check.stdout(writer).status().expect("the program runs");
    assert_eq!(status.code(), Some(1), "the exit code is the result when the text is not read");
}

#[test]
fn data_that_cannot_be_written_is_a_failure() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let output = command(&["schema"]).stdout(full).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("No space left"), "{output:?}");
}

#[test]
fn every_command_explains_itself() {
    let list = run(&["--help"]).done();
    for words in [
        &["demo"][..],
        &["check"],
        &["run"],
        &["sandbox"],
        &["keys"],
        &["keys", "generate"],
        &["keys", "show"],
        &["sign"],
        &["verify"],
        &["explain"],
        &["openapi"],
        &["schema"],
        &["version"],
    ] {
        assert!(list.contains(&format!("\n  {}", words[0])), "`{}` is not listed", words[0]);
        let help = run(&[words, &["--help"]].concat()).done();
        let usage = format!("Usage: countersign {}", words.join(" "));
        assert!(help.contains(&usage), "`{usage}` should be in:\n{help}");
    }
}

#[test]
fn wrong_usage_is_distinguished_from_failure() {
    for (arguments, words) in [
        (&["frobnicate"][..], "frobnicate"),
        (&["check", "--frobnicate"], "--frobnicate"),
        (&["check", "config/countersign.toml"], "unexpected argument"),
        (&["sandbox", "--listen", "here"], "--listen"),
        (&["keys", "generate", "--bits", "1024"], "2048, 3072, 4096 or 8192"),
        (&["keys", "show"], "<FILE>"),
        (&["sign"], "--account <NAME>|--key <FILE>"),
        (&["sign", "--key", "config/demo/merchant.pem"], "`--key` needs `--app-id`"),
        (&["sign", "--account", "demo", "--app-id", "x"], "--app-id"),
        (&["sign", "--account", "demo", "--operation", "payout_create", "--raw"], "--raw"),
        (
            &["sign", "--account", "demo", "--operation", "pay"],
            "expected one of balance, payout_create",
        ),
        (
            &["sign", "--account", "shop"],
            "no account `shop` in `config/countersign.toml`, expected `demo`",
        ),
        (&["verify"], "--account <NAME>|--key <FILE>"),
        (&["verify", "--account", "demo", "--key", "x"], "cannot be used with"),
        (
            &["verify", "--key", "config/demo/provider.pub", "--provider", "blupay"],
            "expected `bluepay`",
        ),
        (&["explain"], "--account <NAME>|--key <FILE>"),
        (&["openapi", "--account", "shop"], "expected `demo`"),
        (&["openapi", "--account", "demo", "--provider", "bluepay"], "cannot be used with"),
        (&["openapi", "--provider", "blupay"], "no provider `blupay`, expected `bluepay`"),
    ] {
        let ran = run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {ran:#?}");
        ran.complained(2, words);
    }
    let ran = run(&[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "no command is wrong usage");
    assert!(ran.stderr.contains("Usage: countersign <COMMAND>"), "{}", ran.stderr);
}
