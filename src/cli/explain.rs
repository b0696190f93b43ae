//! `countersign explain`: everything about a message's signature, and what would have verified instead.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::input::{self, MessageSource};
use super::{CommandError, Exit, print_json};
use crate::sign::{self, AnyKey, Candidate, Explanation, Role};

/// Explain why a signature verifies or does not
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    message: MessageSource,
    /// A key that should have signed; may be given several times. Of a private key the public half is used
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    /// A key that should not have signed, but may have by mistake; may be given several times
    #[arg(long = "other-key", value_name = "FILE")]
    other_keys: Vec<PathBuf>,
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
    let keys = Keys::read(&args.keys, &args.other_keys)?;
    let body = args.message.read()?;
    let recipe = input::verification(&provider.request, &provider.notification, &body);
    let explanation = sign::explain(&body, &recipe, &keys.candidates());
    print(&explanation, args.json, &mut io::stdout().lock())
}

/// Prints an explanation; the exit says whether the signature verifies.
pub fn print(
    explanation: &Explanation,
    json: bool,
    out: &mut impl Write,
) -> Result<Exit, CommandError> {
    match json {
        true => print_json(explanation, out)?,
        false => write!(out, "{explanation}")?,
    }
    Ok(match explanation.verified {
        true => Exit::Done,
        false => Exit::Failed,
    })
}

struct Keys(Vec<(String, AnyKey, Role)>);

impl Keys {
    fn read(expected: &[PathBuf], others: &[PathBuf]) -> Result<Self, CommandError> {
        let read =
            |path: &Path, role| Ok((path.display().to_string(), input::any_key(path)?, role));
        let expected = expected.iter().map(|path| read(path, Role::Expected));
        let others = others.iter().map(|path| read(path, Role::Other));
        expected.chain(others).collect::<Result<_, _>>().map(Self)
    }

    fn candidates(&self) -> Vec<Candidate<'_>> {
        self.0
            .iter()
            .map(|(name, key, role)| Candidate { name, key: key.public(), role: *role })
            .collect()
    }
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
        let keys = Keys::read(&[provider], &[own]).expect("two keys");
        let explanation = sign::explain(body, &verify_recipe(), &keys.candidates());
        let mut printed = Vec::new();
        let exit = print(&explanation, json, &mut printed).expect("printed");
        (exit, String::from_utf8(printed).expect("text"))
    }

    #[test]
    fn a_message_signed_with_ones_own_key_is_explained() {
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
    fn a_good_signature_is_done() {
        let (exit, printed) = explained(&signed_body(first(), "{\"a\":1}"), false);
        assert_eq!(exit, Exit::Done);
        assert!(printed.starts_with("the signature verifies\n"), "{printed}");
    }
}
