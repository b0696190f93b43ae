//! Which files a configuration was read from, and hashes of their contents: shows whether it must be read again.
//!
//! Only hashes are kept. A file that could not be read is included: its appearance is a change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};

use super::files::{CONFIG_BYTES_MAX, CONFIG_FILE, Contents, FILE, FILE_BYTES_MAX, read_regular};

/// The state of the files in one attempt to read a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The configuration file; nothing when the text came from elsewhere.
    configuration: Option<PathBuf>,
    files: BTreeMap<PathBuf, Held>,
}

/// The SHA-256 of a file's contents, or why there are none.
type Held = Result<Vec<u8>, String>;

impl Seen {
    /// Of the configuration file alone, before it was read.
    pub(crate) fn of_nothing(path: &Path) -> Self {
        let mut seen = Self::default();
        seen.note_configuration(path, &Err(String::new()));
        seen
    }

    /// The configuration file, if it can be read again: not text from a pipe or from memory.
    pub fn configuration(&self) -> Option<&Path> {
        self.configuration.as_deref()
    }

    /// Every file that was read or should have been, the configuration first.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let referred = self.files.keys().map(PathBuf::as_path);
        let others = referred.filter(|path| Some(*path) != self.configuration());
        self.configuration().into_iter().chain(others)
    }

    /// Reads every file again. False if one of them has changed.
    pub fn still_holds(&self) -> bool {
        self.files.iter().all(|(path, before)| {
            let (what, bytes_max) = match Some(path.as_path()) == self.configuration() {
                true => (CONFIG_FILE, CONFIG_BYTES_MAX),
                false => (FILE, FILE_BYTES_MAX),
            };
            *before == held(&read_regular(what, &path.to_string_lossy(), bytes_max))
        })
    }

    /// Records the configuration file itself.
    pub(super) fn note_configuration(&mut self, path: &Path, found: &Result<Contents, String>) {
        self.configuration = Some(path.to_owned());
        self.files.insert(path.to_owned(), held(found));
    }

    /// Records a file that the configuration refers to.
    pub(super) fn note(&mut self, path: &str, found: &Result<Contents, String>) {
        self.files.insert(path.into(), held(found));
    }
}

fn held(found: &Result<Contents, String>) -> Held {
    let (bytes, _) = found.as_ref().map_err(Clone::clone)?;
    Ok(digest(&SHA256, bytes).as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::config;

    #[test]
    fn a_file_that_changes_appears_or_vanishes_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (kept, missing) = (folder.path().join("kept"), folder.path().join("missing"));
        fs::write(&kept, "one").expect("written");
        let mut seen = Seen::default();
        for path in [&kept, &missing] {
            let path = path.to_string_lossy();
            let found = read_regular(FILE, &path, FILE_BYTES_MAX);
            seen.note(&path, &found);
        }
        assert!(seen.still_holds(), "a file that is still missing is not a change");
        fs::write(&missing, "").expect("written");
        assert!(!seen.still_holds(), "a file appeared");
        fs::remove_file(&missing).expect("removed");
        fs::write(&kept, "two").expect("written");
        assert!(!seen.still_holds(), "a file holds something else");
        fs::write(&kept, "one").expect("written");
        assert!(
            seen.still_holds(),
            "restored contents are not a change, whatever the file's times"
        );
        fs::remove_file(&kept).expect("removed");
        assert!(!seen.still_holds(), "a file vanished");
    }

    #[test]
    fn a_configuration_that_is_refused_still_names_the_files_it_refers_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, key) = (folder.path().join("c.toml"), folder.path().join("no-such-key"));
        let text = format!(
            "[[account]]\nname = \"shop\"\nsigning_key = [{{ id = \"k\", private_key = {{ file = {key:?} }} }}]"
        );
        fs::write(&file, text).expect("written");
        let Err(refused) = config::load_at_rest(&file, Duration::ZERO) else {
            panic!("it has mistakes")
        };
        assert_eq!(refused.seen.files().collect::<Vec<_>>(), [file.as_path(), key.as_path()]);
    }

    #[test]
    fn a_relative_path_is_watched_at_the_new_and_the_old_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, key) = (folder.path().join("c.toml"), "keys/no-such-key");
        let text = format!(
            "[[account]]\nname = \"shop\"\nsigning_key = [{{ id = \"k\", private_key = {{ file = {key:?} }} }}]"
        );
        fs::write(&file, text).expect("written");
        let Err(refused) = config::load_at_rest(&file, Duration::ZERO) else {
            panic!("it has mistakes")
        };
        let (here, there) =
            (folder.path().join(key), std::env::current_dir().expect("a folder").join(key));
        let seen: Vec<&Path> = refused.seen.files().collect();
        assert!(
            seen.len() == 3 && seen.contains(&here.as_path()) && seen.contains(&there.as_path()),
            "{seen:?}"
        );
        fs::create_dir(folder.path().join("keys")).expect("made");
        fs::write(&here, "a key").expect("written");
        assert!(!refused.seen.still_holds(), "the file appeared where it is looked for");
    }
}
