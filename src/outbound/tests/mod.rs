//! Calls that move money and the resolver behind them, in process: a scripted provider, and a real journal on disk.

mod events;
mod leaving;
mod proofs;
mod reloads;
mod resends;
mod stops;
mod waiting;
mod workers;
mod world;
