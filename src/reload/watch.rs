//! The watches on directories. They only report that something happened: the contents show whether anything changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher, recommended_watcher};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::place::Places;

/// The directories that are watched now.
#[derive(Default)]
pub(super) struct Watches {
    watcher: Option<RecommendedWatcher>,
    shared: Arc<Shared>,
    /// With device and inode, because a directory of the same name may be a different one.
    watched: BTreeMap<PathBuf, (u64, u64)>,
    /// Logged once: the poll finds what the watches miss.
    has_complained: bool,
}

/// What the watcher's own thread needs.
#[derive(Default)]
pub(super) struct Shared {
    happened: Notify,
    watched: Mutex<Watched>,
}

#[derive(Default)]
struct Watched {
    places: Places,
    /// Watched directories that were removed, and their watches with them.
    gone: BTreeSet<PathBuf>,
}

impl Watches {
    /// No watches yet; later ones report to `shared`.
    pub fn reporting_to(shared: Arc<Shared>) -> Self {
        Self { shared, ..Self::default() }
    }

    /// Where the watches report events.
    pub fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    /// Stops watching.
    pub fn stop(&mut self) {
        self.watcher = None;
        self.watched.clear();
    }

    /// Watches `places` from now on and nothing else. True when a watch was added: earlier events there are unknown.
    pub fn follow(&mut self, places: Places) -> bool {
        if self.watcher.is_none() {
            let shared = self.shared.clone();
            match recommended_watcher(move |event| shared.note(event)) {
                Ok(watcher) => self.watcher = Some(watcher),
                Err(error) => {
                    self.warn(&error, Path::new(""));
                    return false;
                }
            }
        }
        let wanted: Vec<PathBuf> = places.directories().map(Path::to_owned).collect();
        let Watched { gone, .. } = std::mem::replace(
            &mut *self.shared.watched.lock(),
            Watched { places, ..Default::default() },
        );
        let left = self.watched.keys().filter(|it| gone.contains(*it) || !wanted.contains(it));
        for directory in left.cloned().collect::<Vec<_>>() {
            self.unwatch(&directory);
        }
        let added: Vec<bool> = wanted.iter().map(|directory| self.watch(directory)).collect();
        added.contains(&true)
    }

    /// True when the directory was not watched before.
    fn watch(&mut self, directory: &Path) -> bool {
        let Ok(metadata) = fs::metadata(directory) else { return false };
        let identity = (metadata.dev(), metadata.ino());
        match self.watched.get(directory) {
            Some(known) if *known == identity => return false,
            Some(_) => self.unwatch(directory),
            None => {}
        }
        let Some(watcher) = &mut self.watcher else { return false };
        match watcher.watch(directory, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.watched.insert(directory.to_owned(), identity);
                true
            }
            Err(error) => {
                self.warn(&error, directory);
                false
            }
        }
    }

    fn unwatch(&mut self, directory: &Path) {
        self.watched.remove(directory);
        if let Some(watcher) = &mut self.watcher {
            // An error says that the watch is gone already, with its directory.
            let _ = watcher.unwatch(directory);
        }
    }

    fn warn(&mut self, error: &notify::Error, directory: &Path) {
        if !self.has_complained {
            tracing::warn!(
                %error,
                directory = %directory.display(),
                "not all changes of files are reported: `reload.poll` finds the others"
            );
        }
        self.has_complained = true;
    }
}

impl Shared {
    /// Returns when something happened since it last returned.
    pub async fn happened(&self) {
        self.happened.notified().await;
    }

    fn note(&self, event: notify::Result<Event>) {
        let is_relevant = match &event {
            Ok(event) => self.is_relevant(event),
            // Events were lost.
            Err(_) => true,
        };
        if is_relevant {
            self.happened.notify_one();
        }
    }

    fn is_relevant(&self, event: &Event) -> bool {
        match event.kind {
            // Ignore reads of the files; a writer that is done is a reason to read them again.
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {}
            EventKind::Access(_) => return false,
            _ => {}
        }
        let mut watched = self.watched.lock();
        let Watched { places, gone } = &mut *watched;
        if event.kind.is_remove() {
            let watched = |path: &&PathBuf| places.directories().any(|it| it == path.as_path());
            gone.extend(event.paths.iter().filter(watched).cloned());
        }
        event.need_rescan()
            || event.paths.is_empty()
            || event.paths.iter().any(|path| places.concerns(path))
    }
}
