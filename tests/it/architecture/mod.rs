//! The folder list is the architecture: imports point down only, and only owners name what they own.

mod circles;
mod planted;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use self::circles::circles;
use self::source::{Name, Source};

/// Modules by layer, the lowest first. A module may name modules of lower layers; within a layer only where the
/// second list allows it.
const LAYERS: [&[&str]; 12] = [
    &["environment", "random", "threads"],
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
const SIDEWAYS: [(&str, &str); 3] = [
    // The command line starts the application.
    ("cli", "app"),
    ("main", "cli"),
    // Spans have the same fields as log lines.
    ("trace", "logging"),
];

/// What only its owners may name: a crate, or an item of ours. Owners are files or folders below `src/`.
const OWNED: [(&str, &[&str]); 18] = [
    ("pingora_core", &["app", "edge"]),
    ("pingora_http", &["app", "edge"]),
    ("pingora_rustls", &["app", "edge"]),
    ("rusqlite", &["store/sqlite"]),
    ("aws_lc_sys", &["sign/key"]),
    ("clap", &["cli"]),
    ("crossbeam_channel", &["sign"]),
    ("httparse", &["cli", "sandbox"]),
    ("jsonschema", &["provider"]),
    ("listenfd", &["edge"]),
    ("notify", &["reload"]),
    ("regex", &["provider"]),
    ("rustls", &["config", "edge"]),
    ("schemars", &["config"]),
    ("subtle", &["secret"]),
    ("tikv_jemallocator", &["main"]),
    // A command must not create a store, because it would freeze or settle that one instead of the sidecar's:
    // commands call `store::open_existing`.
    ("crate::store::open", &["app", "store"]),
    ("crate::store::open_by", &["app", "store"]),
];

/// Files that import each other in a circle. Remove dissolved circles from the list; three is the maximum.
const CIRCLES: [&[&str]; CIRCLES_MAX] =
    [&["store/sqlite/bury", "store/sqlite/writer"], &["trace/export", "trace/layer", "trace/otlp"]];
const CIRCLES_MAX: usize = 2;

#[test]
fn imports_point_down_only() {
    let sources = sources();
    let seen = sources.iter().flat_map(|source| &source.names).filter(|name| name.is_ours());
    assert!(seen.count() > 1_000, "the reader of imports is broken");
    let wrong: Vec<_> = sources.iter().flat_map(wrong_layers).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_owned_item_is_named_only_by_its_owners() {
    let sources = sources();
    let wrong: Vec<_> = sources.iter().flat_map(|source| wrong_owners(source, &owned())).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (path, _) in OWNED {
        let is_named = |source: &Source| source.names.iter().any(|name| name.starts_with(path));
        assert!(sources.iter().any(is_named), "nothing names `{path}`: take it off OWNED");
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let wrong = wrong_circles(&sources(), &CIRCLES);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn sources() -> Vec<Source> {
    source::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

/// The items with owners: the list above, and those that `clippy.toml` keeps in one file for a reason that names it.
fn owned() -> Vec<(String, Vec<String>)> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Clippy {
        disallowed_methods: Vec<Disallowed>,
        disallowed_types: Vec<Disallowed>,
    }
    #[derive(serde::Deserialize)]
    struct Disallowed {
        path: String,
        reason: String,
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("clippy.toml");
    let text = std::fs::read_to_string(file).expect("the settings of clippy");
    let Clippy { disallowed_methods, disallowed_types } = toml::from_str(&text).expect("TOML");
    let seams = disallowed_methods.into_iter().chain(disallowed_types).filter_map(|seam| {
        let file = seam.reason.split('`').find_map(|word| word.strip_suffix(".rs"))?;
        Some((seam.path.replace("countersign::", "crate::"), vec![file.to_owned()]))
    });
    let listed = OWNED.iter().map(|(path, owners)| {
        ((*path).to_owned(), owners.iter().map(|owner| (*owner).to_owned()).collect())
    });
    listed.chain(seams).collect()
}

impl fmt::Display for Name {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.path.join("::"))
    }
}

impl Name {
    fn is_ours(&self) -> bool {
        self.path[0] == "crate"
    }

    /// A single word is not a crate: it may be a variable.
    fn starts_with(&self, path: &str) -> bool {
        self.path.len() > 1
            && path
                .split("::")
                .enumerate()
                .all(|(n, segment)| self.path.get(n).is_some_and(|it| it == segment))
    }
}

/// The names in a file of modules outside its own and not below it.
fn wrong_layers(source: &Source) -> Vec<String> {
    // The list of the modules.
    let Some(module) = source.module.first() else { return Vec::new() };
    let layers: BTreeMap<&str, usize> = LAYERS
        .iter()
        .enumerate()
        .flat_map(|(layer, modules)| modules.iter().map(move |module| (*module, layer)))
        .collect();
    let Some(own) = layers.get(module.as_str()) else {
        return vec![format!("`{module}` is in no layer: add it to LAYERS")];
    };
    let is_wrong = |name: &&Name| {
        let Some(used) = name.path.get(1).filter(|_| name.is_ours()) else { return false };
        used != module
            && !SIDEWAYS.contains(&(module, used))
            && layers.get(used.as_str()).is_none_or(|layer| layer >= own)
    };
    let wrong = source.names.iter().filter(is_wrong);
    wrong.map(|name| format!("{}: `{module}` must not use `{name}`", source.file)).collect()
}

/// The names in a file, outside tests, that others own.
fn wrong_owners(source: &Source, owned: &[(String, Vec<String>)]) -> Vec<String> {
    let mut wrong = Vec::new();
    // The list of the modules, and the items that external tests may use.
    if source.module.is_empty() {
        return wrong;
    }
    for (path, owners) in owned.iter().filter(|(_, owners)| !is_below(source, owners)) {
        let names = source.names.iter().filter(|name| !name.is_test && name.starts_with(path));
        wrong.extend(
            names.map(|name| {
                format!("{}: `{name}` belongs to {}", source.file, owners.join(" and "))
            }),
        );
    }
    wrong
}

fn is_below(source: &Source, owners: &[String]) -> bool {
    let module = source.module.join("/");
    owners.iter().any(|owner| {
        module.strip_prefix(owner).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

fn wrong_circles(sources: &[Source], allowed: &[&[&str]]) -> Vec<String> {
    let found = circles(sources);
    let is_in = |circle: &BTreeSet<String>, list: &&[&str]| {
        circle.iter().all(|file| list.contains(&file.as_str()))
    };
    let added = found.iter().filter(|circle| !allowed.iter().any(|list| is_in(circle, list)));
    let dissolved = allowed.iter().filter(|list| !found.iter().any(|circle| is_in(circle, list)));
    added
        .map(|circle| format!("these files import each other in a circle: {circle:?}"))
        .chain(dissolved.map(|list| {
            format!(
                "this circle is dissolved: take it off CIRCLES, and one off CIRCLES_MAX: {list:?}"
            )
        }))
        .collect()
}
