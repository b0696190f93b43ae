//! What the message commands read: a message, keys, and the recipe that goes with them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::CommandError;
use crate::json;
use crate::provider::{Provider, builtin_names};
use crate::secret::Secret;
use crate::sign::{AnyKey, PrivateKey, RequestRecipe, VerifyRecipe};
use crate::wire::APP_BODY_BYTES_MAX;

/// The largest key file that is read, in bytes. An 8192-bit private key is 6.5 KB of PEM.
const KEY_FILE_BYTES_MAX: usize = 64 * 1024;

/// Where the message comes from.
#[derive(Debug, clap::Args)]
pub struct MessageSource {
    /// Read the message from FILE instead of standard input
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

impl MessageSource {
    pub(super) fn read(&self) -> Result<Vec<u8>, CommandError> {
        match &self.file {
            Some(path) => read_file(path, APP_BODY_BYTES_MAX),
            None => read_bounded(io::stdin().lock(), "standard input", APP_BODY_BYTES_MAX),
        }
    }
}

pub(super) fn private_key(path: &Path) -> Result<PrivateKey, CommandError> {
    PrivateKey::from_text(&key_text(path)?).map_err(|error| key_file_error(path, &error))
}

pub(super) fn any_key(path: &Path) -> Result<AnyKey, CommandError> {
    AnyKey::from_text(&key_text(path)?).map_err(|error| key_file_error(path, &error))
}

/// A built-in provider.
pub(super) fn provider(name: &str) -> Result<Provider, CommandError> {
    Provider::builtin(name).ok_or_else(|| {
        let names: Vec<String> = builtin_names().iter().map(|name| format!("`{name}`")).collect();
        CommandError::usage(format!("no provider `{name}`, expected {}", names.join(", ")))
    })
}

/// The recipe that `body` should verify with: a request's when it has every member of the provider's request envelope,
/// and a notification's otherwise.
pub(super) fn verification(
    request: &RequestRecipe,
    notification: &VerifyRecipe,
    body: &[u8],
) -> VerifyRecipe {
    let is_request = json::parse_object(body).is_ok_and(|object| {
        request.envelope.iter().all(|member| object.member(&member.name).is_some())
    });
    match request.verification() {
        Some(recipe) if is_request => recipe,
        _ => notification.clone(),
    }
}

fn key_text(path: &Path) -> Result<Secret, CommandError> {
    read_file(path, KEY_FILE_BYTES_MAX).map(Secret::new)
}

fn key_file_error(path: &Path, error: &impl std::fmt::Display) -> CommandError {
    CommandError::failed(format!("key file `{}`: {error}", path.display()))
}

fn read_file(path: &Path, bytes_max: usize) -> Result<Vec<u8>, CommandError> {
    let file = File::open(path)
        .map_err(|error| CommandError::failed(format!("`{}`: {error}", path.display())))?;
    read_bounded(file, &path.display().to_string(), bytes_max)
}

fn read_bounded(from: impl Read, name: &str, bytes_max: usize) -> Result<Vec<u8>, CommandError> {
    // Room for a whole key file at once: growing would leave copies of a private key behind.
    let mut bytes = Vec::with_capacity(KEY_FILE_BYTES_MAX + 1);
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    from.take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| CommandError::failed(format!("`{name}`: {error}")))?;
    match bytes.len() > bytes_max {
        true => Err(CommandError::failed(format!("`{name}` is longer than {bytes_max} bytes"))),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::Placement;
    use crate::sign::fixture::{request_recipe, verify_recipe};

    #[test]
    fn an_input_without_end_is_not_read_to_the_end() {
        let error = read_bounded(io::repeat(b'x'), "stdin", 10).expect_err("too long").message;
        assert_eq!(error, "`stdin` is longer than 10 bytes");
        assert_eq!(read_bounded(&b"1234567890"[..], "stdin", 10).expect("fits").len(), 10);
    }

    #[test]
    fn a_key_file_that_is_missing_or_is_no_key_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("shop.pem");
        let missing = any_key(&path).map(drop).expect_err("missing").message;
        assert!(missing.contains("shop.pem") && missing.contains("No such file"), "{missing}");
        std::fs::write(&path, "changeme").expect("written");
        let wrong = private_key(&path).map(drop).expect_err("no key").message;
        assert!(wrong.starts_with("key file `") && wrong.contains("not an RSA key"), "{wrong}");
    }

    #[test]
    fn the_recipes_of_every_built_in_provider_can_be_carried_out() {
        for name in builtin_names() {
            let provider = provider(name).expect("built in");
            assert_eq!(provider.request.check(), Ok(()), "requests of `{name}`");
            assert_eq!(provider.notification.check(), Ok(()), "notifications of `{name}`");
        }
        let error = provider("blupay").map(drop).expect_err("no such provider");
        assert!(error.message.contains("expected `bluepay`"), "{}", error.message);
    }

    #[test]
    fn a_request_and_a_notification_are_told_apart_by_their_members() {
        let notification = VerifyRecipe {
            placement: Placement::JsonMember("signature".into()),
            ..verify_recipe()
        };
        let chosen = |body: &[u8]| verification(&request_recipe(), &notification, body);
        assert_eq!(chosen(br#"{"appId":"1","sign":"","param":""}"#), verify_recipe());
        assert_eq!(chosen(br#"{"signature":"","param":""}"#), notification);
        assert_eq!(chosen(b"not JSON"), notification);
    }
}
