//! The thread that writes: a bounded queue before standard error, so that a stalled reader delays nothing else.
//!
//! Lines that find the queue full are dropped and counted; their number is logged as soon as lines are read again.

use std::io::{self, BufWriter, Stderr, Write};
use std::sync::OnceLock;

use parking_lot::Mutex;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

use super::lines;

/// Lines that may wait. At some 300 bytes each, 5 MB; a few seconds of the busiest log.
const LINES_WAITING_MAX: usize = 16 * 1024;

/// Ends the thread when dropped, after writing what waits or after a second.
static WRITING: Mutex<Option<WorkerGuard>> = Mutex::new(None);

/// How many lines were dropped since the process began.
static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// Starts the thread.
pub(super) fn start() -> NonBlocking {
    let sink = Sink { out: BufWriter::new(io::stderr()), told: 0 };
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LINES_WAITING_MAX)
        .thread_name("log")
        .finish(sink);
    let _ = DROPPED.set(writer.error_counter());
    *WRITING.lock() = Some(guard);
    writer
}

/// Writes what waits, for up to a second. Lines logged afterwards are lost: call it last.
pub fn finish() {
    drop(WRITING.lock().take());
}

/// Standard error, flushed when the queue is empty.
struct Sink {
    out: BufWriter<Stderr>,
    told: usize,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        let dropped = DROPPED.get().map_or(0, ErrorCounter::dropped_lines);
        if dropped > self.told {
            self.out.write_all(lines::dropped(dropped - self.told).as_bytes())?;
            self.told = dropped;
        }
        self.out.flush()
    }
}
