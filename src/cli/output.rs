//! Output of commands: to standard output, whose reader may leave, and to standard error, which may be closed.
//!
//! `countersign check | head -1` closes the pipe early. That is not a failure: the reader has seen enough, and the
//! exit code still reports how the command ended.

use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;

use super::CommandError;

/// `println!` that does not panic when the reader is gone; it replaces the standard one in every command.
macro_rules! println {
    ($($arguments:tt)*) => {{
        use std::io::Write as _;
        // Other failures, such as a full disk, matter to commands that print data: they use `stdout`.
        let _ = writeln!($crate::cli::output::stdout(), $($arguments)*);
    }};
}

/// Standard output. Once its reader is gone, further output is dropped.
pub(super) fn stdout() -> impl Write {
    ReaderMayLeave(io::stdout().lock())
}

/// Prints `value` as indented JSON, followed by a line end.
pub(super) fn print_json(value: &impl Serialize, out: &mut impl Write) -> Result<(), CommandError> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}

/// Shows a message to the person at the terminal.
pub(super) fn tell(message: impl Display) {
    // If even this fails, there is no one left to report it to.
    let _ = writeln!(io::stderr(), "{message}");
}

struct ReaderMayLeave<W>(W);

impl<W: Write> Write for ReaderMayLeave<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            result => result,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fails(io::ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_full_disk_is_a_failure_but_a_reader_that_left_is_not() {
        let mut full = ReaderMayLeave(Fails(io::ErrorKind::StorageFull));
        assert!(print_json(&"data", &mut full).is_err(), "lost data must be reported");
        let mut left = ReaderMayLeave(Fails(io::ErrorKind::BrokenPipe));
        assert!(print_json(&"data", &mut left).is_ok() && left.flush().is_ok());
    }
}
