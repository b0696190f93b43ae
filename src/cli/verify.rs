//! `countersign verify`: whether any of the keys signed a message. Does not say why not; `explain` does.

use std::io::Write;

use serde::Serialize;

use super::output::{print_json, stdout};
use super::signed::{MessageKind, SignedMessage, Source};
use super::{CommandError, Exit};

/// Exits 0 when one of the keys signed the message, 1 when none did.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  countersign verify --account shop-th --file notification.json
  countersign verify --key provider.pub < notification.json")]
pub struct Args {
    #[command(flatten)]
    source: Source,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let verdict = judge(&args.source.read()?);
    verdict.print(args.json, &mut stdout())?;
    Ok(Exit::done_if(verdict.verified))
}

#[derive(Debug, Serialize)]
struct Verdict {
    verified: bool,
    message: MessageKind,
    /// The file or the key path of the key that signed.
    key: Option<String>,
    fingerprint: Option<String>,
}

fn judge(message: &SignedMessage) -> Verdict {
    let index = message.recipe.verify(&message.body, message.expected().map(|key| &key.key));
    let signer = index.and_then(|index| message.expected().nth(index));
    Verdict {
        verified: signer.is_some(),
        message: message.kind,
        key: signer.map(|key| key.name.clone()),
        fingerprint: signer.map(|key| key.key.fingerprint()),
    }
}

impl Verdict {
    fn print(&self, json: bool, out: &mut impl Write) -> Result<(), CommandError> {
        if json {
            return print_json(self, out);
        }
        match (&self.key, &self.fingerprint) {
            (Some(key), Some(fingerprint)) => writeln!(out, "signed by {key}  {fingerprint}")?,
            _ => writeln!(out, "not signed by any of the keys (`countersign explain` shows why)")?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use super::*;
    use crate::cli::signed::NamedKey;
    use crate::sign::fixture::{first, second, signed_body, verify_recipe};
    use crate::sign::{PrivateKey, Role};

    fn judged(body: &[u8]) -> (Verdict, String) {
        let named = |name: &str, key: &PrivateKey, role| NamedKey {
            name: name.into(),
            key: key.public().clone(),
            role,
        };
        let verdict = judge(&SignedMessage {
            kind: MessageKind::Notification,
            body: body.to_vec(),
            recipe: verify_recipe(),
            keys: vec![
                named("own.pem", third(), Role::Other),
                named("old.pub", second(), Role::Expected),
                named("new.pem", first(), Role::Expected),
            ],
        });
        let mut printed = Vec::new();
        verdict.print(false, &mut printed).expect("printed");
        (verdict, String::from_utf8(printed).expect("text"))
    }

    fn third() -> &'static PrivateKey {
        static KEY: OnceLock<PrivateKey> = OnceLock::new();
        KEY.get_or_init(|| PrivateKey::generate(2048).expect("a key"))
    }

    #[test]
    fn a_key_of_the_wrong_side_does_not_count() {
        let (verdict, _) = judged(&signed_body(third(), "{\"a\":1}"));
        assert!(!verdict.verified, "our own key must not vouch for the provider");
    }

    #[test]
    fn a_forged_message_fails_and_names_no_key() {
        let forged = String::from_utf8(signed_body(first(), "{\"a\":1}")).expect("text");
        for body in [forged.replace(":1", ":2").as_bytes(), b"", b"{}"] {
            let (verdict, printed) = judged(body);
            assert!(!verdict.verified);
            assert!(verdict.key.is_none() && printed.starts_with("not signed"), "{printed}");
        }
    }

    #[test]
    fn the_key_that_signed_is_named() {
        let (verdict, printed) = judged(&signed_body(first(), "{\"a\":1}"));
        assert!(verdict.verified);
        let fingerprint = first().public().fingerprint();
        assert_eq!(printed, format!("signed by new.pem  {fingerprint}\n"));
        let mut printed = Vec::new();
        verdict.print(true, &mut printed).expect("printed");
        let report: serde_json::Value = serde_json::from_slice(&printed).expect("JSON");
        assert_eq!((&report["verified"], &report["key"]), (&true.into(), &"new.pem".into()));
    }
}
