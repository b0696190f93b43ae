//! The file, shared by every process that adds to it, and the file beside it that stores the position of its end.
//!
//! A process that adds holds a lock on `….head`; that file stays when the log is rotated, so the chain continues into
//! the next file, and a log that lost its end is noticed. The log itself is opened by its path again whenever the file
//! there has changed, so `logrotate` may rename it at any time.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::actor::Actor;
use super::chain::{self, Head};
use super::entry::{Action, Entry};
use crate::clock::Clock;

/// Only the user of this process may read and write either file.
const MODE: u32 = 0o600;

/// The longest line that is searched for at the end of a file, in bytes. Ours have a few hundred; a reason may be long.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// An open audit log.
pub(super) struct AuditFile {
    path: PathBuf,
    head: File,
    log: File,
    /// The length of the log and the position in the chain, as this process left them.
    left: Option<(u64, Head)>,
    clock: Clock,
}

impl AuditFile {
    /// Opens the file at `path` and the one beside it, or creates them.
    pub fn open(path: &Path, clock: Clock) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        let head = open(&beside(path))?;
        Ok(Self { path: path.to_owned(), head, log: open(path)?, left: None, clock })
    }

    /// Adds `entries`: all of them, or none and an error. Continues after lines that another process has added.
    pub fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        self.head.lock()?;
        let appended = self.append_locked(entries);
        self.head.unlock()?;
        appended
    }

    /// Makes sure that the added lines are on disk.
    pub fn sync(&self) -> io::Result<()> {
        self.log.sync_data()?;
        self.head.sync_data()
    }

    fn append_locked(&mut self, entries: &[Entry]) -> io::Result<()> {
        self.follow_rotation()?;
        let length = self.log.metadata()?.len();
        let (mut head, mut text) = self.resume(length)?;
        for entry in entries {
            let (line, next) = chain::extend(&head, entry);
            text.push_str(&line);
            head = next;
        }
        self.log.seek(SeekFrom::End(0))?;
        if let Err(error) = self.log.write_all(text.as_bytes()) {
            // So that a disk that is sometimes full leaves no torn lines. If this fails too, the next writer finds one.
            let _ = self.log.set_len(length);
            return Err(error);
        }
        self.remember(&head)?;
        self.left = Some((length + text.len() as u64, head));
        Ok(())
    }

    /// Opens the file again when another one is in its place, or none.
    fn follow_rotation(&mut self) -> io::Result<()> {
        let ours = self.log.metadata()?;
        let is_there = match std::fs::metadata(&self.path) {
            Ok(there) => (there.dev(), there.ino()) == (ours.dev(), ours.ino()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        if !is_there {
            self.log.sync_data()?;
            self.log = open(&self.path)?;
            self.left = None;
        }
        Ok(())
    }

    /// Where the chain continues, and what has to be written first: the end of a torn line and its mark, or the mark of
    /// a missing end.
    fn resume(&mut self, length: u64) -> io::Result<(Head, String)> {
        let remembered = self.remembered()?;
        if let Some((left_at, head)) = &self.left
            && *left_at == length
            && remembered.as_ref() == Some(head)
        {
            return Ok((head.clone(), String::new()));
        }
        let end = self.end(length)?;
        let (mut head, mut text) = match (remembered, end.last) {
            // A crash between the two files: the log is ahead.
            (Some(remembered), Some(last)) if last.seq > remembered.seq => (last, String::new()),
            (Some(remembered), Some(last)) if last == remembered => (last, String::new()),
            // The lines are in the file that was rotated away.
            (Some(remembered), None) if length == 0 => (remembered, String::new()),
            (Some(remembered), _) => {
                let mark = Entry::new(Action::Truncated, Actor::Sidecar).at(self.clock.now());
                let (line, head) = chain::extend(&remembered, &mark);
                (head, line)
            }
            (None, Some(last)) => (last, String::new()),
            (None, None) => (Head::start(), String::new()),
        };
        if !end.torn.is_empty() {
            let mut mark = Entry::new(Action::Torn, Actor::Sidecar).at(self.clock.now());
            mark.count = Some(end.torn.len() as u64);
            mark.torn = Some(chain::sha256(&end.torn));
            let (line, next) = chain::extend(&head, &mark);
            // The mark comes directly after the line it is about.
            text = format!("\n{line}{text}");
            head = next;
        }
        Ok((head, text))
    }

    /// The last complete and valid line of the log, and the bytes after it.
    fn end(&mut self, length: u64) -> io::Result<End> {
        let from = length.saturating_sub(LINE_BYTES_MAX);
        let mut bytes = vec![0; usize::try_from(length - from).unwrap_or(0)];
        self.log.read_exact_at(&mut bytes, from)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let torn = bytes.split_off(whole);
        let last = bytes
            .rsplit(|byte| *byte == b'\n')
            .filter_map(chain::read)
            .next()
            .map(|link| Head { seq: link.seq, hash: link.hash });
        Ok(End { last, torn })
    }

    fn remembered(&mut self) -> io::Result<Option<Head>> {
        self.head.rewind()?;
        head_in(&mut self.head)
    }

    /// A number has at most 20 digits, so with a fixed width this is one write in place.
    fn remember(&mut self, head: &Head) -> io::Result<()> {
        let text = serde_json::to_string(head).unwrap_or_default();
        self.head.write_all_at(format!("{text:<120}\n").as_bytes(), 0)
    }
}

/// The content of the log at `path`, and the position in the file beside it, if there is one. No process adds lines
/// meanwhile.
pub(super) fn read_whole(path: &Path) -> io::Result<(Vec<u8>, Option<Head>)> {
    let Ok(mut head) = File::open(beside(path)) else { return Ok((std::fs::read(path)?, None)) };
    head.lock_shared()?;
    let bytes = std::fs::read(path)?;
    Ok((bytes, head_in(&mut head)?))
}

fn head_in(file: &mut File) -> io::Result<Option<Head>> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(serde_json::from_str(text.trim_end()).ok())
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".head");
    name.into()
}

