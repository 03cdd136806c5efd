//! Saved files: values that a node keeps over a restart and can do without, in its data directory.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use cairn_core::encoding::{self, Decode, Encode};
use cairn_core::hash::GenesisHash;
use cairn_genesis::programs::files;

/// A kind of file in a data directory.
#[derive(Clone, Copy, Debug)]
pub struct SavedFile {
    pub name: &'static str,
    /// The first bytes of the file: its kind and version.
    pub mark: [u8; 8],
    /// Limit of the file's size in bytes.
    pub longest: u64,
}

impl SavedFile {
    /// The file's path.
    pub fn path(&self, directory: &Path) -> PathBuf {
        directory.join(self.name)
    }

    /// Replaces the file, as a whole or not at all.
    pub fn save<T: Encode>(&self, directory: &Path, genesis: GenesisHash, value: &T) -> io::Result<()> {
        let bytes = encoding::encode(&(self.mark, genesis, value));
        files::replace_durably(&self.path(directory), &bytes)
    }

    /// Reads the file. Without one, or with a damaged one, which does not keep the node from starting, the value is
    /// the default.
    pub fn load<T: Decode<()> + Default>(&self, directory: &Path, genesis: GenesisHash) -> T {
        match self.read(directory, genesis) {
            Ok(value) => value,
            Err(error) if error.kind() == ErrorKind::NotFound => T::default(),
            Err(error) => {
                tracing::warn!(file = %self.path(directory).display(), %error, "cannot read a saved file: starting without it");
                T::default()
            }
        }
    }

    fn read<T: Decode<()>>(&self, directory: &Path, genesis: GenesisHash) -> io::Result<T> {
        let mut bytes = Vec::new();
        File::open(self.path(directory))?.take(self.longest).read_to_end(&mut bytes)?;
        let (mark, chain, value): ([u8; 8], GenesisHash, T) =
            encoding::decode(&bytes, bytes.len()).map_err(io::Error::other)?;
        if mark != self.mark || chain != genesis {
            return Err(io::Error::other("it is of another version or chain"));
        }
        Ok(value)
    }
}
