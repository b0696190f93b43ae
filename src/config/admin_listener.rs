//! Where the admin side listens, for those who ask a sidecar that runs already. The rest of the file is not looked at: a
//! mistake that somebody is just making there says nothing about the sidecar.

use std::path::Path;

use super::compile;
use super::file::ConfigFile;
use super::listen;
use super::section::Section;
use super::seen::Seen;
use super::snapshot::Listener;
use super::sources::Sources;
use super::syntax;
use super::walk::Walk;
use crate::environment;
use crate::mistake::Mistake;

/// Reads `listen.admin` of the file at `path`.
///
/// # Errors
/// When the file cannot be read, is not TOML, or that listener is not one.
pub fn admin_listener(path: &Path) -> Result<Listener, Vec<Mistake>> {
    let mut seen = Seen::default();
    let text = compile::text(path, &mut seen).map_err(|problem| vec![Mistake::new("", problem)])?;
    let root = Section::<ConfigFile>::root(syntax::parse(&text)?);
    let mut walk = Walk::new(Sources::new(&environment::variable, &text).beside(seen));
    match listen::admin(&mut walk, &root.value.listen.value) {
        Some(listener) if walk.mistakes.is_empty() => Ok(listener),
        _ => Err(walk.mistakes),
    }
}
