//! Reads what configuration values refer to: environment variables and files. Keeps the hash over everything that was
//! read.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;

use aws_lc_rs::digest::{Context, SHA256};
use zeroize::Zeroizing;

use super::files::{Contents, FILE, FILE_BYTES_MAX, read_regular};
use super::paths::{Located, Paths};
use super::seen::Seen;
use crate::sign::hex;

/// The longest reference that is shown; a longer one is likely the value itself, written instead of a reference.
const SHOWN_CHARACTERS_MAX: usize = 200;

/// How an environment variable is looked up: in the process's own environment, or a test's.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The places values are read from. Each file is read once: two values that refer to it cannot get different contents.
pub(crate) struct Sources<'a> {
    /// The files that were read so far.
    pub seen: Seen,
    paths: Paths,
    /// Paths that have already caused a warning.
    told: BTreeSet<String>,
    environment: Environment<'a>,
    hash: Context,
    contents: HashMap<String, Result<Contents, String>>,
}

/// A value that was read from elsewhere.
pub(crate) struct Resolved {
    /// Not empty, without line breaks at its end; wiped on drop.
    pub text: Zeroizing<String>,
    /// The file is open to its group or to everyone.
    pub is_exposed: bool,
    /// A warning about where the file was found.
    pub warning: Option<String>,
}

impl<'a> Sources<'a> {
    /// Starts with the configuration's own text, from the file that `seen` names: relative paths start at its folder.
    pub fn new(environment: Environment<'a>, configuration: &str, seen: Seen) -> Self {
        let mut sources = Self {
            paths: Paths::of(seen.configuration()),
            seen,
            told: BTreeSet::new(),
            environment,
            hash: Context::new(&SHA256),
            contents: HashMap::new(),
        };
        sources.add_to_hash(configuration.as_bytes());
        sources
    }

    /// The resolved path of `written`, and, once for each path, a warning about it.
    pub fn locate(&mut self, written: &str) -> (Located, Option<String>) {
        let located = self.paths.locate(written);
        let warning = located.warning(written).filter(|_| self.told.insert(written.to_owned()));
        (located, warning)
    }

    /// The value of environment variable `name`. The error describes the problem, without any of the value.
    pub fn env(&self, name: &str) -> Result<Resolved, String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let is_name = !name.is_empty()
            && name.len() <= SHOWN_CHARACTERS_MAX
            && name.bytes().all(allowed)
            && !name.starts_with(|first: char| first.is_ascii_digit());
        if !is_name {
            return Err("found something that cannot name an environment variable after `env`, \
                        expected letters, digits and `_`"
                .into());
        }
        let value = (self.environment)(name).ok_or_else(|| {
            format!("environment variable `{name}` is not set, expected it to hold the value")
        })?;
        let bytes = Zeroizing::new(value.into_encoded_bytes());
        let text = text_of(&bytes, &format!("environment variable `{name}`"))?;
        Ok(Resolved { text, is_exposed: false, warning: None })
    }

    /// The contents of the file at `path`. The error describes the problem, without any of the contents.
    pub fn file(&mut self, path: &str) -> Result<Resolved, String> {
        let looks_like_a_path = !path.is_empty()
            && path.len() <= SHOWN_CHARACTERS_MAX
            && !path.chars().any(char::is_control)
            && !path.starts_with("whsec_")
            && !path.starts_with("-----");
        if !looks_like_a_path {
            return Err("found something that cannot be the path of a file after `file`".into());
        }
        let (located, warning) = self.locate(path);
        let (bytes, mode) = self.contents(&located)?;
        self.add_to_hash(path.as_bytes());
        self.add_to_hash(&bytes);
        let text = text_of(&bytes, &format!("file `{path}`"))?;
        Ok(Resolved { text, is_exposed: mode & 0o077 != 0, warning })
    }

    fn contents(&mut self, located: &Located) -> Result<Contents, String> {
        let path = located.path.as_str();
        if let Some(known) = self.contents.get(path) {
            return known.clone();
        }
        let found = read_regular(FILE, path, FILE_BYTES_MAX);
        if let Some(awaited) = located.awaited() {
            self.seen.note(awaited, &read_regular(FILE, awaited, FILE_BYTES_MAX));
        }
        self.seen.note(path, &found);
        self.contents.insert(path.to_owned(), found.clone());
        found
    }

    /// SHA-256 in hex over the configuration and every file read.
    pub fn hash(&self) -> String {
        hex(self.hash.clone().finish().as_ref())
    }

    fn add_to_hash(&mut self, bytes: &[u8]) {
        // The length separates the end of one part from the beginning of the next.
        self.hash.update(&(bytes.len() as u64).to_be_bytes());
        self.hash.update(bytes);
    }
}

fn text_of(bytes: &[u8], place: &str) -> Result<Zeroizing<String>, String> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| format!("{place} does not hold UTF-8 text, expected text"))?
        .trim_end_matches(['\r', '\n']);
    match text.trim().is_empty() {
        true => Err(format!("{place} is empty, expected it to hold the value")),
        false => Ok(Zeroizing::new(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn nothing(_: &str) -> Option<OsString> {
        None
    }

    fn refused(result: Result<Resolved, String>) -> String {
        result.err().expect("it should be refused")
    }

    #[test]
    fn a_value_written_instead_of_a_reference_is_not_shown() {
        let mut sources = Sources::new(&nothing, "", Seen::default());
        let pem = "-----BEGIN PRIVATE KEY-----canary";
        let secret = "whsec_canary";
        let base64 = "canary0000".repeat(30);
        for value in [pem, secret, &base64] {
            assert!(!refused(sources.file(value)).contains("canary"), "file must not echo");
        }
        for value in [pem, "canary/=+", &base64] {
            assert!(!refused(sources.env(value)).contains("canary"), "env must not echo");
        }
    }

    #[test]
    fn a_missing_empty_or_non_text_value_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        fs::write(path("empty"), "\r\n\n").expect("written");
        fs::write(path("binary"), [0xff, 0xfe]).expect("written");
        fs::write(path("large"), vec![b'a'; FILE_BYTES_MAX as usize + 1]).expect("written");
        let mut sources = Sources::new(&nothing, "", Seen::default());
        for (name, problem) in [
            ("empty", "is empty"),
            ("binary", "does not hold UTF-8"),
            ("large", "is larger than"),
            ("missing", "does not exist"),
            (".", "not a regular file"),
        ] {
            let found = refused(sources.file(&path(name)));
            assert!(found.contains(problem), "`{name}`: {found}");
        }
        assert!(refused(sources.env("NOT_SET")).contains("is not set"));
    }

    #[test]
    fn line_breaks_at_the_end_are_not_part_of_a_value() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token").to_string_lossy().into_owned();
        fs::write(&path, "a b\nc\r\n\n").expect("written");
        let read = Sources::new(&nothing, "", Seen::default()).file(&path).expect("text");
        assert_eq!(read.text.as_str(), "a b\nc");
    }

    #[test]
    fn the_hash_changes_with_the_configuration_and_with_every_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key").to_string_lossy().into_owned();
        let hash_of = |configuration: &str, contents: &str| {
            fs::write(&path, contents).expect("written");
            let mut sources = Sources::new(&nothing, configuration, Seen::default());
            sources.file(&path).expect("text");
            sources.hash()
        };
        let first = hash_of("a", "1");
        assert_eq!(first, hash_of("a", "1"));
        assert_ne!(first, hash_of("b", "1"), "the configuration changed");
        assert_ne!(first, hash_of("a", "2"), "the file changed");
    }
}
