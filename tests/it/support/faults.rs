//! A disk that fails and a clock that is wrong, for a real process: `faults.c` is loaded between it and the C
//! library.
//!
//! Everything can be changed while the process runs. Several processes can share one set of faults.

#![allow(
    dead_code,
    clippy::disallowed_methods,
    reason = "not every test program uses all of it, and one reads its environment itself"
)]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const SOURCE: &str = include_str!("faults.c");
const CONTROL: &str = "COUNTERSIGN_TEST_FAULTS";

// The layout of `struct control`.
const CLOCK: u64 = 0;
const RANDOM: u64 = 8;
const RULES: u64 = 16;
const RULE_BYTES: u64 = 28;
const PATH: u64 = RULES + 3 * RULE_BYTES;
const PATH_BYTES: usize = 128;

pub const EIO: i32 = 5;
pub const ENOSPC: i32 = 28;
pub const EDQUOT: i32 = 122;

/// The failing system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `fsync` and `fdatasync`.
    Sync,
    /// `write` and its relatives.
    Write,
    /// `ftruncate`.
    Truncate,
}

impl Call {
    pub const ALL: [Self; 3] = [Self::Sync, Self::Write, Self::Truncate];
}

/// How calls fail. With [`Fault::always`] every call fails.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The error number, such as [`EIO`].
    pub errno: i32,
    /// This many calls succeed first.
    pub skip: u32,
    /// This many calls fail; `None` for all.
    pub times: Option<u32>,
    /// Of those, one in this many, by chance.
    pub one_in: u32,
    /// A failing write has written its first half.
    pub is_torn: bool,
    /// After the first failure the disk is dead: every call fails, until [`Faults::heal`].
    pub is_fatal: bool,
}

impl Fault {
    pub fn always(errno: i32) -> Self {
        Self { errno, skip: 0, times: None, one_in: 1, is_torn: false, is_fatal: false }
    }

    pub fn fatal(errno: i32) -> Self {
        Self { is_fatal: true, ..Self::always(errno) }
    }

    pub fn once(errno: i32) -> Self {
        Self { times: Some(1), ..Self::always(errno) }
    }
}

/// The faults of the processes that were started with them. None at first.
pub struct Faults {
    control: File,
    path: PathBuf,
    /// Removed when this is dropped; `None` when it belongs to another process.
    _folder: Option<tempfile::TempDir>,
}

impl Faults {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("control");
        let control = File::options().read(true).write(true).create_new(true).open(&path);
        let control = control.expect("a control file");
        control.set_len(PATH + PATH_BYTES as u64).expect("room for the control");
        Self { control, path, _folder: Some(folder) }
    }

    /// The faults that this process was started with, if any.
    pub fn of_this_process() -> Option<Self> {
        let path = PathBuf::from(std::env::var_os(CONTROL)?);
        let control = File::options().read(true).write(true).open(&path);
        Some(Self { control: control.expect("a control file"), path, _folder: None })
    }

    /// The same, only for files with this text in their path.
    pub fn on(path: &str) -> Self {
        let faults = Self::new();
        assert!(path.len() < PATH_BYTES, "a short text");
        faults.put(PATH, path.as_bytes());
        faults
    }

    /// Makes `command` start a process without any faults, even if this one has some.
    pub fn keep_from(command: &mut Command) {
        command.env_remove("LD_PRELOAD").env_remove(CONTROL);
    }

    /// Makes `command` start a process with these faults.
    pub fn apply_to(&self, command: &mut Command) {
        command.env("LD_PRELOAD", library()).env(CONTROL, &self.path);
    }

    /// From now on such calls fail like this.
    pub fn fail(&self, call: Call, fault: Fault) {
        let at = rule(call);
        self.put_i32(at, 0);
        self.put_i32(at + 4, fault.skip.try_into().expect("a small number"));
        let times = fault.times.map_or(-1, |times| times.try_into().expect("a small number"));
        self.put_i32(at + 8, times);
        self.put(at + 12, &fault.one_in.to_ne_bytes());
        self.put(at + 16, &u32::from(fault.is_torn).to_ne_bytes());
        self.put(at + 20, &u32::from(fault.is_fatal).to_ne_bytes());
        // Last: from here on it takes effect.
        self.put_i32(at, fault.errno);
    }

    /// From now on nothing fails any more.
    pub fn heal(&self) {
        for call in Call::ALL {
            self.put_i32(rule(call), 0);
        }
    }

    /// How many calls have failed so far.
    pub fn served(&self, call: Call) -> u32 {
        let mut bytes = [0; 4];
        self.control.read_exact_at(&mut bytes, rule(call) + 24).expect("readable");
        u32::from_ne_bytes(bytes)
    }

    /// The seed for the calls that fail by chance.
    pub fn seed(&self, seed: u64) {
        self.put(RANDOM, &seed.to_ne_bytes());
    }

    /// Shifts the time of day by this much; it continues from there.
    pub fn set_clock_off_by(&self, milliseconds: i64) {
        self.put(CLOCK, &milliseconds.to_ne_bytes());
    }

    fn put_i32(&self, at: u64, value: i32) {
        self.put(at, &value.to_ne_bytes());
    }

    fn put(&self, at: u64, bytes: &[u8]) {
        self.control.write_all_at(bytes, at).expect("the control file is written");
    }
}

fn rule(call: Call) -> u64 {
    RULES + RULE_BYTES * call as u64
}

/// The built library, beside this program. Built once for each text of its source.
fn library() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        SOURCE.hash(&mut hasher);
        let program = std::env::current_exe().expect("this program");
        let folder = program.parent().expect("in a folder");
        let library = folder.join(format!("faults-{:016x}.so", hasher.finish()));
        if !library.exists() {
            let build = tempfile::tempdir_in(folder).expect("a folder");
            let (source, built) = (build.path().join("faults.c"), build.path().join("faults.so"));
            std::fs::write(&source, SOURCE).expect("written");
            let mut compiler = Command::new("cc");
            compiler.args(["-std=gnu11", "-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-o"]);
            let done = compiler.arg(&built).arg(&source).status().expect("a C compiler `cc`");
            assert!(done.success(), "the shim compiles");
            // Another process that builds it at the same time writes the same file.
            std::fs::rename(&built, &library).expect("moved");
        }
        library
    })
}
