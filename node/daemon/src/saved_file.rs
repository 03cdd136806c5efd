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
    /// What a node without the file has lost, and what its operator can do, for a warning.
    pub loss: &'static str,
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

    /// Reads the file. A damaged one does not keep the node from starting: a warning says what is lost.
    pub fn load<T: Decode<()>>(&self, directory: &Path, genesis: GenesisHash) -> Option<T> {
        match self.read(directory, genesis) {
            Ok(value) => Some(value),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                let (file, loss) = (self.path(directory), self.loss);
                tracing::warn!(file = %file.display(), %error, "cannot read a saved file: {loss}");
                None
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
