//! `countersign sign`: turns plain parameters into a provider's signed envelope, without sending it.
//!
//! It signs what it is given: nothing is added to the parameters, no timestamp either.

use std::io::{self, Write};
use std::path::PathBuf;

use bytes::Bytes;
use serde::Serialize;

use super::input::{self, MessageSource};
use super::{CommandError, Exit, print_json};
use crate::json;
use crate::sign::{Hash, PrivateKey, RequestRecipe};

/// Sign plain parameters and print the envelope
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    message: MessageSource,
    /// The private key that signs
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The application id the provider gave
    #[arg(long, value_name = "ID")]
    app_id: String,
    /// Whose envelope to make
    #[arg(long, value_name = "NAME", default_value = "bluepay")]
    provider: String,
    /// Sign every byte of the input as it stands, blanks and line ends around the object included
    #[arg(long)]
    raw: bool,
    /// Print JSON: the envelope as a string, the signed text, its hash and the key's fingerprint
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let provider = input::provider(&args.provider)?;
    let key = input::private_key(&args.key)?;
    let parameters = match args.raw {
        true => raw_text(args.message.read()?)?,
        false => object_text(&args.message.read()?)?,
    };
    let signed = sign_parameters(&provider.request, &key, &args.app_id, parameters);
    print(&signed, args.json, &mut io::stdout().lock())?;
    Ok(Exit::Done)
}

/// A signed request, and what was signed for it.
#[derive(Debug)]
pub struct Signed {
    /// The complete request body.
    pub envelope: Bytes,
    /// The exact bytes the signature is over.
    pub message: Bytes,
    /// The hash it was made with.
    pub hash: Hash,
    /// Fingerprint of the key that signed.
    pub key: String,
}

/// Signs `parameters` as they stand and wraps them as `recipe` says.
pub fn sign_parameters(
    recipe: &RequestRecipe,
    key: &PrivateKey,
    client_id: &str,
    parameters: String,
) -> Signed {
    let unsigned = recipe.prepare(client_id, parameters);
    let message = unsigned.message();
    let signature = key.sign(recipe.hash(), &message);
    Signed {
        envelope: unsigned.finish(&signature),
        message,
        hash: recipe.hash(),
        key: key.public().fingerprint(),
    }
}

/// The one JSON object in `input`, without what stands around it.
pub fn object_text(input: &[u8]) -> Result<String, CommandError> {
    json::parse_object(input).map(|object| object.text().to_owned()).map_err(|error| {
        CommandError::failed(format!("the parameters are no JSON object: {error}"))
    })
}

fn raw_text(input: Vec<u8>) -> Result<String, CommandError> {
    String::from_utf8(input).map_err(|_| CommandError::failed("the parameters are not UTF-8"))
}

/// Prints a signed request: the envelope alone, or everything as JSON.
pub fn print(signed: &Signed, json: bool, out: &mut impl Write) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct Report<'a> {
        envelope: &'a str,
        text: &'a str,
        bytes: usize,
        sha256: String,
        hash: Hash,
        key: &'a str,
    }
    if !json {
        out.write_all(&signed.envelope)?;
        return Ok(writeln!(out)?);
    }
    let as_text =
        |bytes| std::str::from_utf8(bytes).expect("envelope and message are made of strings");
    let report = Report {
        envelope: as_text(&signed.envelope),
        text: as_text(&signed.message),
        bytes: signed.message.len(),
        sha256: Hash::Sha256.digest_hex(&signed.message),
        hash: signed.hash,
        key: &signed.key,
    };
    print_json(&report, out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::fixture::{first, request_recipe, verify_recipe};

    #[test]
    fn parameters_that_are_no_object_are_refused() {
        for (input, words) in [
            (&b""[..], "the body is empty"),
            (b"[1]", "a JSON object"),
            (b"{\"a\":1,\"a\":2}", "appears twice"),
            (b"{\"a\":\"\xff\"}", "not UTF-8"),
        ] {
            let error = object_text(input).expect_err("should be refused").message;
            assert!(error.contains(words), "`{error}` should say {words}");
        }
        assert!(raw_text(vec![0xff]).is_err());
    }

    #[test]
    fn the_line_end_behind_the_object_is_signed_only_when_asked_for() {
        assert_eq!(object_text(b" {\"a\": 1.0}\n").expect("an object"), "{\"a\": 1.0}");
        assert_eq!(raw_text(b" {\"a\": 1.0}\n".to_vec()).expect("text"), " {\"a\": 1.0}\n");
    }

    #[test]
    fn the_envelope_is_printed_alone_and_verifies() {
        let signed = sign_parameters(&request_recipe(), first(), "app-1", "{\"a\":1.0}".into());
        let mut printed = Vec::new();
        print(&signed, false, &mut printed).expect("printed");
        assert_eq!(printed.last(), Some(&b'\n'));
        assert_eq!(verify_recipe().verify(&printed, [first().public()]), Some(0));
        let mut printed = Vec::new();
        print(&signed, true, &mut printed).expect("printed");
        let report: serde_json::Value = serde_json::from_slice(&printed).expect("JSON");
        assert_eq!(report["envelope"].as_str().map(str::as_bytes), Some(&signed.envelope[..]));
        assert_eq!((&report["text"], &report["bytes"]), (&"{\"a\":1.0}".into(), &9.into()));
        assert_eq!(report["sha256"], Hash::Sha256.digest_hex(b"{\"a\":1.0}"));
        assert_eq!(report["key"], first().public().fingerprint());
    }
}
