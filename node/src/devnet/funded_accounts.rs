//! The published accounts that genesis funds, and the payees of nodes where none is named.

use cairn_core::address::Address;
use cairn_core::amount::Amount;
use cairn_genesis::{Chain, accounts};

use crate::devnet::command::Account;

/// The accounts that this chain funds; none on a chain that does not know them.
pub fn funded(chain: &Chain) -> Vec<Account> {
    let account = |number| {
        Some(Account {
            account: number,
            address: payee(chain, number.into()).to_string(),
            balance: premine(chain, number)?,
            words: accounts::words(number),
        })
    };
    (0..accounts::COUNT).filter_map(account).collect()
}

/// Whether this chain funds the faucet.
pub fn has_faucet(chain: &Chain) -> bool {
    premine(chain, accounts::FAUCET).is_some()
}

/// The address of the account that goes with a node.
pub fn payee(chain: &Chain, node: u16) -> Address {
    let number = (node % u16::from(accounts::COUNT)) as u8;
    Address::new(&chain.params.address_prefix, accounts::lock(number))
}

fn premine(chain: &Chain, number: u8) -> Option<Amount> {
    let lock = accounts::lock(number);
    let output = chain.genesis.coinbase().outputs.iter().find(|output| output.lock == lock);
    output.map(|output| output.amount)
}
