//! The fuzz targets without a fuzzer: every claim on real values and on thousands of changed ones.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;

use cairn_tests::fuzzing::seeds::seeds;
use cairn_tests::fuzzing::{CLAIMS, Claim};
use syn::{FnArg, Item, ReturnType, Type, Visibility};

#[path = "fuzzing/mutation.rs"]
mod mutation;

use mutation::{draws, mutated};

/// Changed inputs for a claim.
const CHANGED: u64 = 10_000;
/// Fewer for those that write files, run a node twice, or stretch a passphrase.
const CHANGED_OF_SLOW: [(&str, u64); 4] =
    [("journal", 2_000), ("machine", 4_000), ("mempool_file", 2_000), ("wallet_keys", 500)];

fn holds(claim: Claim, input: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| claim(input))).is_ok()
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_in(directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(here().join(directory)).expect("a directory");
    entries.map(|entry| entry.expect("entry").path()).filter(|path| path.is_file()).collect()
}

#[test]
fn every_claim_holds_for_real_values() {
    for (name, claim) in CLAIMS {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for seed in seeds {
            assert!(holds(claim, &seed), "{name}: {}", hex::encode(seed));
        }
    }
}

/// The draws are the same each time; a failure names the draw and the input.
#[test]
fn every_claim_holds_for_thousands_of_changed_values() {
    let mut broken = Vec::new();
    for (name, claim) in CLAIMS {
        let (seeds, began) = (seeds(name), Instant::now());
        let slow = CHANGED_OF_SLOW.iter().find(|(slow, _)| *slow == name);
        for number in 0..slow.map_or(CHANGED, |(_, count)| *count) {
            let input = mutated(&seeds, &mut draws(number));
            if !holds(claim, &input) {
                broken.push(format!("{name}, draw {number}: {}", hex::encode(input)));
                break;
            }
        }
        println!("{name}: {:?}", began.elapsed());
    }
    assert_eq!(broken, [""; 0]);
}

/// Public functions of bytes alone, in the files of claims: `module::name`.
fn claims_written() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in files_in("src/fuzzing") {
        let module = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let parsed = syn::parse_file(&fs::read_to_string(&path).expect("source")).expect("Rust");
        for item in parsed.items {
            let Item::Fn(function) = item else { continue };
            let arguments: Vec<&FnArg> = function.sig.inputs.iter().collect();
            let takes_bytes = matches!(arguments.as_slice(), [FnArg::Typed(only)] if is_bytes(&only.ty));
            let gives_nothing = matches!(function.sig.output, ReturnType::Default);
            if matches!(function.vis, Visibility::Public(_)) && takes_bytes && gives_nothing {
                found.insert(format!("{module}::{}", function.sig.ident));
            }
        }
    }
    found
}

fn is_bytes(argument: &Type) -> bool {
    let Type::Reference(reference) = argument else { return false };
    let Type::Slice(slice) = &*reference.elem else { return false };
    matches!(&*slice.elem, Type::Path(path) if path.path.is_ident("u8")) && reference.mutability.is_none()
}

#[test]
fn every_claim_has_a_fuzz_target_and_every_target_a_claim() {
    let written = claims_written();
    let name_of = |path: &String| path.rsplit("::").next().expect("a name").to_owned();
    let listed: Vec<String> = CLAIMS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(written.iter().map(name_of).collect::<BTreeSet<_>>(), listed.iter().cloned().collect());
    let target = |claim: &String| {
        let (module, name) = claim.split_once("::").expect("a path");
        let path = format!("fuzz/fuzz_targets/{name}.rs");
        let call = format!("cairn_tests::fuzzing::{module}::{name}(bytes)");
        (path, call)
    };
    let targets: Vec<(String, String)> = written.iter().map(target).collect();
    for (path, call) in &targets {
        let text = fs::read_to_string(here().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(text.contains(call), "{path} calls {call}");
    }
    assert_eq!(files_in("fuzz/fuzz_targets").len(), targets.len(), "no target is left over");
    let manifest = fs::read_to_string(here().join("fuzz/Cargo.toml")).expect("manifest");
    let binaries: BTreeSet<String> = manifest.split("[[bin]]").skip(1).map(binary).collect();
    assert_eq!(binaries, listed.into_iter().collect(), "targets in the manifest");
    assert_eq!(manifest.matches("[[bin]]").count(), targets.len(), "none twice");
}

/// The name of a binary whose path is named alike.
fn binary(section: &str) -> String {
    let value = |key: &str| {
        let line = section.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
        line.expect("every binary has a name and a path").trim_matches('"').to_owned()
    };
    let name = value("name");
    assert_eq!(value("path"), format!("fuzz_targets/{name}.rs"));
    name
}
