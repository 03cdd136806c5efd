//! The published accounts as a devnet shows them, and who is paid when nobody is named.

use cairn_core::address::Address;
use cairn_core::amount::Amount;
use cairn_genesis::{Chain, accounts};
use serde_json::{Value, json};

/// One account that genesis funds.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its number.
    pub number: u8,
    /// Its published words.
    pub words: String,
    /// Its funded address.
    pub address: Address,
    /// What genesis pays to it.
    pub balance: Amount,
}

impl Account {
    /// As programs see it.
    pub fn to_json(&self) -> Value {
        json!({
            "account": self.number,
            "address": self.address.to_string(),
            "balance": self.balance,
            "words": self.words,
        })
    }
}

/// The accounts that this chain funds; none on a chain that does not know them.
pub fn funded(chain: &Chain) -> Vec<Account> {
    let account = |number| {
        let balance = premine(chain, number)?;
        Some(Account {
            number,
            words: accounts::words(number),
            address: payee(chain, number.into()),
            balance,
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
