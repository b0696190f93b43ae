//! What a piece of code costs when nothing else is around it.

use std::time::{Duration, Instant};

/// CPU time of one `task`, in microseconds of this thread, repeated for as long as `during`.
///
/// Choose `during` long enough to even out the scheduler's ticks (10 ms) and short enough to leave the clock rate alone.
pub fn us_of(during: Duration, mut task: impl FnMut()) -> f64 {
    let thread_cpu = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let (started, cpu_before) = (Instant::now(), thread_cpu());
    let mut count = 0u32;
    while started.elapsed() < during {
        task();
        count += 1;
    }
    (thread_cpu() - cpu_before).as_secs_f64() * 1e6 / f64::from(count)
}
