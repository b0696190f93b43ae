//! Reads a source file like the compiler and lists every path it names: in imports and their groups, in expressions,
//! types, macros and the text of attributes, to the end of the file.

use std::collections::BTreeMap;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;
use syn::{Attribute, ImplItem, Item, ItemMod, ItemUse, Macro, Meta, UseTree, Visibility};

/// A file of `src/` and the names in it.
pub struct Source {
    /// Below `src/`, such as `store/mod.rs`.
    pub file: String,
    /// Its module, such as `["store"]`; nothing for `lib.rs`.
    pub module: Vec<String>,
    pub names: Vec<Name>,
    /// The modules that it declares under `#[cfg(test)]` and that are in other files.
    pub test_modules: Vec<Vec<String>>,
}

/// A path that a file names.
#[derive(Clone, Debug)]
pub struct Name {
    /// From its root, which is `crate` or a crate's name: `["crate", "store", "open"]`.
    pub path: Vec<String>,
    /// Within an item under `#[cfg(test)]`.
    pub is_test: bool,
}

/// Every file below `folder`, with test files marked as such.
pub fn read(folder: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    collect(folder, folder, &mut sources);
    mark_test_files(&mut sources);
    sources
}

/// A source with that file name and text.
pub fn source(file: &str, text: &str) -> Source {
    let module = module_of(file);
    let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut reader = Reader {
        module: module.clone(),
        scopes: Vec::new(),
        is_test: false,
        names: Vec::new(),
        test_modules: Vec::new(),
    };
    reader.enter(&parsed.items, |reader| syn::visit::visit_file(reader, &parsed));
    Source { file: file.to_owned(), module, names: reader.names, test_modules: reader.test_modules }
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.strip_prefix(root).expect("below the root").to_string_lossy();
            sources.push(source(&file, &std::fs::read_to_string(&path).expect("a source file")));
        }
    }
}

fn mark_test_files(sources: &mut [Source]) {
    let tests: Vec<_> = sources.iter().flat_map(|source| source.test_modules.clone()).collect();
    for source in sources {
        if tests.iter().any(|test| source.module.starts_with(test)) {
            source.names.iter_mut().for_each(|name| name.is_test = true);
        }
    }
}

/// `config/compile.rs` → `config`, `compile`; `config/mod.rs` → `config`.
fn module_of(file: &str) -> Vec<String> {
    let mut module: Vec<_> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod") || module == ["lib"] {
        module.pop();
    }
    module
}

/// The meaning of short names in a module: imports and modules it declares.
type Scope = BTreeMap<String, Vec<String>>;

struct Reader {
    module: Vec<String>,
    /// The scopes of the enclosing modules and, last, of this one.
    scopes: Vec<Scope>,
    is_test: bool,
    names: Vec<Name>,
    test_modules: Vec<Vec<String>>,
}

impl Reader {
    /// Reads the contents of a module with its short names.
    fn enter(&mut self, items: &[Item], read: impl FnOnce(&mut Self)) {
        let mut imports = Imports::default();
        items.iter().for_each(|item| imports.visit_item(item));
        self.scopes.push(Scope::new());
        for child in imports.modules {
            let path = self.root().into_iter().chain([child.clone()]).collect();
            self.scopes.last_mut().expect("just pushed").insert(child, path);
        }
        for (short, path) in imports.uses {
            let path = self.resolve(path);
            self.scopes.last_mut().expect("just pushed").insert(short, path);
        }
        read(self);
        self.scopes.pop();
    }

    fn root(&self) -> Vec<String> {
        std::iter::once("crate".to_owned()).chain(self.module.iter().cloned()).collect()
    }

    fn resolve(&self, path: Vec<String>) -> Vec<String> {
        let mut base = self.root();
        let mut rest = path.iter();
        match path.first().map(String::as_str) {
            Some("self") => drop(rest.next()),
            Some("super") => {
                for _ in path.iter().take_while(|segment| *segment == "super") {
                    base.pop();
                    rest.next();
                }
            }
            // `main.rs` is a crate of its own that names the library.
            Some("countersign") => {
                base.truncate(1);
                rest.next();
            }
            Some(first) => {
                let known = self.scopes.iter().rev().find_map(|scope| scope.get(first));
                let Some(known) = known else { return path };
                base.clone_from(known);
                rest.next();
            }
            None => return path,
        }
        base.extend(rest.cloned());
        base
    }

