//! A store in a directory of its own, the blocks that it is given, and what memory makes of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::coin::Coin;
use cairn_core::signature::SerialVerifier;
use cairn_core::testing::{TestChain, pay};
use cairn_core::time::Timestamp;
use cairn_core::transaction::OutPoint;
use cairn_protocol::chain::Chain;
use cairn_protocol::chain::memory_store::MemoryStore;
use cairn_protocol::chain::store::ChainStore;

use crate::store::directory::OpenError;
use crate::store::{Bounds, Directory, Indexing, Opening, SledStore};

pub const LATE: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub struct World {
    pub test: TestChain,
    pub directory: tempfile::TempDir,
}

impl World {
    pub fn new() -> Self {
        Self { test: TestChain::new(), directory: tempfile::tempdir().expect("a directory") }
    }

    pub fn try_open(&self, opening: Opening) -> Result<Chain<SledStore>, OpenError> {
        self.try_open_within(Bounds::default(), opening)
    }

    pub fn try_open_within(&self, bounds: Bounds, opening: Opening) -> Result<Chain<SledStore>, OpenError> {
        self.try_open_with(bounds, opening, Indexing::Kept)
    }

    pub fn try_open_with(
        &self,
        bounds: Bounds,
        opening: Opening,
        indexing: Indexing,
    ) -> Result<Chain<SledStore>, OpenError> {
        let genesis = &self.test.genesis;
        let directory = Directory::open(self.directory.path(), genesis.hash().into(), opening)?;
        let store = SledStore::open_within(bounds, directory, genesis, opening, indexing)?;
        let params = self.test.params.clone();
        Chain::open(params, &self.test.genesis, store, Box::new(SerialVerifier)).map_err(
            |error| match error {
                cairn_protocol::chain::open::OpenError::Store(error) => error.into(),
                other => panic!("{other}"),
            },
        )
    }

    /// The same chain, with everything written to sled.
    pub fn checkpoint(&self, chain: Chain<SledStore>) -> Chain<SledStore> {
        let mut store = chain.into_store();
        store.write_checkpoint().expect("written");
        let params = self.test.params.clone();
        Chain::open(params, &self.test.genesis, store, Box::new(SerialVerifier)).expect("it opens")
    }

    pub fn open(&self) -> Chain<SledStore> {
        self.try_open(Opening::Resume).expect("it opens")
    }

    /// What a kill leaves: nothing is written on the way out. The lock ends with the process, here
    /// by hand.
    pub fn kill(&self, chain: Chain<SledStore>) {
        std::mem::forget(chain);
        let _ = fs::remove_file(self.directory.path().join("LOCK"));
        let copy = self.directory.path().join("state-copy");
        let state = self.directory.path().join("state");
        copy_directory(&state, &copy);
        fs::remove_dir_all(&state).expect("removed");
        fs::rename(&copy, &state).expect("renamed");
    }

    /// Sixty blocks with payments in them, the last three of which a longer branch replaces.
    pub fn blocks(&self) -> Vec<Arc<Block>> {
        let mut blocks = vec![self.test.genesis.clone()];
        for number in 0..60_u8 {
            let parent = blocks.last().expect("genesis").clone();
            let mut payments = Vec::new();
            if number < 10 {
                let (outpoint, output) = self.test.premine(number);
                let first =
                    self.test.spend(number, &[(outpoint, output)], vec![pay(400, 20), pay(600, number)]);
                let made = OutPoint { txid: first.txid(), index: 0 };
                let second = self.test.spend(20, &[(made, pay(400, 20))], vec![pay(400, 21)]);
                payments = vec![first, second];
            }
            blocks.push(self.test.block_on(&parent, 30, Amount::ZERO, payments));
        }
        let fork = blocks[57].clone();
        blocks.extend(self.test.blocks_on(&fork, 31, 5));
        blocks
    }
}

pub fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        match entry.file_type().expect("readable").is_dir() {
            true => copy_directory(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).expect("copied")),
        }
    }
}

pub fn feed<S: ChainStore>(chain: &mut Chain<S>, blocks: &[Arc<Block>]) {
    for block in blocks {
        chain.accept_block(LATE, block.clone()).expect("a valid block");
    }
}

pub fn coins<S: ChainStore>(chain: &Chain<S>) -> BTreeMap<OutPoint, Coin> {
    let mut coins = BTreeMap::new();
    let mut last = None;
    let mut visit = |outpoint, coin| {
        assert!(last.replace(outpoint) < Some(outpoint), "coins come in order");
        coins.insert(outpoint, coin);
    };
    chain.store().for_each_coin(&mut visit).expect("readable");
    coins
}

pub fn in_memory(world: &World, blocks: &[Arc<Block>]) -> Chain<MemoryStore> {
    let (params, store) = (world.test.params.clone(), MemoryStore::default());
    let mut chain =
        Chain::open(params, &world.test.genesis, store, Box::new(SerialVerifier)).expect("it opens");
    feed(&mut chain, blocks);
    chain
}

pub fn assert_same(chain: &Chain<SledStore>, expected: &Chain<MemoryStore>, blocks: &[Arc<Block>]) {
    assert_eq!(chain.tip().hash(), expected.tip().hash());
    assert_eq!(coins(chain), coins(expected));
    for block in blocks {
        for txid in block.txids() {
            let place = chain.store().transaction_place(&txid).expect("readable");
            assert_eq!(place, expected.store().transaction_place(&txid).expect("memory"));
        }
        for outpoint in block.transactions().iter().flat_map(|one| one.inputs()) {
            let spender = chain.store().spender(outpoint).expect("readable");
            assert_eq!(spender, expected.store().spender(outpoint).expect("memory"));
            assert_eq!(chain.store().coin(outpoint).expect("readable"), None);
        }
    }
}
