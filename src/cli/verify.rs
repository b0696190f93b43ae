//! `countersign verify`: whether any of the given keys signed a message. Says nothing about why not; `explain` does.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;

use super::input::{self, MessageSource};
use super::{CommandError, Exit, print_json};
use crate::sign::{AnyKey, VerifyRecipe};

/// Verify a request's or a notification's signature
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    message: MessageSource,
    /// A key that may have signed; may be given several times
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    /// Whose message it is
    #[arg(long, value_name = "NAME", default_value = "bluepay")]
    provider: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let provider = input::provider(&args.provider)?;
    let keys = args.keys.iter().map(|path| input::any_key(path)).collect::<Result<Vec<_>, _>>()?;
    let body = args.message.read()?;
    let recipe = input::verification(&provider.request, &provider.notification, &body);
    let verdict = judge(&recipe, &body, &args.keys, &keys);
    verdict.print(args.json, &mut io::stdout().lock())?;
    Ok(verdict.exit())
}

#[derive(Debug, Serialize)]
struct Verdict {
    verified: bool,
    /// The file of the key that signed.
    key: Option<String>,
    fingerprint: Option<String>,
}

fn judge(recipe: &VerifyRecipe, body: &[u8], files: &[PathBuf], keys: &[AnyKey]) -> Verdict {
    let signer = recipe.verify(body, keys.iter().map(AnyKey::public));
    Verdict {
        verified: signer.is_some(),
        key: signer.map(|index| files[index].display().to_string()),
        fingerprint: signer.map(|index| keys[index].public().fingerprint()),
    }
}

impl Verdict {
    fn exit(&self) -> Exit {
        match self.verified {
            true => Exit::Done,
            false => Exit::Failed,
        }
    }

    fn print(&self, json: bool, out: &mut impl Write) -> Result<(), CommandError> {
        if json {
            return print_json(self, out);
        }
        match (&self.key, &self.fingerprint) {
            (Some(key), Some(fingerprint)) => writeln!(out, "signed by {key}  {fingerprint}")?,
            _ => writeln!(out, "not signed by any of the keys (`countersign explain` tells why)")?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::fixture::{another_copy_of_first, first, second, signed_body, verify_recipe};

    fn judged(body: &[u8]) -> (Verdict, String) {
        let files = [PathBuf::from("old.pub"), PathBuf::from("new.pem")];
        let keys =
            [AnyKey::Public(second().public().clone()), AnyKey::Private(another_copy_of_first())];
        let verdict = judge(&verify_recipe(), body, &files, &keys);
        let mut printed = Vec::new();
        verdict.print(false, &mut printed).expect("printed");
        (verdict, String::from_utf8(printed).expect("text"))
    }

    #[test]
    fn a_forged_message_fails_and_names_no_key() {
        let forged = String::from_utf8(signed_body(first(), "{\"a\":1}")).expect("text");
        for body in [forged.replace(":1", ":2").as_bytes(), b"", b"{}"] {
            let (verdict, printed) = judged(body);
            assert_eq!(verdict.exit(), Exit::Failed);
            assert!(verdict.key.is_none() && printed.starts_with("not signed"), "{printed}");
        }
    }

    #[test]
    fn the_key_that_signed_is_named() {
        let (verdict, printed) = judged(&signed_body(first(), "{\"a\":1}"));
        assert_eq!(verdict.exit(), Exit::Done);
        let fingerprint = first().public().fingerprint();
        assert_eq!(printed, format!("signed by new.pem  {fingerprint}\n"));
        let mut printed = Vec::new();
        verdict.print(true, &mut printed).expect("printed");
        let report: serde_json::Value = serde_json::from_slice(&printed).expect("JSON");
        assert_eq!((&report["verified"], &report["key"]), (&true.into(), &"new.pem".into()));
    }
}
