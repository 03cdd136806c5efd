//! The program `cairn-wallet`: parses what was typed, runs it, says what went wrong.

use std::process::ExitCode;

fn main() -> ExitCode {
    cairn_wallet::main()
}
