//! Where the admin side listens, for those who ask a sidecar that runs already. The rest of the file is not looked at: a
//! mistake that somebody is just making there says nothing about the sidecar.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::file::ConfigFile;
use super::listen;
use super::section::Section;
use super::snapshot::Listener;
use super::sources::{Sources, unreadable};
use super::syntax;
use super::walk::Walk;
use crate::mistake::Mistake;

/// The most that is read of the file, in bytes; what `run` would refuse as too large need not be read whole.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Reads `listen.admin` of the file at `path`.
///
/// # Errors
/// When the file cannot be read, is not TOML, or that listener is not one.
pub fn admin_listener(path: &Path) -> Result<Listener, Vec<Mistake>> {
    let text = read(path).map_err(|error| {
        let problem = unreadable("configuration file", &path.display().to_string(), &error);
        vec![Mistake::new("", problem)]
    })?;
    let root = Section::<ConfigFile>::root(syntax::parse(&text)?);
    let mut walk = Walk::new(Sources::new(&|name| std::env::var_os(name), &text));
    match listen::admin(&mut walk, &root.value.listen.value) {
        Some(listener) if walk.mistakes.is_empty() => Ok(listener),
        _ => Err(walk.mistakes),
    }
}

fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    File::open(path)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}