struct End {
    last: Option<Head>,
    torn: Vec<u8>,
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(MODE).open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::audit::chain::{Verified, verify};

    fn entry() -> Entry {
        Entry::new(Action::Frozen, Actor::Cli(0)).of_account("shop")
    }

    struct World {
        folder: tempfile::TempDir,
    }

    impl World {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().expect("a folder") }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("audit.log")
        }

        fn open(&self) -> AuditFile {
            AuditFile::open(&self.path(), Clock::fixed(0)).expect("a file")
        }

        fn add(&self, count: usize) {
            self.open().append(&vec![entry(); count]).expect("written");
        }

        #[track_caller]
        fn verified(&self) -> Verified {
            let bytes = std::fs::read(self.path()).expect("a file");
            verify(&bytes, None, |_| {}).unwrap_or_else(|broken| {
                panic!("{broken}:\n{}", String::from_utf8_lossy(&bytes));
            })
        }
    }

    #[test]
    fn no_other_user_may_read_it() {
        let world = World::new();
        world.add(1);
        for name in ["audit.log", "audit.log.head"] {
            let mode = std::fs::metadata(world.folder.path().join(name)).expect("a file");
            assert_eq!(mode.permissions().mode() & 0o777, MODE, "{name}");
        }
    }

    #[test]
    fn an_end_that_was_cut_off_is_noticed_by_the_next_line() {
        let world = World::new();
        world.add(5);
        let text = std::fs::read_to_string(world.path()).expect("a file");
        let kept: String = text.split_inclusive('\n').take(3).collect();
        std::fs::write(world.path(), kept).expect("a file");
        world.add(1);
        let bytes = std::fs::read(world.path()).expect("a file");
        let broken = verify(&bytes, None, |_| {}).expect_err("two lines are missing");
        assert_eq!(broken.line, 4, "{broken}");
    }

    #[test]
    fn a_line_cut_short_by_a_crash_is_kept_and_marked() {
        let world = World::new();
        world.add(2);
        let mut file = OpenOptions::new().append(true).open(world.path()).expect("a file");
        file.write_all(b"{\"seq\":3,\"prev\":\"0123").expect("written");
        world.add(2);
        let verified = world.verified();
        assert_eq!((verified.lines, verified.torn), (5, 1));
        let text = std::fs::read_to_string(world.path()).expect("a file");
        assert!(text.contains("{\"seq\":3,\"prev\":\"0123\n"), "what was there is kept: {text}");
        assert!(text.contains("audit.torn"), "{text}");
    }

    #[test]
    fn a_crash_between_the_two_files_loses_nothing() {
        let world = World::new();
        world.add(1);
        let head = world.folder.path().join("audit.log.head");
        let behind = std::fs::read(&head).expect("a file");
        world.add(2);
        std::fs::write(&head, behind).expect("a file");
        world.add(1);
        assert_eq!(world.verified().lines, 4);
    }

    #[test]
    fn a_renamed_log_continues_in_a_new_file_even_in_a_process_that_had_it_open() {
        let world = World::new();
        let mut open = world.open();
        open.append(&[entry(), entry()]).expect("written");
        let old = world.folder.path().join("audit.log.1");
        std::fs::rename(world.path(), &old).expect("renamed");
        open.append(&[entry()]).expect("written");
        world.add(1);
        let first = verify(&std::fs::read(&old).expect("a file"), None, |_| {}).expect("whole");
        assert_eq!(first.lines, 2);
        let verified = world.verified();
        assert_eq!((verified.lines, verified.began_after), (2, first.head));
    }

    #[test]
    fn many_processes_make_one_chain() {
        let world = World::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut file = world.open();
                    for _ in 0..25 {
                        file.append(&[entry()]).expect("written");
                    }
                });
            }
        });
        assert_eq!(world.verified().lines, 200);
    }

    #[test]
    fn an_entry_that_does_not_fit_on_the_disk_leaves_no_trace() {
        let world = World::new();
        world.add(1);
        let before = std::fs::read(world.path()).expect("a file");
        let mut file = world.open();
        // A descriptor that cannot be written to fails like a disk that is full.
        file.log = File::open(world.path()).expect("a file");
        assert!(file.append(&[entry()]).is_err());
        assert_eq!(std::fs::read(world.path()).expect("a file"), before);
        world.add(1);
        assert_eq!(world.verified().lines, 2);
    }
}
