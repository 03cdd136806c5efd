//! The program under test: the same `main` as `cairn`, built with the tests so that it is never stale.

use std::process::ExitCode;

fn main() -> ExitCode {
    cairn_node::commands::main()
}
