//! Input of the message commands: a message, keys, and the matching recipe.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use super::CommandError;
use super::output::tell;
use crate::provider::{Provider, builtin_names};
use crate::secret::Secret;
use crate::sign::{AnyKey, PrivateKey};
use crate::wire::APP_BODY_BYTES_MAX;

/// The largest key file that is read, in bytes. An 8192-bit private key is 6.5 KB of PEM.
const KEY_FILE_BYTES_MAX: usize = 64 * 1024;

/// Where the message comes from.
#[derive(Debug, clap::Args)]
pub struct MessageSource {
    /// Read the message from FILE; from standard input by default, or with `-`
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

impl MessageSource {
    pub(super) fn read(&self) -> Result<Vec<u8>, CommandError> {
        match &self.file {
            Some(path) if path.as_os_str() != "-" => {
                read_file("message file", path, APP_BODY_BYTES_MAX)
            }
            _ => read_standard_input(),
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

fn key_text(path: &Path) -> Result<Secret, CommandError> {
    read_file("key file", path, KEY_FILE_BYTES_MAX).map(Secret::new)
}

fn key_file_error(path: &Path, error: &impl std::fmt::Display) -> CommandError {
    CommandError::failed(format!("key file `{}`: {error}", path.display()))
}

fn read_file(what: &str, path: &Path, bytes_max: usize) -> Result<Vec<u8>, CommandError> {
    let name = format!("{what} `{}`", path.display());
    let file =
        File::open(path).map_err(|error| CommandError::failed(format!("{name}: {error}")))?;
    read_bounded(file, &name, bytes_max)
}

fn read_standard_input() -> Result<Vec<u8>, CommandError> {
    let input = io::stdin().lock();
    if input.is_terminal() {
        tell("reading the message from the terminal: end it with Ctrl-D, or use `--file FILE`");
    }
    read_bounded(input, "standard input", APP_BODY_BYTES_MAX)
}

fn read_bounded(from: impl Read, name: &str, bytes_max: usize) -> Result<Vec<u8>, CommandError> {
    // Reserve space for a whole key file at once: growing would leave copies of a private key behind.
    let mut bytes = Vec::with_capacity(KEY_FILE_BYTES_MAX + 1);
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    from.take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| CommandError::failed(format!("{name}: {error}")))?;
    match bytes.len() > bytes_max {
        true => Err(CommandError::failed(format!("{name}: longer than {bytes_max} bytes"))),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_input_is_not_read_to_the_end() {
        let error = read_bounded(io::repeat(b'x'), "stdin", 10).expect_err("too long").message;
        assert_eq!(error, "stdin: longer than 10 bytes");
        assert_eq!(read_bounded(&b"1234567890"[..], "stdin", 10).expect("fits").len(), 10);
    }

    #[test]
    fn a_key_file_that_is_missing_or_not_a_key_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("shop.pem");
        let missing = any_key(&path).map(drop).expect_err("missing").message;
        assert!(missing.contains("shop.pem") && missing.contains("No such file"), "{missing}");
        std::fs::write(&path, "changeme").expect("written");
        let wrong = private_key(&path).map(drop).expect_err("no key").message;
        assert!(wrong.starts_with("key file `") && wrong.contains("not an RSA key"), "{wrong}");
    }

    #[test]
    fn the_recipes_of_every_built_in_provider_can_be_applied() {
        for name in builtin_names() {
            let provider = provider(name).expect("built in");
            assert_eq!(provider.request.check(), Ok(()), "requests of `{name}`");
            assert_eq!(provider.notification.check(), Ok(()), "notifications of `{name}`");
        }
        let error = provider("blupay").map(drop).expect_err("no such provider");
        assert!(error.message.contains("expected `bluepay`"), "{}", error.message);
    }
}
