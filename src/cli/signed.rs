//! A signed message and the keys to check it with: shared by `verify` and `explain`.
//!
//! A message with every member of the provider's request envelope is a request, which one of the account's own keys
//! should have signed; anything else is a notification, which one of the provider's keys should have signed.

use std::path::{Path, PathBuf};

use clap::ArgGroup;
use serde::Serialize;

use super::account::account;
use super::input::{self, MessageSource};
use super::{CommandError, ConfigFile};
use crate::config::Account;
use crate::json;
use crate::provider::Provider;
use crate::sign::{Candidate, PublicKey, RequestRecipe, Role, VerifyRecipe};

/// Where a signed message and its keys come from.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("signers").required(true).args(["account", "keys"]))]
pub struct Source {
    #[command(flatten)]
    message: MessageSource,
    /// A key that should have signed, private or public; may be given several times
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// Use this account's keys and provider: its signing keys for requests, the provider's keys for notifications
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    #[command(flatten)]
    file: ConfigFile,
    /// With `--key`: the provider whose message it is
    #[arg(long, value_name = "NAME", default_value = "bluepay", conflicts_with = "account")]
    provider: String,
}

/// What a message is, judging by its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// A request, sent to a provider.
    Request,
    /// A notification, posted by a provider.
    Notification,
}

/// A message, how it should be signed, and keys.
#[derive(Debug)]
pub struct SignedMessage {
    pub kind: MessageKind,
    pub body: Vec<u8>,
    pub recipe: VerifyRecipe,
    pub keys: Vec<NamedKey>,
}

/// A key and its name: a file's name, or a key path of the configuration.
#[derive(Debug)]
pub struct NamedKey {
    pub name: String,
    pub key: PublicKey,
    pub role: Role,
}

impl Source {
    /// Reads the message and every key.
    pub(super) fn read(&self) -> Result<SignedMessage, CommandError> {
        let Some(name) = &self.account else {
            let provider = input::provider(&self.provider)?;
            let keys: Result<Vec<_>, _> =
                self.keys.iter().map(|path| NamedKey::read(path, Role::Expected)).collect();
            let (keys, body) = (keys?, self.message.read()?);
            let (kind, recipe) = recipe(&provider, &body);
            return Ok(SignedMessage { kind, body, recipe, keys });
        };
        let account = account(&self.file, Some(name))?;
        let body = self.message.read()?;
        let (kind, recipe) = recipe(&account.provider, &body);
        let keys = keys_of(&account, kind)?;
        Ok(SignedMessage { kind, body, recipe, keys })
    }
}

impl SignedMessage {
    /// The keys that may have signed.
    pub fn expected(&self) -> impl Iterator<Item = &NamedKey> {
        self.keys.iter().filter(|key| key.role == Role::Expected)
    }
}

impl NamedKey {
    pub(super) fn read(path: &Path, role: Role) -> Result<Self, CommandError> {
        let key = input::any_key(path)?.public().clone();
        Ok(Self { name: path.display().to_string(), key, role })
    }

    /// The key as a candidate to try.
    pub fn candidate(&self) -> Candidate<'_> {
        Candidate { name: &self.name, key: &self.key, role: self.role }
    }
}

/// Every key of the account; those of the wrong side are the usual cause when a signature fails.
fn keys_of(account: &Account, kind: MessageKind) -> Result<Vec<NamedKey>, CommandError> {
    if kind == MessageKind::Notification && account.provider_keys.is_empty() {
        return Err(CommandError::failed(format!(
            "the message is not a request, and account `{}` has no `provider_key` that could have signed a notification",
            account.name
        )));
    }
    let role = |signs| if kind == signs { Role::Expected } else { Role::Other };
    let own = account.signing_keys.keys().iter().map(|key| NamedKey {
        name: format!("signing_key.{}", key.id),
        key: key.key.public().clone(),
        role: role(MessageKind::Request),
    });
    let theirs = account.provider_keys.iter().map(|key| NamedKey {
        name: format!("provider_key.{}", key.id),
        key: key.key.clone(),
        role: role(MessageKind::Notification),
    });
    Ok(own.chain(theirs).collect())
}

/// The kind of `body`, and how it should be signed.
fn recipe(provider: &Provider, body: &[u8]) -> (MessageKind, VerifyRecipe) {
    match provider.request.verification() {
        Some(recipe) if is_request(&provider.request, body) => (MessageKind::Request, recipe),
        _ => (MessageKind::Notification, provider.notification.clone()),
    }
}

fn is_request(recipe: &RequestRecipe, body: &[u8]) -> bool {
    json::parse_object(body).is_ok_and(|object| {
        recipe.envelope.iter().all(|member| object.member(&member.name).is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{demo, load_text};
    use crate::sign::fixture::request_recipe;

    #[test]
    fn a_request_and_a_notification_are_distinguished_by_their_members() {
        let is_request = |body: &[u8]| is_request(&request_recipe(), body);
        assert!(is_request(br#"{"appId":"1","sign":"","param":""}"#));
        for other in [&br#"{"sign":"","param":""}"#[..], b"{}", b"not JSON", b""] {
            assert!(!is_request(other), "{}", String::from_utf8_lossy(other));
        }
    }

    fn demo_account(with_provider_key: bool) -> std::sync::Arc<Account> {
        let mut text = format!(
            "[[account]]\nname = \"a\"\nprovider = \"bluepay\"\nbase_url = \"http://127.0.0.1:1\"\napp_id = \"x\"\n\
             [[account.signing_key]]\nid = \"own\"\nprivate_key = \"\"\"{}\"\"\"\n",
            demo::MERCHANT_PRIVATE_KEY
        );
        if with_provider_key {
            let key = demo::PROVIDER_PUBLIC_KEY.trim_end();
            text += &format!("[[account.provider_key]]\nid = \"theirs\"\npublic_key = \"{key}\"\n");
        }
        let loaded = load_text(&text).map_err(|mistakes| format!("{mistakes:?}"));
        loaded.expect("a valid configuration").snapshot.accounts["a"].clone()
    }

    #[test]
    fn each_side_s_keys_are_expected_on_its_own_messages_only() {
        let account = demo_account(true);
        for (kind, roles) in [
            (MessageKind::Request, [Role::Expected, Role::Other]),
            (MessageKind::Notification, [Role::Other, Role::Expected]),
        ] {
            let keys = keys_of(&account, kind).expect("keys");
            let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
            assert_eq!(names, ["signing_key.own", "provider_key.theirs"]);
            assert_eq!([keys[0].role, keys[1].role], roles, "{kind:?}");
        }
    }

    #[test]
    fn a_notification_needs_a_provider_key() {
        let account = demo_account(false);
        let error = keys_of(&account, MessageKind::Notification).expect_err("no key").message;
        assert!(error.contains("account `a` has no `provider_key`"), "{error}");
        assert_eq!(keys_of(&account, MessageKind::Request).expect("own key").len(), 1);
    }
}