    fn add(&mut self, path: Vec<String>) {
        let name = Name { path: self.resolve(path), is_test: self.is_test };
        self.names.push(name);
    }

    /// A macro's arguments have no syntax tree yet, so paths are picked from its tokens.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.add_found(&mut path);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Punct(_) => self.add_found(&mut path),
                TokenTree::Literal(literal) => self.text(&literal.to_string()),
                TokenTree::Group(group) => {
                    self.add_found(&mut path);
                    self.tokens(group.stream());
                }
            }
        }
        self.add_found(&mut path);
    }

    fn add_found(&mut self, path: &mut Vec<String>) {
        let found = std::mem::take(path);
        if !found.is_empty() {
            self.add(found);
        }
    }

    /// `#[serde(default = "crate::…")]`: a path in quotes.
    fn text(&mut self, literal: &str) {
        let text = literal.trim_matches('"');
        if ["crate::", "super::", "self::"].iter().any(|root| text.starts_with(root))
            && let Ok(path) = syn::parse_str::<syn::Path>(text)
        {
            self.visit_path(&path);
        }
    }

    /// Reads an item that may be for tests only.
    fn within(&mut self, attributes: &[Attribute], read: impl FnOnce(&mut Self)) {
        let before = self.is_test;
        self.is_test |= attributes.iter().any(is_for_tests);
        read(self);
        self.is_test = before;
    }
}

impl<'a> Visit<'a> for Reader {
    fn visit_item(&mut self, item: &'a Item) {
        self.within(attributes_of(item), |reader| syn::visit::visit_item(reader, item));
    }

    fn visit_impl_item(&mut self, item: &'a ImplItem) {
        let attributes = match item {
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Const(item) => &item.attrs,
            _ => return syn::visit::visit_impl_item(self, item),
        };
        self.within(attributes, |reader| syn::visit::visit_impl_item(reader, item));
    }

    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        self.module.push(item.ident.to_string());
        match &item.content {
            Some((_, items)) => {
                self.enter(items, |reader| syn::visit::visit_item_mod(reader, item));
            }
            None if self.is_test => self.test_modules.push(self.module.clone()),
            None => {}
        }
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        for (_, path) in paths_of(&item.tree, &[]) {
            self.add(path);
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        self.add(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, it: &'a Macro) {
        self.visit_path(&it.path);
        self.tokens(it.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'a Attribute) {
        match &attribute.meta {
            Meta::Path(path) => self.visit_path(path),
            Meta::List(list) => self.tokens(list.tokens.clone()),
            // Documentation.
            Meta::NameValue(_) => {}
        }
    }

    /// `pub(in …)` says who may access an item, not what is used.
    fn visit_visibility(&mut self, _: &'a Visibility) {}
}

/// The imports and the declared modules of one module, also those within its functions.
#[derive(Default)]
struct Imports {
    uses: Vec<(String, Vec<String>)>,
    modules: Vec<String>,
}

impl<'a> Visit<'a> for Imports {
    fn visit_item_use(&mut self, item: &'a ItemUse) {
        self.uses.extend(paths_of(&item.tree, &[]));
    }

    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        self.modules.push(item.ident.to_string());
    }
}

/// The local name and the path of each branch of an import.
fn paths_of(tree: &UseTree, before: &[String]) -> Vec<(String, Vec<String>)> {
    let with = |ident: &syn::Ident| [before, &[ident.to_string()]].concat();
    match tree {
        UseTree::Path(path) => paths_of(&path.tree, &with(&path.ident)),
        UseTree::Group(group) => {
            group.items.iter().flat_map(|tree| paths_of(tree, before)).collect()
        }
        UseTree::Name(name) if name.ident == "self" => {
            vec![(before.last().cloned().unwrap_or_default(), before.to_vec())]
        }
        UseTree::Name(name) => vec![(name.ident.to_string(), with(&name.ident))],
        UseTree::Rename(rename) if rename.ident == "self" => {
            vec![(rename.rename.to_string(), before.to_vec())]
        }
        UseTree::Rename(rename) => vec![(rename.rename.to_string(), with(&rename.ident))],
        UseTree::Glob(_) => vec![("*".to_owned(), before.to_vec())],
    }
}

fn is_for_tests(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else { return false };
    let condition = list.tokens.to_string();
    let words = |word| condition.split(|c: char| !c.is_alphanumeric()).any(|it| it == word);
    list.path.is_ident("cfg") && words("test") && !words("not")
}

fn attributes_of(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
