//! Which of several running devnets is meant: the arguments of every command that needs one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;

/// A devnet by name or directory.
#[derive(Clone, Debug, Default, Args)]
pub struct WhichDevnet {
    /// The devnet of this name or in this directory [default: the newest that runs]
    #[arg(long, global = true, value_name = "NAME|DIR", env = "CAIRN_DEVNET")]
    pub devnet: Option<OsString>,
    /// The devnet in this directory
    #[arg(long, global = true, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

impl WhichDevnet {
    /// What was typed, or else what the environment says.
    pub fn wanted(&self) -> Option<OsString> {
        // No name holds a separator, so this can only be a directory.
        let directory = self.dir.as_ref().map(|dir| Path::new(".").join(dir).into_os_string());
        directory.or_else(|| self.devnet.clone())
    }
}
