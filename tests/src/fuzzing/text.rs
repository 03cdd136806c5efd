//! What people type: what is read means the same when it is written and read again.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use bech32::primitives::iter::Fe32IterExt;
use bech32::{Bech32m, Fe32, Hrp};
use cairn_core::address::{Address, AddressPrefix};
use cairn_core::amount::Amount;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::transaction::OutPoint;
use cairn_daemon::config::host::HostPort;
use cairn_wallet::files::WalletName;

/// The prefix of the addresses here.
pub const PREFIX: &str = "cairnreg";

/// A lock has one address: what is read is written the same again, in lower case. The bytes are
/// taken as text, and as the characters of an address whose checksum is right.
///
/// # Panics
/// When it does not hold.
pub fn address(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        read_address(text);
    }
    let digits = bytes.iter().take(80).map(|byte| Fe32::try_from(byte & 31).expect("five bits"));
    let prefix = Hrp::parse(PREFIX).expect("a prefix");
    read_address(&digits.with_checksum::<Bech32m>(&prefix).chars().collect::<String>());
}

fn read_address(text: &str) {
    let prefix = AddressPrefix::new(PREFIX).expect("a prefix");
    if let Ok(address) = Address::parse(text, &prefix) {
        assert_eq!(address.to_string(), text.to_lowercase(), "two addresses of one lock");
    }
}

/// Amounts, ids, outpoints, hosts and names mean the same when they are written and read again.
///
/// # Panics
/// When it does not hold.
pub fn values(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    comes_back::<Amount>(text);
    comes_back::<Txid>(text);
    comes_back::<BlockHash>(text);
    comes_back::<OutPoint>(text);
    comes_back::<HostPort>(text);
    comes_back::<WalletName>(text);
}

fn comes_back<T: FromStr<Err: Display> + Display + Debug + PartialEq>(text: &str) {
    match text.parse::<T>() {
        Ok(value) => match value.to_string().parse::<T>() {
            Ok(again) => assert_eq!(again, value),
            Err(error) => panic!("{value} was read from {text:?} and is refused: {error}"),
        },
        Err(error) => assert!(error.to_string().len() < 1_000 + text.len() * 10, "{error}"),
    }
}
