//! The program `cairn-wallet`: parse, run, print, exit.

use std::process::ExitCode;

use cairn_wallet::{cli::Cli, commands};
use clap::Parser;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.common.json;
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if json => {
            println!("{}", serde_json::json!({ "error": format!("{error:#}") }));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
