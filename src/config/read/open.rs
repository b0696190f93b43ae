//! Opens a configuration file: its text, parsed into the type that mirrors it.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

use super::files::{CONFIG_BYTES_MAX, CONFIG_FILE, read_regular, unreadable};
use super::reader::Reader;
use super::section::{Keys, Placed, Section};
use super::seen::Seen;
use super::sources::{Environment, Sources};
use super::syntax;
use crate::environment;
use crate::mistake::Mistake;

/// A configuration with mistakes.
#[derive(Debug)]
pub struct Refused {
    /// All of them.
    pub mistakes: Vec<Mistake>,
    /// The files that were read, or should have been.
    pub seen: Seen,
}

impl Refused {
    /// For a single reason that belongs to no key.
    pub(crate) fn because(problem: impl Into<String>, seen: Seen) -> Self {
        Self { mistakes: vec![Mistake::new("", problem)], seen }
    }
}

/// Reads and parses the file at `path`; relative paths in it start at its folder.
///
/// # Errors
/// When the file cannot be read or is not TOML.
pub(crate) fn open<T: Keys>(path: &Path) -> Result<(Section<T>, Reader<'static>), Refused> {
    let mut seen = Seen::default();
    match text(path, &mut seen) {
        Ok(text) => open_text(&text, &environment::variable, seen),
        Err(problem) => Err(Refused::because(problem, seen)),
    }
}

/// Parses text from the file that `seen` names, if it is from a file.
///
/// # Errors
/// When it is not TOML.
pub(crate) fn open_text<'a, T: Keys>(
    text: &str,
    environment: Environment<'a>,
    seen: Seen,
) -> Result<(Section<T>, Reader<'a>), Refused> {
    match syntax::parse(text) {
        Ok(value) => Ok((
            Section::placed(String::new(), value),
            Reader::new(Sources::new(environment, text, seen)),
        )),
        Err(mistakes) => Err(Refused { mistakes, seen }),
    }
}

/// The text of a configuration file. The error describes the problem, without any of the text.
fn text(path: &Path, seen: &mut Seen) -> Result<Zeroizing<String>, String> {
    let bytes = configuration_bytes(path, seen)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(format!("{CONFIG_FILE} `{}` is not UTF-8 text", path.display())),
    }
}

/// The bytes of the configuration file. A file that is not regular, such as a pipe, is read but not recorded: it
/// cannot be read again.
fn configuration_bytes(path: &Path, seen: &mut Seen) -> Result<Zeroizing<Vec<u8>>, String> {
    let shown = path.display().to_string();
    let is_stream = fs::metadata(path).is_ok_and(|it| !it.is_file() && !it.is_dir());
    if is_stream {
        let failed = |error: std::io::Error| unreadable(CONFIG_FILE, &shown, &error);
        let mut bytes = Zeroizing::new(Vec::new());
        let stream = File::open(path).map_err(failed)?;
        stream.take(CONFIG_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
        return Ok(bytes);
    }
    let found = read_regular(CONFIG_FILE, &shown, CONFIG_BYTES_MAX);
    seen.note_configuration(path, &found);
    found.map(|(bytes, _)| bytes)
}
