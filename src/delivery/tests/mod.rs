//! Deliveries in process: a store in memory, a clock that stands still until it is moved, and an
//! application that does what the test says.

mod flaky;
mod interrupted;
mod operated;
mod refused;
mod world;
