//! `cairn verify`: the arguments.

use clap::Args;

/// What was typed after `cairn verify`.
#[derive(Clone, Debug, Args)]
pub struct VerifyArgs {}
