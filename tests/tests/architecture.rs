//! Imports run one way: read from the `use` lines of every product file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, ImplItem, Item, TraitItem, UseTree, Visibility};

/// Packages with their sources, and what each may import of ours.
const PACKAGES: [(&str, &[&str]); 8] = [
    ("core", &[]),
    ("genesis", &["cairn_core"]),
    ("node/protocol", &["cairn_core", "cairn_genesis"]),
    ("node/simulator", &["cairn_core", "cairn_genesis", "cairn_protocol"]),
    ("node/report", &["cairn_core", "cairn_genesis", "cairn_simulator"]),
    ("node/daemon", &["cairn_core", "cairn_genesis", "cairn_protocol"]),
    (
        "node",
        &["cairn_core", "cairn_daemon", "cairn_genesis", "cairn_protocol", "cairn_report", "cairn_simulator"],
    ),
    ("wallet", &["cairn_core", "cairn_genesis"]),
];
/// Lines of a product file, without its tests, from which on the test suggests to look for a second idea in it.
/// A longer file does not fail: size alone is no reason to split what is one idea.
const LONG_FILE: usize = 400;

/// A module's path: `["a", "b"]` for `crate::a::b`, empty for the root.
type Name = Vec<String>;
type Graph = BTreeMap<Name, BTreeSet<Name>>;

/// One source file as a module.
struct Module {
    name: Name,
    imports: Vec<Name>,
    lines: usize,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lies in the workspace").to_owned()
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    for path in entries.map(|entry| entry.expect("entry").path()) {
        if path.is_dir() && path.ends_with("tests") {
            // Helpers of the tests beside it: no part of the product.
        } else if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

fn flatten(tree: &UseTree, prefix: &[String], found: &mut Vec<Name>) {
    let with = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
    match tree {
        UseTree::Path(path) => flatten(&path.tree, &with(&path.ident), found),
        UseTree::Name(name) if name.ident == "self" => found.push(prefix.to_vec()),
        UseTree::Name(name) => found.push(with(&name.ident)),
        UseTree::Rename(rename) => found.push(with(&rename.ident)),
        UseTree::Glob(_) => found.push(prefix.to_vec()),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, prefix, found)),
    }
}

fn module(source: &Path, file: &Path) -> Module {
    let relative = file.strip_prefix(source).expect("below the source").with_extension("");
    let mut name: Name = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if matches!(name.as_slice(), [only] if only == "lib" || only == "main") {
        name.clear();
    }
    let text = fs::read_to_string(file).expect("source");
    let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut imports = Vec::new();
    for item in &parsed.items {
        if let Item::Use(item) = item {
            flatten(&item.tree, &[], &mut imports);
        }
    }
    let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
    Module { name, imports, lines }
}

fn modules(package: &str) -> Vec<Module> {
    let source = root().join(package).join("src");
    let mut files = Vec::new();
    sources(&source, &mut files);
    files.iter().map(|file| module(&source, file)).collect()
}

/// The file of this package that an import reaches, if it stays inside the package.
fn target(module: &Module, import: &[String], known: &BTreeSet<Name>) -> Option<Name> {
    let from_root = match import.first()?.as_str() {
        "crate" => import[1..].to_vec(),
        "super" => [&module.name[..module.name.len() - 1], &import[1..]].concat(),
        "self" => [&module.name[..], &import[1..]].concat(),
        _ => [&module.name[..], import].concat(),
    };
    let reached =
        (1..=from_root.len()).rev().map(|n| from_root[..n].to_vec()).find(|name| known.contains(name));
    reached.filter(|name| *name != module.name)
}

/// Imports between the files of one package; the root only lists the others.
fn graph(modules: &[Module]) -> Graph {
    let known: BTreeSet<Name> = modules.iter().map(|module| module.name.clone()).collect();
    let inner = modules.iter().filter(|module| !module.name.is_empty());
    inner
        .map(|module| {
            let targets = module.imports.iter().filter_map(|import| target(module, import, &known));
            (module.name.clone(), targets.collect())
        })
        .collect()
}

