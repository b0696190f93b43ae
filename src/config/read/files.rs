//! Reads whole files of limited size, without waiting, and reports why one cannot be read.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

/// The names of the two kinds of file in messages.
pub(super) const CONFIG_FILE: &str = "configuration file";
pub(super) const FILE: &str = "file";
/// The largest configuration file, in bytes. A thousand accounts need less.
pub(super) const CONFIG_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// The largest file a value may refer to, in bytes. Keys, certificates and profiles are far smaller.
pub(super) const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A file's bytes and its permission bits.
pub(super) type Contents = (Zeroizing<Vec<u8>>, u32);

/// Reads a whole regular file of up to `bytes_max` bytes, and its permission bits.
pub(super) fn read_regular(what: &str, path: &str, bytes_max: u64) -> Result<Contents, String> {
    let failed = |error: std::io::Error| unreadable(what, path, &error);
    let irregular = || format!("`{path}` is not a regular file, expected a file to read");
    // Checked before opening too: opening a device may have side effects.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(irregular());
    }
    let file = open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(irregular());
    }
    let too_large =
        || format!("{what} `{path}` is larger than {bytes_max} bytes, expected a small file");
    if metadata.len() > bytes_max {
        return Err(too_large());
    }
    // One allocation of the final size: growing would leave copies of a key behind.
    let capacity = usize::try_from(metadata.len()).unwrap_or_default() + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 > bytes_max {
        true => Err(too_large()),
        false => Ok((bytes, metadata.permissions().mode())),
    }
}

/// Never waits: if a pipe had just replaced the file, this and every later reload would wait until its other end is
/// opened.
fn open(path: &str) -> std::io::Result<File> {
    let without_waiting = OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(without_waiting).open(path)
}

/// Explains why `path` could not be read.
pub(super) fn unreadable(what: &str, path: &str, error: &std::io::Error) -> String {
    let why = match error.kind() {
        ErrorKind::NotFound => "does not exist".to_owned(),
        ErrorKind::PermissionDenied => "may not be read by this process".to_owned(),
        kind => format!("cannot be read: {kind}"),
    };
    match path.starts_with('/') {
        true => format!("{what} `{path}` {why}"),
        false => format!("{what} `{path}` (relative to the working directory) {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_a_pipe_in_place_of_a_file_does_not_wait() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0)
            .expect("a pipe");
        let opened =
            open(&path.to_string_lossy()).expect("at once, with no process at its other end");
        assert!(!opened.metadata().expect("open").is_file());
    }
}
