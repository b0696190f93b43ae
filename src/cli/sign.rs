//! `countersign sign`: turns plain parameters into a provider's signed envelope, without sending it.
//!
//! Without `--operation` it signs the input unchanged and adds nothing, not even a timestamp. With it the parameters
//! are checked and completed as the sidecar would, so that the envelope can be posted directly.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use clap::ArgGroup;
use serde_json::json;

use super::account::account;
use super::input::{self, MessageSource};
use super::output::{print_json, stdout, tell};
use super::{CommandError, ConfigFile, Exit};
use crate::clock::Clock;
use crate::config::Account;
use crate::json::{self, Object};
use crate::provider::{FillContext, Operation, Provider};
use crate::sign::{Hash, PrivateKey, RequestRecipe, SigningKey};

/// Prints the envelope alone, for `curl --data-binary @-`.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("signer").required(true).args(["account", "key"]))]
#[command(after_help = "\
Without `--operation` nothing is added to the parameters, not even a timestamp.

Examples:
  countersign sign --account shop-th --operation payout_create --file payout.json
  countersign sign --key own.pem --app-id 4711 < parameters.json")]
pub struct Args {
    #[command(flatten)]
    message: MessageSource,
    /// Sign for this account: with its application id, its first usable key and its provider
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    #[command(flatten)]
    config: ConfigFile,
    /// The private key that signs, when no account is given
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// With `--key`: the application id that the provider assigned
    #[arg(long, value_name = "ID", conflicts_with = "account")]
    app_id: Option<String>,
    /// With `--key`: the provider whose envelope to make
    #[arg(long, value_name = "NAME", default_value = "bluepay", conflicts_with = "account")]
    provider: String,
    /// Check the parameters against this operation and add what the sidecar would add, such as the timestamp
    #[arg(long, value_name = "NAME", conflicts_with = "raw")]
    operation: Option<String>,
    /// Sign every byte of the input, including blanks and line ends around the object
    #[arg(long)]
    raw: bool,
    /// Print JSON: the envelope as a string, the signed text, its hash, the key's fingerprint and the URL it would be
    /// posted to
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let merchant = Merchant::of(args)?;
    let operation = args.operation.as_deref().map(|name| operation(&merchant.provider, name));
    let operation = operation.transpose()?;
    let input = args.message.read()?;
    let parameters = match &operation {
        Some(operation) => merchant.parameters(operation, &input, &Clock::System)?,
        None if args.raw => raw_text(input)?,
        None => object_text(&input)?,
    };
    let recipe = &merchant.provider.request;
    let signed = sign_parameters(recipe, &merchant.key.key, &merchant.app_id, parameters);
    let url = merchant.url(operation.as_deref());
    if let (Some(url), false) = (&url, args.json) {
        tell(format_args!("to be posted to {url}"));
    }
    print(&signed, url, args.json, &mut stdout())?;
    Ok(Exit::Done)
}

/// The merchant for whom a request is signed.
struct Merchant {
    app_id: String,
    key: Arc<SigningKey>,
    provider: Arc<Provider>,
    /// The account that provides the notify URL and the base URL.
    account: Option<Arc<Account>>,
}

impl Merchant {
    fn of(args: &Args) -> Result<Self, CommandError> {
        if let Some(path) = &args.key {
            let app_id = args.app_id.as_ref().ok_or_else(|| {
                CommandError::usage("`--key` needs `--app-id`, the id that the provider assigned")
            })?;
            let (id, key) = (path.display().to_string(), input::private_key(path)?);
            return Ok(Self {
                app_id: app_id.clone(),
                key: Arc::new(SigningKey { id, key, not_before: None, not_after: None }),
                provider: Arc::new(input::provider(&args.provider)?),
                account: None,
            });
        }
        let account = account(&args.config, args.account.as_deref())?;
        let key = account.signing_keys.usable_at(Clock::System.now()).ok_or_else(|| {
            let name = &account.name;
            CommandError::failed(format!("account `{name}`: no `signing_key` is valid now"))
        })?;
        Ok(Self {
            app_id: account.app_id.clone(),
            key: key.clone(),
            provider: account.provider.clone(),
            account: Some(account.clone()),
        })
    }