/// A way from `at` back to a module on the way so far, if there is one.
fn circle(at: &Name, graph: &Graph, way: &mut Vec<Name>, done: &mut BTreeSet<Name>) -> Option<Vec<Name>> {
    if let Some(start) = way.iter().position(|earlier| earlier == at) {
        return Some(way[start..].to_vec());
    }
    if !done.insert(at.clone()) {
        return None;
    }
    way.push(at.clone());
    let found = graph.get(at).into_iter().flatten().find_map(|next| circle(next, graph, way, done));
    way.pop();
    found
}

/// The first circle of imports, its modules by name.
fn first_circle(graph: &Graph) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    let found = graph.keys().find_map(|start| circle(start, graph, &mut Vec::new(), &mut done))?;
    Some(found.iter().map(|name| name.join("::")).collect())
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    for (package, _) in PACKAGES {
        assert_eq!(first_circle(&graph(&modules(package))), None, "{package}: a circle of modules");
    }
}

/// Imports between the files and folders that lie side by side in one folder: `a/x.rs` that imports `b/y.rs` is an
/// arrow from `a` to `b`.
fn folders(graph: &Graph) -> Graph {
    let mut folders = Graph::new();
    for (from, targets) in graph {
        for to in targets {
            let common = from.iter().zip(to).take_while(|(one, other)| one == other).count();
            if common < from.len() && common < to.len() {
                folders.entry(from[..=common].to_vec()).or_default().insert(to[..=common].to_vec());
            }
        }
    }
    folders
}

#[test]
fn no_folders_import_each_other_in_a_circle() {
    for (package, _) in PACKAGES {
        assert_eq!(first_circle(&folders(&graph(&modules(package)))), None, "{package}: a circle of folders");
    }
}

#[test]
fn no_child_module_imports_its_parent() {
    for (package, _) in PACKAGES {
        for (child, targets) in graph(&modules(package)) {
            if let Some(parent) = targets.iter().find(|target| child.starts_with(target)) {
                let (child, parent) = (child.join("::"), parent.join("::"));
                panic!("{package}: {child} imports its parent {parent}; move the shared word into a leaf");
            }
        }
    }
}

#[test]
fn packages_import_only_what_the_house_allows() {
    for (package, allowed) in PACKAGES {
        let itself = format!("cairn_{}", package.rsplit('/').next().expect("a name"));
        for module in modules(package) {
            for import in module.imports.iter().filter(|import| import[0].starts_with("cairn_")) {
                let name = import[0].as_str();
                let at = module.name.join("::");
                assert!(name == itself || allowed.contains(&name), "{package}: {at} imports {name}");
            }
        }
    }
}

/// A hint, printed and never failed: see `LONG_FILE`.
#[test]
fn long_product_files_are_listed() {
    let named = |package: &'static str| {
        modules(package).into_iter().map(move |m| (m.lines, format!("{package}: {}", m.name.join("::"))))
    };
    let mut lengths: Vec<(usize, String)> = PACKAGES.iter().flat_map(|(package, _)| named(package)).collect();
    lengths.sort();
    println!("{} product files, median {} lines", lengths.len(), lengths[lengths.len() / 2].0);
    for (lines, name) in lengths.iter().rev().take_while(|(lines, _)| *lines > LONG_FILE) {
        println!("warning: {name} has {lines} lines: look for a second idea in it");
    }
    assert!(lengths.len() > 100, "the sources were found: {}", lengths.len());
}

#[test]
fn a_planted_circle_and_a_planted_import_of_the_parent_are_found() {
    let name = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect::<Name>();
    let module = |path: &[&str], imports: &[&[&str]]| Module {
        name: name(path),
        imports: imports.iter().map(|import| name(import)).collect(),
        lines: 1,
    };
    let planted = [
        module(&["a"], &[&["crate", "b", "Thing"]]),
        module(&["b"], &[&["crate", "c"]]),
        module(&["c"], &[&["std", "fmt"], &["crate", "a"]]),
        module(&["a", "child"], &[&["super", "Word"]]),
    ];
    let graph = graph(&planted);
    let way = circle(&name(&["a"]), &graph, &mut Vec::new(), &mut BTreeSet::new()).expect("a circle");
    assert_eq!(way, [name(&["a"]), name(&["b"]), name(&["c"])]);
    assert!(graph[&name(&["a", "child"])].contains(&name(&["a"])));
    assert_eq!(first_circle(&folders(&graph)).expect("a circle").len(), 3);
}

