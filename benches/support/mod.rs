//! What the benchmarks share: the sidecar as a process of its own, a load of keep-alive connections, a server that always
//! answers the same, CPU time of this thread.
//!
//! What is measured, against what, and how it is printed is each benchmark's own.

pub mod cpu;
pub mod load;
pub mod process;
pub mod server;

/// Whether there is anything to measure: `cargo test --benches` and IDEs pass flags of the standard harness.
pub fn is_only_a_test() -> bool {
    std::env::args().any(|argument| argument == "--test")
}
