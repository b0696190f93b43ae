//! `countersign explain`: everything about a message's signature, and which variations would have verified.

use std::io::Write;
use std::path::PathBuf;

use super::output::{print_json, stdout};
use super::signed::{NamedKey, Source};
use super::{CommandError, Exit};
use crate::sign::{self, Candidate, Explanation, Role};

/// Exits 0 when the signature verifies, 1 when it does not.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It shows the signed text byte for byte, its hash, and which key made the signature. If verification fails it tries the usual
mistakes: another key, another hash, an extra line end, JSON that was printed again.

Examples:
  countersign explain --account shop-th --file notification.json
  countersign explain --key provider.pub --other-key own.pem < notification.json")]
pub struct Args {
    #[command(flatten)]
    source: Source,
    /// A key that should not have signed but may have by mistake; may be given several times
    #[arg(long = "other-key", value_name = "FILE")]
    other_keys: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let others: Result<Vec<_>, _> =
        args.other_keys.iter().map(|path| NamedKey::read(path, Role::Other)).collect();
    let others = others?;
    let message = args.source.read()?;
    let candidates: Vec<Candidate<'_>> =
        message.keys.iter().chain(&others).map(NamedKey::candidate).collect();
    let explanation = sign::explain(&message.body, &message.recipe, &candidates);
    print(&explanation, args.json, &mut stdout())
}

/// Prints an explanation; the exit code says whether the signature verifies.
pub fn print(
    explanation: &Explanation,
    json: bool,
    out: &mut impl Write,
) -> Result<Exit, CommandError> {
    match json {
        true => print_json(explanation, out)?,
        false => write!(out, "{explanation}")?,
    }
    Ok(Exit::done_if(explanation.verified))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::fixture::{first, second, signed_body, verify_recipe};

    fn explained(body: &[u8], json: bool) -> (Exit, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, contents: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, contents).expect("written");
            path
        };
        let provider = file("provider.pub", first().public().to_base64().as_bytes());
        let own = file("own.pem", second().to_pkcs8_pem().expose());
        let keys = [
            NamedKey::read(&provider, Role::Expected).expect("a public key"),
            NamedKey::read(&own, Role::Other).expect("a private key"),
        ];
        let explanation =
            sign::explain(body, &verify_recipe(), &keys.each_ref().map(NamedKey::candidate));
        let mut printed = Vec::new();
        let exit = print(&explanation, json, &mut printed).expect("printed");
        (exit, String::from_utf8(printed).expect("text"))
    }

    #[test]
    fn a_message_signed_with_our_own_key_is_explained() {
        let body = signed_body(second(), "{\"a\":1}");
        let (exit, printed) = explained(&body, false);
        assert_eq!(exit, Exit::Failed);
        assert!(printed.contains("own.pem`, which is not an expected one"), "{printed}");
        let (exit, printed) = explained(&body, true);
        assert_eq!(exit, Exit::Failed);
        let report: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
        assert_eq!(report["near_misses"][0]["role"], "other");
    }

    #[test]
    fn a_good_signature_verifies() {
        let (exit, printed) = explained(&signed_body(first(), "{\"a\":1}"), false);
        assert_eq!(exit, Exit::Done);
        assert!(printed.starts_with("the signature verifies\n"), "{printed}");
    }
}
