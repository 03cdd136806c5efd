//! The page's modules: their folders import one way, and those that touch no document pass their own tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders of `node/web`, lowest first: each may import from itself and from those before it.
const FOLDERS: [&str; 6] = ["lib", "model", "tree", "network", "explorer", "reports"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lies in the workspace").to_owned()
}

fn files(directory: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

/// The files that a module's text imports, resolved from its folder.
fn imports(file: &Path, text: &str) -> Vec<PathBuf> {
    let texts = text.split("from \"").skip(1).chain(text.split("import \"").skip(1));
    let named = texts.filter_map(|rest| rest.split('"').next()).filter(|named| named.starts_with('.'));
    let mut resolved = Vec::new();
    for named in named {
        let mut path = file.parent().expect("a file is in a folder").to_owned();
        for part in named.split('/') {
            match part {
                "." => {}
                ".." => drop(path.pop()),
                name => path.push(name),
            }
        }
        resolved.push(path);
    }
    resolved
}

/// Every module of the page with what it imports, by paths from `node/web`.
fn graph() -> BTreeMap<String, BTreeSet<String>> {
    let web = root().join("node/web");
    let mut found = Vec::new();
    files(&web, "js", &mut found);
    let name = |path: &Path| path.strip_prefix(&web).expect("below").to_string_lossy().into_owned();
    let module = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("text");
        (name(path), imports(path, &text).iter().map(|import| name(import)).collect())
    };
    found.iter().map(module).collect()
}

/// The place of a module's folder among [`FOLDERS`]; the root is above them all.
fn level(module: &str) -> usize {
    match module.split_once('/') {
        Some((folder, _)) => FOLDERS.iter().position(|known| *known == folder).expect("a folder of the page"),
        None => FOLDERS.len(),
    }
}

/// Imports from a higher folder, of files that are missing, and of modules that import back.
fn faults(graph: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut faults = Vec::new();
    for (module, imports) in graph {
        for import in imports {
            if !graph.contains_key(import) {
                faults.push(format!("{module} imports {import}, which is missing"));
            } else if level(import) > level(module) {
                faults.push(format!("{module} imports upward: {import}"));
            }
        }
        let (mut reached, mut open) = (BTreeSet::new(), Vec::from_iter(imports));
        while let Some(next) = open.pop() {
            if reached.insert(next) {
                open.extend(graph.get(next).into_iter().flatten());
            }
        }
        if reached.contains(module) {
            faults.push(format!("{module} is imported by what it imports"));
        }
    }
    faults
}

#[test]
fn the_folders_of_the_page_import_one_way_and_every_module_is_used() {
    let graph = graph();
    assert_eq!(faults(&graph), Vec::<String>::new());
    let used: BTreeSet<&String> = graph.values().flatten().collect();
    let unused: Vec<_> =
        graph.keys().filter(|module| !used.contains(module) && *module != "app.js").collect();
    assert!(unused.is_empty(), "no module imports {unused:?}");
}

#[test]
fn a_planted_import_upward_and_a_planted_circle_are_found() {
    let module = |name: &str, imports: &[&str]| {
        (name.to_owned(), imports.iter().map(|import| (*import).to_owned()).collect())
    };
    let planted = BTreeMap::from([
        module("lib/a.js", &["model/b.js"]),
        module("model/b.js", &["model/c.js", "lib/gone.js"]),
        module("model/c.js", &["model/b.js"]),
    ]);
    assert_eq!(
        faults(&planted),
        [
            "lib/a.js imports upward: model/b.js",
            "model/b.js imports lib/gone.js, which is missing",
            "model/b.js is imported by what it imports",
            "model/c.js is imported by what it imports",
        ]
    );
    let text = "import { a } from \"./a.js\";\nimport {\n  b,\n} from \"../lib/b.js\";\nimport \"../c.js\";";
    let found = imports(Path::new("/web/model/d.js"), text);
    assert_eq!(found, ["/web/model/a.js", "/web/lib/b.js", "/web/c.js"].map(PathBuf::from));
}

#[test]
fn the_tests_of_the_pages_modules_pass() {
    let mut tests = Vec::new();
    files(&root().join("tests/web"), "mjs", &mut tests);
    assert!(tests.len() >= 5, "{tests:?}");
    let output = Command::new("node").arg("--test").args(&tests).output();
    let output = output.expect("Node.js 20 or newer is needed: `tests/run --bring` installs it");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
