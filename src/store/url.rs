//! The `store.url` setting: which kind of store, and where.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where the store is. Written `sqlite:data/countersign.db` or `sqlite:/var/lib/countersign/countersign.db`. A relative path
/// starts at the working directory; those of a configuration have been made absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// An embedded SQLite file.
    Sqlite(PathBuf),
}

impl StoreUrl {
    /// What it must look like, in words.
    pub const EXPECTED: &str =
        "`sqlite:` and the path of the database file, such as `sqlite:data/countersign.db`";
}

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(rest) = text.strip_prefix("sqlite:").filter(|rest| !rest.is_empty()) else {
            return Err(format!("`{text}` is not a store's URL, expected {}", Self::EXPECTED));
        };
        // `sqlite:///abs` is how other programs write an absolute path; `sqlite://rel` would name a host.
        let path = match rest.strip_prefix("//") {
            Some(absolute) if absolute.starts_with('/') => absolute,
            Some(_) => return Err(format!("`{text}` names a host, expected `sqlite:<path>`")),
            None => rest,
        };
        if path.is_empty() || path.ends_with('/') {
            return Err(format!("`{text}` names no file, expected `sqlite:<path>`"));
        }
        if path.contains(":memory:") {
            return Err(format!("`{text}` would lose every event, expected a file"));
        }
        if path.chars().any(char::is_control) {
            return Err(format!("{text:?} has control characters, expected none"));
        }
        if path.contains('?') {
            return Err(format!("`{text}` has parameters, expected only `sqlite:<path>`"));
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(formatter, "sqlite:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_is_not_a_file_is_refused_with_what_was_expected() {
        for bad in [
            "",
            "data/countersign.db",
            "postgres://db/x",
            "sqlite:",
            "sqlite:data/",
            "sqlite://host/x",
            "sqlite::memory:",
            "sqlite:data/x.db?mode=ro",
            "sqlite:data/x\n.db",
        ] {
            let error = bad.parse::<StoreUrl>().expect_err(bad);
            assert!(error.contains("expected"), "`{bad}` is refused without advice: {error}");
        }
    }

    #[test]
    fn relative_and_absolute_paths_are_taken_as_they_are() {
        for (text, path) in [
            ("sqlite:data/countersign.db", "data/countersign.db"),
            ("sqlite:/var/lib/c.db", "/var/lib/c.db"),
            ("sqlite:///var/lib/c.db", "/var/lib/c.db"),
        ] {
            assert_eq!(text.parse(), Ok(StoreUrl::Sqlite(PathBuf::from(path))), "{text}");
        }
    }
}
