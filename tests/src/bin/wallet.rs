//! The wallet under test: the same `main` as `cairn-wallet`, built with the tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    cairn_wallet::main()
}
