//! Where the admin side listens, for those who ask a sidecar that runs already. The rest of the file is not looked at: a
//! mistake that somebody is just making there says nothing about the sidecar.

use std::path::Path;

use super::load;
use super::snapshot::Listener;
use crate::config::read::reader::Walk;
use crate::config::read::section::Section;
use crate::config::read::seen::Seen;
use crate::config::read::sources::Sources;
use crate::config::read::syntax;
use crate::config::section::file::ConfigFile;
use crate::config::section::listen;
use crate::mistake::Mistake;

/// Reads `listen.admin` of the file at `path`.
///
/// # Errors
/// When the file cannot be read, is not TOML, or that listener is not one.
pub fn admin_listener(path: &Path) -> Result<Listener, Vec<Mistake>> {
    let mut seen = Seen::default();
    let text = load::text(path, &mut seen).map_err(|problem| vec![Mistake::new("", problem)])?;
    let root = Section::<ConfigFile>::root(syntax::parse(&text)?);
    let mut walk = Walk::new(Sources::new(&crate::environment::variable, &text).beside(seen));
    match listen::admin(&mut walk, &root.value.listen.value) {
        Some(listener) if walk.mistakes.is_empty() => Ok(listener),
        _ => Err(walk.mistakes),
    }
}
