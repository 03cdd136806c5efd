//! The node's key: made once, kept in the data directory with a checksum, readable by its owner alone. Peer ids
//! are converted here between libp2p's type and the protocol's.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use cairn_genesis::programs::files;
use cairn_protocol::peer::PeerId;
use libp2p::identity::{Keypair, PublicKey, ed25519};

use crate::store::checksum;

/// The file's name in the data directory.
pub const KEY_FILE: &str = "node.key";

/// The reasons why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("cannot read or write the node's key in {}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    /// The file holds something else.
    #[error(
        "{} is damaged: {found}; move the file away and a new key is made (peers will take this node for another)",
        path.display()
    )]
    Damaged { path: PathBuf, found: &'static str },
}

/// Length of a key in bytes.
const KEY: usize = 32;

/// Reads the key of a data directory, or makes it. A key without a checksum, as earlier versions wrote it, gets one.
///
/// # Errors
/// When the file cannot be read or made, or is damaged.
pub fn load_or_make(directory: &Path) -> Result<Keypair, IdentityError> {
    let path = directory.join(KEY_FILE);
    let io = |source| IdentityError::Io { path: path.clone(), source };
    let mut bytes = Vec::new();
    match OpenOptions::new().read(true).open(&path) {
        // A few bytes more than a key and its checksum show that the file is something else.
        Ok(file) => file.take(64).read_to_end(&mut bytes).map_err(io)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let pair = ed25519::Keypair::generate();
            write(&path, pair.secret().as_ref()).map_err(io)?;
            return Ok(pair.into());
        }
        Err(error) => return Err(io(error)),
    };
    let damaged = |found| IdentityError::Damaged { path: path.clone(), found };
    let key = match checksum::check(KEY_FILE.as_bytes(), &bytes) {
        Some(key) => key,
        None if bytes.len() == KEY => {
            write(&path, &bytes).map_err(io)?;
            &bytes
        }
        None if bytes.len() == checksum::LENGTH + KEY => {
            return Err(damaged("its checksum does not fit its key"));
        }
        None => return Err(damaged("it has not the length of a key")),
    };
    Keypair::ed25519_from_bytes(key.to_vec()).map_err(|_| damaged("it has not the length of a key"))
}

/// Peers recognize the node by its key, so it must survive a loss of power.
fn write(path: &Path, key: &[u8]) -> std::io::Result<()> {
    files::replace_durably(path, &checksum::add(KEY_FILE.as_bytes(), key))
}

/// The peer id of the holder of a key.
///
/// # Panics
/// Never: only ed25519 is compiled in, so no other key gets through the handshake.
pub fn own_id(keypair: &Keypair) -> PeerId {
    to_ours(&keypair.public().to_peer_id()).expect("the node's key is an ed25519 key")
}

/// The protocol's id of a peer of libp2p; none if its key is of another kind.
pub fn to_ours(peer: &libp2p::PeerId) -> Option<PeerId> {
    // An ed25519 peer's id is its public key in protobuf, wrapped in the identity hash (code 0).
    let multihash = peer.as_ref();
    let encoded = (multihash.code() == 0).then(|| multihash.digest())?;
    let key = PublicKey::try_decode_protobuf(encoded).ok()?.try_into_ed25519().ok()?;
    Some(PeerId::from_bytes(key.to_bytes()))
}

/// libp2p's id of a peer; none if the bytes are not a point on the curve, which a peer's always are.
pub fn to_libp2p(peer: &PeerId) -> Option<libp2p::PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(peer.as_bytes()).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_can_read_it() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let first = load_or_make(directory.path()).expect("made");
        let again = load_or_make(directory.path()).expect("read");
        assert_eq!(own_id(&first), own_id(&again));
        let mode =
            std::fs::metadata(directory.path().join(KEY_FILE)).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_key_is_named_with_the_way_out() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(directory.path().join(KEY_FILE), b"short").expect("written");
        let error = load_or_make(directory.path()).expect_err("damaged").to_string();
        assert!(error.contains("not the length of a key") && error.contains("move the file away"), "{error}");
    }

    #[test]
    fn a_key_with_any_bit_changed_is_rejected_with_the_way_out() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        load_or_make(directory.path()).expect("made");
        let path = directory.path().join(KEY_FILE);
        let intact = std::fs::read(&path).expect("readable");
        for bit in 0..intact.len() * 8 {
            let mut changed = intact.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &changed).expect("written");
            let error = load_or_make(directory.path()).expect_err("damaged").to_string();
            assert!(error.contains("checksum") && error.contains("move the file away"), "{bit}: {error}");
            assert_eq!(std::fs::read(&path).expect("readable"), changed, "it is left as it was");
        }
    }

    #[test]
    fn a_key_of_an_earlier_version_is_the_same_key_and_gets_a_checksum() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join(KEY_FILE);
        let pair = ed25519::Keypair::generate();
        std::fs::write(&path, pair.secret().as_ref()).expect("written");
        let read = load_or_make(directory.path()).expect("read");
        assert_eq!(own_id(&read), own_id(&pair.into()));
        assert_eq!(std::fs::read(&path).expect("readable").len(), checksum::LENGTH + KEY);
        assert_eq!(own_id(&load_or_make(directory.path()).expect("read again")), own_id(&read));
    }

    #[test]
    fn identities_translate_both_ways() {
        let pair = Keypair::generate_ed25519();
        let ours = own_id(&pair);
        assert_eq!(to_libp2p(&ours), Some(pair.public().to_peer_id()));
        assert_eq!(to_ours(&libp2p::PeerId::random()), None, "its hash is of no key");
    }
}
