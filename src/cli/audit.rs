//! `countersign audit`: checks that the audit log was not changed.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::output::{print_json, stdout};
use super::{CommandError, Exit};
use crate::audit;
use crate::audit::chain::{self, Broken, Head};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Check that no line was changed and none is missing, and print the last hash
    Verify {
        /// The audit log; for a rotated log, all of its files, oldest first
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// A hash that was recorded elsewhere: fail unless a line has it
        #[arg(long, value_name = "HASH")]
        anchor: Option<String>,
    },
}

pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let Action::Verify { files, anchor } = &args.action;
    let checked = check(files, anchor.as_deref())?;
    match args.json {
        true => print_json(&checked.as_json(), &mut stdout())?,
        false => print!("{}", checked.as_text()),
    }
    Ok(Exit::done_if(checked.holds()))
}

struct Checked {
    lines: u64,
    torn: u64,
    /// Before the first file's first line.
    began_after: Head,
    head: Head,
    ends_torn: bool,
    /// The end of the log according to the file beside the last one, if it can be read.
    remembered: Option<Head>,
    broken: Option<(PathBuf, Broken)>,
    /// Whether the anchor was found, if one was given.
    anchored: Option<bool>,
}

fn check(files: &[PathBuf], anchor: Option<&str>) -> Result<Checked, CommandError> {
    let mut checked = Checked {
        lines: 0,
        torn: 0,
        began_after: Head::start(),
        head: Head::start(),
        ends_torn: false,
        remembered: None,
        broken: None,
        anchored: anchor.map(|_| false),
    };
    let mut after = None;
    for (index, path) in files.iter().enumerate() {
        let (bytes, remembered) = read(path)?;
        let visit = |hash: &str| {
            if Some(hash) == anchor {
                checked.anchored = Some(true);
            }
        };
        match chain::verify(&bytes, after.as_ref(), visit) {
            Ok(verified) => {
                if index == 0 {
                    checked.began_after = verified.began_after;
                }
                checked.lines += verified.lines;
                checked.torn += verified.torn;
                checked.ends_torn = verified.ends_torn;
                checked.head = verified.head;
            }
            Err(broken) => {
                checked.broken = Some((path.clone(), broken));
                break;
            }
        }
        if let Some(problem) = end_is_missing(&checked.head, remembered.as_ref()) {
            let line = bytes.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
            checked.broken = Some((path.clone(), Broken { line, problem }));
            break;
        }
        checked.remembered = remembered;
        after = Some(checked.head.clone());
    }
    Ok(checked)
}

fn read(path: &Path) -> Result<(Vec<u8>, Option<Head>), CommandError> {
    audit::read(path).map_err(|error| {
        CommandError::failed(format!("audit log `{}` cannot be read: {error}", path.display()))
    })
}

/// Compares with the file beside the log, whose position only ever moves forward.
fn end_is_missing(head: &Head, remembered: Option<&Head>) -> Option<String> {
    let remembered = remembered?;
    let is_behind = head.seq < remembered.seq;
    let differs = head.seq == remembered.seq && head.hash != remembered.hash;
    match (is_behind, differs) {
        (true, _) => Some(format!(
            "is missing: lines were written up to number {}, this file ends after {}",
            remembered.seq, head.seq
        )),
        (false, true) => Some("follows a line that was changed".to_owned()),
        (false, false) => None,
    }
}

impl Checked {
    fn holds(&self) -> bool {
        self.broken.is_none() && self.anchored != Some(false)
    }

    fn as_json(&self) -> serde_json::Value {
        json!({
            "holds": self.holds(),
            "lines": self.lines,
            "torn": self.torn,
            "ends_torn": self.ends_torn,
            "began_after": self.began_after,
            "head": self.head,
            "remembered": self.remembered,
            "anchored": self.anchored,
            "broken": self.broken.as_ref().map(|(file, broken)| json!({
                "file": file.display().to_string(),
                "line": broken.line,
                "problem": broken.problem,
            })),
        })
    }

    fn as_text(&self) -> String {
        let mut text = match &self.broken {
            Some((file, broken)) => format!("BROKEN: {}: {broken}\n", file.display()),
            None => format!("{} lines are intact\n", self.lines),
        };
        if self.began_after.seq > 0 {
            let Head { seq, hash } = &self.began_after;
            text += &format!("the first line follows line {seq} of an earlier file: {hash}\n");
        }
        if self.torn > 0 {
            text += &format!("{} lines were cut short by a crash, and are marked\n", self.torn);
        }
        if self.ends_torn {
            text += "the last line is incomplete: it is still being written, or was cut short\n";
        }
        if self.broken.is_none() {
            text += &format!("head: line {}, {}\n", self.head.seq, self.head.hash);
            text += &self.beside_as_text();
        }
        match self.anchored {
            Some(true) => text += "the anchor is the hash of a line\n",
            Some(false) => {
                text += "the anchor is not the hash of any line before the end or the break\n"
            }
            None => {}
        }
        text
    }

    /// What cannot be concluded from the file beside the log.
    fn beside_as_text(&self) -> String {
        match self.remembered.as_ref().map(|remembered| self.head.seq - remembered.seq) {
            None => "its `.head` file is missing or unreadable: lines removed from the end would go unnoticed\n".to_owned(),
            Some(0) => String::new(),
            Some(newer) => format!(
                "its `.head` file does not include the last {newer}: written just before a crash, or by another program\n"
            ),
        }
    }
}
