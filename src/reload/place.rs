//! Where a change of a file is visible: the directories to watch, and the names in them that matter.
//!
//! A file is never watched itself: renaming another one over it would leave the watch on the old one. A path that
//! goes through symbolic links changes when any of the links does, which is how Kubernetes replaces mounted files.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Component, Path, PathBuf, absolute};

/// The most links followed in one path: the kernel's limit.
const LINKS_MAX: usize = 40;

/// Directories with the names in them that matter.
#[derive(Default, Debug, PartialEq, Eq)]
pub(super) struct Places(BTreeMap<PathBuf, BTreeSet<OsString>>);

impl Places {
    /// Where changes of `files` are visible now; compute it again after every change.
    pub fn of<'a>(files: impl Iterator<Item = &'a Path>) -> Self {
        let mut places = Self::default();
        for file in files {
            // Fails only for an empty path, which no file has.
            if let Ok(path) = absolute(file) {
                places.trace(&path);
            }
        }
        places
    }

    /// The directories to watch.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    /// Whether an event at `path` may change what is read.
    pub fn concerns(&self, path: &Path) -> bool {
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return true };
        let is_named = self.0.get(directory).is_some_and(|names| names.contains(name));
        is_named || self.0.contains_key(path)
    }

    fn trace(&mut self, path: &Path) {
        let mut path = path.to_owned();
        for _ in 0..LINKS_MAX {
            match self.trace_to_first_link(&path) {
                Some(behind) => path = behind,
                None => return,
            }
        }
    }

    /// Records what matters up to the first link on the path, and returns the path with that link followed.
    fn trace_to_first_link(&mut self, path: &Path) -> Option<PathBuf> {
        let mut directory = PathBuf::new();
        let mut components = path.components();
        while let Some(component) = components.next() {
            let Component::Normal(name) = component else {
                match component {
                    Component::ParentDir => drop(directory.pop()),
                    other => directory.push(other),
                }
                continue;
            };
            let rest = components.as_path();
            let here = directory.join(name);
            let found = fs::symlink_metadata(&here);
            let is_link = found.as_ref().is_ok_and(fs::Metadata::is_symlink);
            // The file in its directory, and the directory itself, which may be removed and created again.
            if is_link || found.is_err() || rest.components().count() <= 1 {
                self.note(&directory, name);
            }
            if is_link {
                let target = fs::read_link(&here).ok()?;
                return Some(directory.join(target).join(rest));
            }
            if found.is_err() {
                return None;
            }
            directory = here;
        }
        None
    }

    fn note(&mut self, directory: &Path, name: &OsStr) {
        self.0.entry(directory.to_owned()).or_default().insert(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder without links in its own path.
    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().canonicalize().expect("it exists");
        (folder, path)
    }

    fn places(file: &Path) -> Places {
        Places::of(std::iter::once(file))
    }

    #[test]
    fn every_link_of_a_mounted_secret_matters() {
        let (_kept, root) = folder();
        fs::create_dir_all(root.join("mount/..1")).expect("made");
        fs::write(root.join("mount/..1/key"), "k").expect("written");
        symlink("..1", root.join("mount/..data")).expect("linked");
        symlink("..data/key", root.join("mount/key")).expect("linked");
        let places = places(&root.join("mount/key"));
        for path in ["mount/key", "mount/..data", "mount/..1", "mount/..1/key", "mount"] {
            assert!(places.concerns(&root.join(path)), "`{path}` should matter: {places:?}");
        }
        for path in ["mount/..2", "mount/other", "other"] {
            assert!(!places.concerns(&root.join(path)), "`{path}` should not matter");
        }
    }

    #[test]
    fn a_missing_file_is_watched_where_it_would_appear() {
        let (_kept, root) = folder();
        let missing = places(&root.join("no/such/key"));
        assert!(missing.concerns(&root.join("no")));
        assert!(!missing.directories().any(|it| it.ends_with("no")), "it cannot be watched yet");
    }

    #[test]
    fn a_directory_that_is_removed_and_created_again_matters() {
        let (_kept, root) = folder();
        fs::create_dir(root.join("keys")).expect("made");
        fs::write(root.join("keys/key"), "k").expect("written");
        assert!(places(&root.join("keys/key")).concerns(&root.join("keys")));
    }

    #[test]
    fn following_a_circle_of_links_ends() {
        let (_kept, root) = folder();
        symlink("b", root.join("a")).expect("linked");
        symlink("a", root.join("b")).expect("linked");
        assert!(places(&root.join("a")).concerns(&root.join("b")));
    }
}