#[test]
fn a_planted_circle_of_folders_is_found_where_no_files_import_each_other_in_one() {
    let name = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect::<Name>();
    let to = |target: &[&str]| BTreeSet::from([name(target)]);
    let planted = Graph::from([
        (name(&["web", "view"]), to(&["rpc", "access"])),
        (name(&["rpc", "access"]), to(&["web", "log"])),
        (name(&["web", "log"]), BTreeSet::new()),
    ]);
    assert_eq!(first_circle(&planted), None);
    assert_eq!(first_circle(&folders(&planted)), Some(vec!["rpc".to_owned(), "web".to_owned()]));
}

/// The files of a package that contain some text outside of comments.
fn files_with(package: &str, text: &str) -> Vec<String> {
    let mut files = Vec::new();
    sources(&root().join(package).join("src"), &mut files);
    let says = |path: &PathBuf| {
        let source = fs::read_to_string(path).expect("source");
        source.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(text))
    };
    let relative = |path: PathBuf| path.strip_prefix(root()).expect("below the root").display().to_string();
    let mut found: Vec<String> = files.into_iter().filter(says).map(relative).collect();
    found.sort();
    found
}

/// docs/attacks.md, row 35.
#[test]
fn nothing_but_the_hashing_kernel_may_be_unsafe() {
    for (package, _) in
        PACKAGES.into_iter().filter(|(package, _)| *package != "node" && *package != "node/daemon")
    {
        let library = fs::read_to_string(root().join(package).join("src/lib.rs")).expect("source");
        assert!(
            library.lines().any(|line| line == "#![forbid(unsafe_code)]"),
            "{package} forbids unsafe code"
        );
    }
    // The one place that may allow it stands in the daemon, where a lint denies it by default.
    let workspace = fs::read_to_string(root().join("Cargo.toml")).expect("manifest");
    assert!(workspace.lines().any(|line| line == "unsafe_code = \"deny\""));
    assert_eq!(files_with("node/daemon", "allow(unsafe_code)"), ["node/daemon/src/search/sha_ni.rs"]);
    assert!(files_with("node", "unsafe").is_empty());
    assert_eq!(files_with("node/daemon", "unsafe {"), ["node/daemon/src/search/sha_ni.rs"]);
}

/// docs/attacks.md, row 35: CVE-2025-46597 was a size that did not fit 32 bits.
#[test]
fn sizes_are_never_cut_off_where_rules_are_checked() {
    let lints = "deny(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)";
    for package in ["core", "node/protocol"] {
        let library = fs::read_to_string(root().join(package).join("src/lib.rs")).expect("source");
        let flat = library.split_whitespace().collect::<Vec<_>>().join(" ");
        let flat = flat.replace("( ", "(").replace(", )", ")").replace(" )", ")");
        assert!(flat.contains(lints), "{package} denies casts that lose something");
        let allowed = files_with(package, "allow(clippy::cast");
        assert!(allowed.is_empty(), "{allowed:?} allow casts that lose something");
    }
    let workspace = fs::read_to_string(root().join("Cargo.toml")).expect("manifest");
    assert!(
        workspace.lines().any(|line| line == "overflow-checks = true"),
        "the release build checks arithmetic"
    );
}

