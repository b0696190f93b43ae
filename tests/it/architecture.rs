//! The folder list is the architecture: imports point down only.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Modules by layer, the lowest first. A module may name modules of lower layers; within a layer only where the second
/// list says so.
const LAYERS: [&[&str]; 11] = [
    &["clock", "metrics", "mistake", "outcome", "secret"],
    &["json", "wire"],
    &["sign"],
    &["provider"],
    &["payment"],
    &["store"],
    &["config"],
    &["audit", "limits", "logging", "problem", "reload", "trace"],
    &["openapi"],
    &["admin", "delivery", "edge", "inbound", "outbound", "sandbox"],
    &["app", "cli", "main"],
];

/// Imports within one layer, each with its reason.
const SIDEWAYS: [(&str, &str); 2] = [
    // The command line starts the application.
    ("cli", "app"),
    // Spans have the fields that log lines have, and no others.
    ("trace", "logging"),
];

#[test]
fn imports_point_down_only() {
    let layer_of: BTreeMap<&str, usize> = LAYERS
        .iter()
        .enumerate()
        .flat_map(|(layer, modules)| modules.iter().map(move |module| (*module, layer)))
        .collect();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in rust_files(&source) {
        let module = module_of(file.strip_prefix(&source).expect("below src"));
        if module == "lib" {
            continue;
        }
        let Some(own) = layer_of.get(module.as_str()) else {
            wrong.push(format!("`{module}` stands in no layer: add it to LAYERS"));
            continue;
        };
        for used in used_modules(&std::fs::read_to_string(&file).expect("a source file")) {
            seen += 1;
            let allowed = used == module
                || SIDEWAYS.contains(&(module.as_str(), used.as_str()))
                || layer_of.get(used.as_str()).is_some_and(|layer| layer < own);
            if !allowed {
                wrong.push(format!("{}: `{module}` must not use `{used}`", file.display()));
            }
        }
    }
    assert!(seen > 50, "only {seen} imports were found: the reader of imports is broken");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_edge_and_the_app_know_pingora() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in rust_files(&source) {
        let module = module_of(file.strip_prefix(&source).expect("below src"));
        let text = std::fs::read_to_string(&file).expect("a source file");
        let names_it = text.contains("pingora_core::") || text.contains("pingora_rustls::");
        assert!(
            !names_it || ["edge", "app"].contains(&module.as_str()),
            "{} names pingora",
            file.display()
        );
    }
}

/// A store that a command made where it stands would be frozen or settled in the sidecar's stead.
#[test]
fn only_the_app_can_make_a_store() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut makers = Vec::new();
    for file in rust_files(&source) {
        let path = file.strip_prefix(&source).expect("below src");
        let text = std::fs::read_to_string(&file).expect("a source file");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_test = path.components().any(|part| part.as_os_str() == "tests");
        let is_store = path.starts_with("store");
        if !is_test
            && !is_store
            && ["store::open(", "store::open_by(", "SqliteStore::open("]
                .iter()
                .any(|call| code.contains(call))
        {
            makers.push(path.to_owned());
        }
    }
    assert_eq!(makers, [Path::new("app/mod.rs")], "commands call `store::open_existing`");
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => files.extend(rust_files(&path)),
            false if path.extension().is_some_and(|extension| extension == "rs") => {
                files.push(path)
            }
            false => {}
        }
    }
    files
}

/// `config/compile.rs` → `config`, `problem.rs` → `problem`.
fn module_of(path: &Path) -> String {
    let first =
        path.components().next().expect("a file").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// The top-level modules that a file reaches through `crate::`, its tests left out.
fn used_modules(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .filter(|name: &String| !name.is_empty())
        .collect()
}