    /// The parameters as the sidecar would sign them: checked, and with the profile's additions.
    fn parameters(
        &self,
        operation: &Operation,
        input: &[u8],
        clock: &Clock,
    ) -> Result<String, CommandError> {
        let notify_url = self.account.as_ref().and_then(|account| account.notify_url.as_deref());
        let context = FillContext { unix_ms: clock.unix_ms(), notify_url };
        let parameters = parse(input)?;
        operation.validate(&parameters, &context).map_err(|errors| {
            let first = format!("the parameters break the rules of `{}`", operation.name);
            CommandError::failed(
                errors.iter().fold(first, |lines, error| format!("{lines}\n  {}", error.message)),
            )
        })?;
        let additions = operation.additions(&parameters, &context);
        Ok(parameters.splice(additions.iter().map(|(name, value)| (*name, value.as_str()))))
    }

    fn url(&self, operation: Option<&Operation>) -> Option<String> {
        Some(format!("{}{}", self.account.as_ref()?.base_url, operation?.path))
    }
}

fn operation(provider: &Provider, name: &str) -> Result<Arc<Operation>, CommandError> {
    let found = provider.find(name.strip_prefix('/').unwrap_or(name));
    found.cloned().ok_or_else(|| {
        let names: Vec<&str> = provider.operations.iter().map(|it| it.name.as_str()).collect();
        let names = names.join(", ");
        CommandError::usage(format!(
            "provider `{}` has no operation `{name}`, expected one of {names}",
            provider.name
        ))
    })
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

/// Signs `parameters` unchanged and wraps them as `recipe` says.
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

/// The one JSON object in `input`, without the white space around it.
pub fn object_text(input: &[u8]) -> Result<String, CommandError> {
    Ok(parse(input)?.text().to_owned())
}

fn parse(input: &[u8]) -> Result<Object<'_>, CommandError> {
    json::parse_object(input)
        .map_err(|error| CommandError::failed(format!("the parameters: {error}")))
}

fn raw_text(input: Vec<u8>) -> Result<String, CommandError> {
    String::from_utf8(input).map_err(|_| CommandError::failed("the parameters are not UTF-8"))
}

/// Prints a signed request: the envelope alone, or everything as JSON.
pub fn print(
    signed: &Signed,
    url: Option<String>,
    as_json: bool,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    if !as_json {
        out.write_all(&signed.envelope)?;
        return Ok(writeln!(out)?);
    }
    let as_text =
        |bytes| std::str::from_utf8(bytes).expect("envelope and message are made of strings");
    let report = json!({
        "envelope": as_text(&signed.envelope),
        "text": as_text(&signed.message),
        "bytes": signed.message.len(),
        "sha256": Hash::Sha256.digest_hex(&signed.message),
        "hash": signed.hash,
        "key": signed.key,
        "url": url,
    });
    print_json(&report, out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::fixture::{first, request_recipe, verify_recipe};

    #[test]
    fn parameters_that_are_not_an_object_are_refused() {
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
    fn the_line_end_after_the_object_is_signed_only_on_request() {
        assert_eq!(object_text(b" {\"a\": 1.0}\n").expect("an object"), "{\"a\": 1.0}");
        assert_eq!(raw_text(b" {\"a\": 1.0}\n".to_vec()).expect("text"), " {\"a\": 1.0}\n");
    }

    #[test]
    fn the_envelope_is_printed_alone_and_verifies() {
        let signed = sign_parameters(&request_recipe(), first(), "app-1", "{\"a\":1.0}".into());
        let mut printed = Vec::new();
        print(&signed, None, false, &mut printed).expect("printed");
        assert_eq!(printed.last(), Some(&b'\n'));
        assert_eq!(verify_recipe().verify(&printed, [first().public()]), Some(0));
        let mut printed = Vec::new();
        print(&signed, None, true, &mut printed).expect("printed");
        let report: serde_json::Value = serde_json::from_slice(&printed).expect("JSON");
        assert_eq!(report["envelope"].as_str().map(str::as_bytes), Some(&signed.envelope[..]));
        assert_eq!((&report["text"], &report["bytes"]), (&"{\"a\":1.0}".into(), &9.into()));
        assert_eq!(report["sha256"], Hash::Sha256.digest_hex(b"{\"a\":1.0}"));
        assert_eq!(report["key"], first().public().fingerprint());
    }
}
