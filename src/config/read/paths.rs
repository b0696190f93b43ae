//! Resolves the relative paths of a configuration: they start at the folder of its file.
//!
//! They once started at the working directory of the process. A file that exists only there is still used, with a
//! warning, so that no upgrade replaces a store with an empty one.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf, absolute};

/// The folder that relative paths start at; none for text that is not from a file, where they start at the working
/// directory.
#[derive(Default)]
pub(super) struct Paths {
    folder: Option<PathBuf>,
}

/// A resolved path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Located {
    /// Absolute if the configuration is from a file, otherwise as written.
    pub path: String,
    pub found: Found,
}

/// Which files exist at the old and the new location.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing else that could be meant.
    Alone,
    /// Nothing at either location; this is the old one.
    Nowhere(String),
    /// It exists only at the location from the working directory; it should be here.
    ByOldMeaning(String),
    /// Another file is here, at the location from the working directory.
    Beside(String),
}

impl Paths {
    /// For a configuration in `file`. Links of the file itself are not followed: a mounted file refers to files
    /// mounted beside it.
    pub fn of(file: Option<&Path>) -> Self {
        let folder = file.and_then(|file| Some(absolute(file).ok()?.parent()?.to_owned()));
        Self { folder }
    }

    /// Resolves `written` at this moment.
    pub fn locate(&self, written: &str) -> Located {
        let here = self.folder.as_ref().map(|folder| folder.join(written));
        let (Some(here), Ok(there)) = (here, absolute(written)) else {
            return Located { path: written.to_owned(), found: Found::Alone };
        };
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let (path, found) = match (exists(&here), exists(&there)) {
            _ if is_same(&here, &there) => (&here, Found::Alone),
            (true, false) => (&here, Found::Alone),
            (true, true) => (&here, Found::Beside(text(&there))),
            (false, true) => (&there, Found::ByOldMeaning(text(&here))),
            (false, false) => (&here, Found::Nowhere(text(&there))),
        };
        Located { path: text(path), found }
    }
}

impl Located {
    /// A warning for the user, if needed.
    pub fn warning(&self, written: &str) -> Option<String> {
        let path = &self.path;
        match &self.found {
            Found::Alone | Found::Nowhere(_) => None,
            Found::ByOldMeaning(expected) => Some(format!(
                "`{written}` is found from the working directory only, expected at `{expected}`: relative paths start at \
                 the configuration file's folder, so write `{path}`"
            )),
            Found::Beside(other) => Some(format!(
                "`{written}` is taken from `{path}`: relative paths start at the configuration file's folder, and `{other}`, \
                 found from the working directory, is not used"
            )),
        }
    }

    /// A path whose appearance would change the resolved path.
    pub fn awaited(&self) -> Option<&str> {
        match &self.found {
            Found::Nowhere(place) | Found::ByOldMeaning(place) => Some(place),
            Found::Alone | Found::Beside(_) => None,
        }
    }
}

/// Whether anything exists there, even if unreadable: an error is better than ignoring it.
fn exists(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Ok(_) => true,
        Err(error) => !matches!(
            error.kind(),
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
        ),
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).map(|it| (it.dev(), it.ino())).ok();
    one == other || identity(one).is_some_and(|one| Some(one) == identity(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path that leads to `name` in `folder` from the working directory.
    fn from_here(folder: &Path, name: &str) -> String {
        let up = std::env::current_dir().expect("a folder").components().count() - 1;
        format!(
            "{}{}/{name}",
            "../".repeat(up),
            folder.strip_prefix("/").expect("absolute").display()
        )
    }

    #[test]
    fn paths_start_at_the_folder_of_the_file_and_then_at_the_old_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("it exists");
        // As deep as the working directory, so that the same relative path leads to a different place.
        let depth = std::env::current_dir().expect("a folder").components().count() - 1;
        let config = root.join("new").join("d/".repeat(depth));
        fs::create_dir_all(&config).expect("made");
        let written = from_here(&root, "store.db");
        let paths = Paths::of(Some(&config.join("c.toml")));
        let here = config.join(&written).to_string_lossy().into_owned();
        let there = absolute(&written).expect("a path").to_string_lossy().into_owned();
        let found = |found| Located { path: here.clone(), found };

        assert_eq!(paths.locate(&written), found(Found::Nowhere(there.clone())));
        fs::write(&there, "old").expect("written");
        let old = paths.locate(&written);
        let expected = Located { path: there.clone(), found: Found::ByOldMeaning(here.clone()) };
        assert_eq!(old, expected, "it exists only at the old place");
        assert!(old.warning(&written).is_some_and(|it| it.contains(&format!("write `{there}`"))));
        fs::create_dir_all(Path::new(&here).parent().expect("a folder")).expect("made");
        fs::write(&here, "new").expect("written");
        assert_eq!(paths.locate(&written), found(Found::Beside(there.clone())));
        fs::remove_file(&there).expect("removed");
        fs::hard_link(&here, &there).expect("linked");
        assert_eq!(paths.locate(&written), found(Found::Alone), "the same file by two paths");
        fs::remove_file(&there).expect("removed");
        assert_eq!(paths.locate(&written), found(Found::Alone));
    }

    #[test]
    fn absolute_paths_and_those_of_plain_text_are_as_written() {
        let as_written = |path: &str| Located { path: path.to_owned(), found: Found::Alone };
        let beside = Paths::of(Some(Path::new("/etc/countersign/c.toml")));
        assert_eq!(beside.locate("/keys/a.pem"), as_written("/keys/a.pem"));
        assert_eq!(Paths::default().locate("keys/a.pem"), as_written("keys/a.pem"));
    }
}
