//! The sandbox as its clients meet it: over real sockets, with requests signed by aws-lc-rs directly.

pub mod bench;
mod connections;
mod control;
mod faults;
mod notification_faults;
mod notifications;
mod operations;
mod receiver;
mod refusals;