/// docs/attacks.md, row 36: UPnP, discovery on the local network and fetching from URIs.
#[test]
fn the_program_opens_no_router_finds_no_neighbour_and_fetches_nothing_from_strangers() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let asked = ["tree", "--locked", "--offline", "-p", "cairn-node", "-p", "cairn-wallet", "-e", "normal"];
    let output = std::process::Command::new(cargo)
        .args(asked)
        .args(["--prefix", "none", "--format", "{lib}"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).expect("text");
    let names: BTreeSet<&str> = listed.lines().map(str::trim).collect();
    assert!(names.contains("libp2p_tcp") && names.contains("cairn_core"), "the list is a list: {listed}");
    let unwanted =
        ["igd", "upnp", "natpmp", "mdns", "autonat", "dcutr", "relay", "kad", "reqwest", "isahc", "curl"];
    let is_unwanted = |name: &&&str| unwanted.iter().any(|part| name.contains(part));
    assert_eq!(names.iter().filter(is_unwanted).collect::<Vec<_>>(), [&""; 0]);
    // The one HTTP client asks nodes that the operator started or named, and nobody else's.
    let clients = ["node/daemon/src/api/client.rs", "node/src/devnet/client.rs", "wallet/src/client.rs"];
    let found: Vec<String> = PACKAGES.iter().flat_map(|(package, _)| files_with(package, "ureq")).collect();
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>(), clients);
}

fn has_doc(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident("doc"))
}

/// Names of the public items of a file that have no doc comment.
fn undocumented(file: &syn::File) -> Vec<String> {
    let mut found = Vec::new();
    let mut check = |visibility: &Visibility, attributes: &[Attribute], name: &syn::Ident| {
        if matches!(visibility, Visibility::Public(_)) && !has_doc(attributes) {
            found.push(name.to_string());
        }
    };
    for item in &file.items {
        match item {
            Item::Const(item) => check(&item.vis, &item.attrs, &item.ident),
            Item::Enum(item) => check(&item.vis, &item.attrs, &item.ident),
            Item::Fn(item) => check(&item.vis, &item.attrs, &item.sig.ident),
            Item::Struct(item) => check(&item.vis, &item.attrs, &item.ident),
            Item::Type(item) => check(&item.vis, &item.attrs, &item.ident),
            Item::Trait(item) => {
                check(&item.vis, &item.attrs, &item.ident);
                let functions = item.items.iter().filter_map(|inner| match inner {
                    TraitItem::Fn(inner) => Some(inner),
                    _ => None,
                });
                functions.for_each(|inner| check(&item.vis, &inner.attrs, &inner.sig.ident));
            }
            Item::Impl(item) if item.trait_.is_none() => {
                for inner in &item.items {
                    match inner {
                        ImplItem::Fn(inner) => check(&inner.vis, &inner.attrs, &inner.sig.ident),
                        ImplItem::Const(inner) => check(&inner.vis, &inner.attrs, &inner.ident),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// Fields and variants need no doc comment where name and type say all. The compiler's `missing_docs`
/// cannot be told so.
#[test]
fn files_and_public_items_have_doc_comments() {
    let mut missing = Vec::new();
    for (package, _) in PACKAGES {
        let mut files = Vec::new();
        sources(&root().join(package).join("src"), &mut files);
        for path in files {
            let file = syn::parse_file(&fs::read_to_string(&path).expect("source")).expect("Rust");
            let items = undocumented(&file).into_iter();
            let itself = (!has_doc(&file.attrs)).then(|| "the file itself".to_owned());
            missing.extend(itself.into_iter().chain(items).map(|name| format!("{}: {name}", path.display())));
        }
    }
    assert!(missing.is_empty(), "without a doc comment: {missing:#?}");
    let planted = "/// Has one.\npub struct A;\npub fn b() {}\nfn c() {}\nimpl A { pub fn d() {} }";
    assert_eq!(undocumented(&syn::parse_file(planted).expect("Rust")), ["b", "d"]);
}

/// docs/architecture.md sends its reader to files and folders, and each is there.
#[test]
fn every_path_that_the_architecture_names_exists() {
    let text = fs::read_to_string(root().join("docs/architecture.md")).expect("the document");
    let tops = ["core/", "genesis/", "node/", "wallet/", "tests/", "docs/"];
    let paths: BTreeSet<&str> = text
        .split(|letter: char| letter.is_whitespace() || "`()|,;:".contains(letter))
        .filter(|word| tops.iter().any(|top| word.starts_with(top)))
        .collect();
    let missing: Vec<&&str> = paths.iter().filter(|path| !root().join(path).exists()).collect();
    assert!(paths.len() > 30, "{paths:?}");
    assert!(missing.is_empty(), "docs/architecture.md names what is not there: {missing:?}");
}
