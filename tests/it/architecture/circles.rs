//! Files that import each other in a circle can only be read all at once.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Source;

/// Modules that reach each other through the names they use outside tests. A folder's `mod.rs` naming the files of
/// its folder makes no circle: that is its purpose.
pub fn circles(sources: &[Source]) -> Vec<BTreeSet<String>> {
    let reached = reached(&imports(sources));
    let mut circles = BTreeSet::new();
    for (file, targets) in &reached {
        let back = |target: &&String| reached[*target].contains(file);
        if targets.contains(file) {
            circles.insert(targets.iter().filter(back).cloned().collect());
        }
    }
    circles.into_iter().collect()
}

type Graph = BTreeMap<String, BTreeSet<String>>;

fn imports(sources: &[Source]) -> Graph {
    let modules: BTreeSet<_> = sources.iter().map(|source| &source.module[..]).collect();
    let mut graph = Graph::new();
    for source in sources {
        let targets = graph.entry(source.module.join("/")).or_default();
        for name in source.names.iter().filter(|name| !name.is_test && name.path[0] == "crate") {
            let path = &name.path[1..];
            let file = (1..=path.len()).rev().map(|n| &path[..n]).find(|it| modules.contains(it));
            if let Some(file) = file
                && !file.starts_with(&source.module)
            {
                targets.insert(file.join("/"));
            }
        }
    }
    graph
}

fn reached(graph: &Graph) -> Graph {
    let from = |start: &String| {
        let mut reached = BTreeSet::new();
        let mut ahead = vec![start];
        while let Some(next) = ahead.pop() {
            for target in graph.get(next).into_iter().flatten() {
                if reached.insert(target.clone()) {
                    ahead.push(target);
                }
            }
        }
        reached
    };
    graph.keys().map(|file| (file.clone(), from(file))).collect()
}
