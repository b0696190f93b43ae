//! Tests the guard: violations that it must detect are planted in a text and given to the functions that check
//! `src/`.

use super::source::{Source, source};
use super::{owned, wrong_circles, wrong_layers, wrong_owners};

/// Each way of naming a module of a higher layer.
const UPWARD: [&str; 16] = [
    "use crate::cli::Exit;",
    "use crate::{wire::Call, cli};",
    "use crate::{wire::{self, Call}, cli::{input::{Input, read}}};",
    "use crate::cli as command_line;",
    "pub use crate::cli::*;",
    "use super::cli::Exit;",
    "#[cfg(test)]\nmod tests;\nuse crate::cli::Exit;",
    "#[cfg(test)]\nmod tests { fn one() {} }\nuse crate::cli::Exit;",
    "#[cfg(test)]\nmod tests { use crate::cli::Exit; }",
    "mod inner { use super::super::cli::Exit; }",
    "fn run() { crate::cli::main(); }",
    "fn run() { use crate::cli; cli::main(); }",
    "fn run(exit: &mut Vec<Option<crate::cli::Exit>>) {}",
    "fn run() { println!(\"{}\", [crate::cli::main()]); }",
    "macro_rules! run { () => { $crate::cli::main() } }",
    "struct File { #[serde(default = \"crate::cli::main\")] one: u8 }",
];

#[test]
fn each_way_of_naming_a_higher_layer_is_detected() {
    for text in UPWARD {
        let wrong = wrong_layers(&source("outbound/mod.rs", text));
        assert!(!wrong.is_empty(), "not seen: {text}");
        assert!(wrong[0].contains("`outbound` must not use `crate::cli"), "{wrong:?}");
    }
    for text in ["use crate::wire::Call;", "pub(in crate::cli) fn run() {}", "// crate::cli::main"]
    {
        assert!(wrong_layers(&source("outbound/mod.rs", text)).is_empty(), "allowed: {text}");
    }
    assert!(!wrong_layers(&source("elsewhere/mod.rs", "")).is_empty(), "a module in no layer");
    assert!(!wrong_layers(&source("main.rs", "fn main() { countersign::app::run() }")).is_empty());
}

/// Names with another owner, in each different form.
const OTHERS: [&str; 23] = [
    "use pingora_core::server::Server;",
    "use pingora_http::ResponseHeader;",
    "fn close(stream: pingora_rustls::TlsStream) {}",
    "use rusqlite::{self, Connection};",
    "use rusqlite::Connection;",
    "use aws_lc_sys::RSA_sign;",
    "use crate::store; fn make() { store::open(url) }",
    "use crate::store::open;",
    "use std::time::Instant;",
    "use std::{io, time::{Duration, Instant}};",
    "fn late() { std::time::Instant::now(); }",
    "use std::time; fn late() { time::Instant::now(); }",
    "use tokio::time::Instant; fn late() { Instant::now(); }",
    "use tokio::time::Instant; fn late() { assert!(Instant::now() > start); }",
    "use tokio::time::Instant as Moment; fn late() -> bool { start.map_or_else(Moment::now, it) }",
    "use std::time::SystemTime; fn date() { SystemTime::now(); }",
    "use jiff::Timestamp; fn date() { Timestamp::now(); }",
    "fn date() { jiff::Zoned::now(); }",
    "use aws_lc_rs::rand::SystemRandom; fn draw() { sign(&SystemRandom::new()); }",
    "use aws_lc_rs::rand; fn random() { rand::fill(&mut bytes); }",
    "fn read() { std::env::var(\"NAME\"); }",
    "use std::{env, fs}; fn read() { env::var_os(\"NAME\"); }",
    "use std::thread; fn start() { thread::spawn(run); thread::Builder::new().spawn(run); }",
];

#[test]
fn a_name_with_another_owner_is_detected() {
    let owned = owned();
    for text in OTHERS {
        let wrong = wrong_owners(&source("outbound/mod.rs", text), &owned);
        assert!(!wrong.is_empty(), "not seen: {text}");
        let in_a_test = format!("#[cfg(test)]\nmod tests {{ {text} }}");
        assert!(wrong_owners(&source("outbound/mod.rs", &in_a_test), &owned).is_empty(), "{text}");
    }
    assert!(wrong_owners(&source("store/sqlite/look.rs", "use rusqlite::Row;"), &owned).is_empty());
    assert!(!wrong_owners(&source("store/sqlite.rs", "use clap::Args;"), &owned).is_empty());
    assert!(!wrong_owners(&source("store/look.rs", "use rusqlite::Row;"), &owned).is_empty());
}

#[test]
fn a_new_circle_and_a_dissolved_one_are_detected() {
    let circle = |through: &str| -> Vec<Source> {
        vec![
            source("one/mod.rs", "mod a; mod b; mod c; pub use a::A;"),
            source("one/a.rs", "use super::b::B;"),
            source("one/b.rs", through),
            source("one/c.rs", "use super::a::A; use super::One;"),
        ]
    };
    let through_c = circle("fn run() { super::c::run() }");
    assert_eq!(wrong_circles(&through_c, &[]).len(), 1, "three files");
    assert!(wrong_circles(&through_c, &[&["one/a", "one/b", "one/c"]]).is_empty(), "allowed");
    assert_eq!(wrong_circles(&through_c, &[&["one/a", "one/b"]]).len(), 2, "a circle that grew");
    let none = circle("#[cfg(test)] mod tests { use crate::one::c::run; }");
    assert!(
        wrong_circles(&none, &[]).is_empty(),
        "a folder and its files, and tests, are no circle"
    );
    let gone = wrong_circles(&none, &[&["one/a", "one/b", "one/c"]]);
    assert!(gone[0].contains("this circle is dissolved: take it off"), "{gone:?}");
}
