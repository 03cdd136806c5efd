//! The program `cairn`: parses what was typed, runs it, says what went wrong.

use std::process::ExitCode;

fn main() -> ExitCode {
    cairn_node::commands::main()
}
