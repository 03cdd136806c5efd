//! A node in memory for the wallet's logic: chain and mempool of the protocol, without sockets.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::hash::{BlockHash, Txid};
use cairn_core::height::Height;
use cairn_core::lock::Lock;
use cairn_core::signature::SerialVerifier;
use cairn_core::subsidy::subsidy;
use cairn_core::time::Timestamp;
use cairn_core::transaction::{Coinbase, OutPoint, Output, Transaction};
use cairn_genesis::Chain as Definition;
use cairn_protocol::chain::Chain;
use cairn_protocol::chain::memory_store::MemoryStore;
use cairn_protocol::mempool::{Mempool, MempoolError};
use cairn_wallet::client::ClientError;
use cairn_wallet::node::Node;

use cairn_core::testing::seal;

/// A node of the regtest chain that answers at once and has no peers.
pub struct MemoryNode {
    definition: Definition,
    chain: RefCell<Chain<MemoryStore>>,
    mempool: RefCell<Mempool>,
    clock: Cell<u64>,
    /// Every transaction that was handed in, accepted or not.
    pub submitted: RefCell<Vec<Txid>>,
}

impl Default for MemoryNode {
    fn default() -> Self {
        let definition = Definition::builtin("regtest").expect("built in");
        let clock = Cell::new(definition.params.genesis_time.millis());
        let chain = RefCell::new(new_chain(&definition));
        Self { definition, chain, mempool: RefCell::default(), clock, submitted: RefCell::default() }
    }
}

fn new_chain(definition: &Definition) -> Chain<MemoryStore> {
    let (params, genesis) = (definition.params.clone(), &definition.genesis);
    Chain::open(params, genesis, MemoryStore::default(), Box::new(SerialVerifier)).expect("memory")
}

impl MemoryNode {
    /// Later than ever before, and than any payment that the wallet has signed.
    fn now(&self) -> Timestamp {
        self.clock.set((self.clock.get() + 1).max(cairn_wallet::follow::now().millis() + 1));
        Timestamp::from_millis(self.clock.get())
    }

    /// Mines a block on a block of any branch, with these transactions; gives its hash.
    ///
    /// # Panics
    /// When the block is not valid.
    pub fn mine_on(&self, parent: BlockHash, transactions: Vec<Arc<Transaction>>, payee: Lock) -> BlockHash {
        let now = self.now();
        let (params, block) = {
            let chain = self.chain.borrow();
            let (entry, params) = (chain.entry(&parent).expect("known"), chain.params().clone());
            let height = entry.height.next();
            let outputs = vec![Output { amount: subsidy(&params, height), lock: payee }];
            let coinbase = Coinbase { height, outputs, tag: now.millis().to_le_bytes().to_vec() };
            let block = seal(parent, now, params.pow_limit, coinbase, transactions);
            (params, Arc::new(block))
        };
        assert!(params.half_life.is_none(), "regtest keeps its difficulty");
        let hash = block.hash();
        let accepted = self.chain.borrow_mut().accept_block(now, block).expect("valid");
        if let Some(change) = accepted.change {
            let followed = self.mempool.borrow_mut().follow(now, &change, &self.chain.borrow());
            followed.expect("memory");
        }
        hash
    }

    /// Mines a block on the tip, with the whole mempool or nothing.
    ///
    /// # Panics
    /// When the mempool holds what does not fit the chain.
    pub fn mine(&self, is_full: bool, payee: Lock) {
        let transactions = if is_full { self.mempool.borrow().iter().cloned().collect() } else { Vec::new() };
        let tip = self.chain.borrow().tip().hash();
        self.mine_on(tip, transactions, payee);
    }

    /// The best chain's blocks from genesis on.
    ///
    /// # Panics
    /// Never: the blocks are in memory.
    pub fn best_chain(&self) -> Vec<Arc<Block>> {
        let chain = self.chain.borrow();
        chain.best_chain().iter().map(|hash| chain.block(hash).expect("memory").expect("a block")).collect()
    }

    /// The mempool's transactions, parents before children.
    pub fn waiting(&self) -> Vec<Arc<Transaction>> {
        self.mempool.borrow().iter().cloned().collect()
    }

    /// Loses the mempool, as a node does that is killed.
    pub fn restart(&self) {
        *self.mempool.borrow_mut() = Mempool::default();
    }

    /// Begins the chain anew from genesis, as a devnet does that is started again.
    pub fn start_anew(&self) {
        drop(self.swap_chain(self.empty_chain()));
    }

    /// Is another node from here on, with this chain and an empty mempool; gives the chain it had.
    pub fn swap_chain(&self, chain: Chain<MemoryStore>) -> Chain<MemoryStore> {
        self.restart();
        self.chain.replace(chain)
    }

    /// A chain of genesis alone.
    pub fn empty_chain(&self) -> Chain<MemoryStore> {
        new_chain(&self.definition)
    }

    /// Takes a transaction of another wallet into the mempool; says whether it fits.
    ///
    /// # Panics
    /// Never: memory does not fail.
    pub fn accept(&self, transaction: Arc<Transaction>) -> bool {
        let now = self.now();
        self.mempool.borrow_mut().accept(now, &transaction, &self.chain.borrow()).is_ok()
    }
}

/// An unspent output of a chain.
#[derive(Clone, Debug)]
pub struct UnspentCoin {
    /// What it holds and who opens it.
    pub output: Output,
    /// The height of its block.
    pub height: Height,
    /// Whether it was mined, and must come of age.
    pub is_mined: bool,
}

/// What a chain's blocks leave: unspent outputs, and the spender of each spent one.
#[derive(Clone, Debug, Default)]
pub struct Coins {
    /// Unspent outputs.
    pub unspent: BTreeMap<OutPoint, UnspentCoin>,
    /// The transaction that spent an output.
    pub spenders: BTreeMap<OutPoint, Txid>,
    /// Every transaction with the height of its block.
    pub confirmed: BTreeMap<Txid, Height>,
}

impl Coins {
    /// The coins of these blocks, which begin with genesis.
    pub fn of(blocks: &[Arc<Block>]) -> Self {
        let mut coins = Self::default();
        for block in blocks {
            let (coinbase, height) = (block.coinbase(), block.coinbase().height);
            coins.make(coinbase.txid(), &coinbase.outputs, height, height > Height::GENESIS);
            for transaction in block.transactions() {
                coins.make(transaction.txid(), transaction.outputs(), height, false);
            }
            for transaction in block.transactions() {
                for input in transaction.inputs() {
                    coins.unspent.remove(input);
                    coins.spenders.insert(*input, transaction.txid());
                }
            }
        }
        coins
    }

    fn make(&mut self, txid: Txid, outputs: &[Output], height: Height, is_mined: bool) {
        self.confirmed.insert(txid, height);
        for (index, output) in (0..).zip(outputs) {
            let coin = UnspentCoin { output: output.clone(), height, is_mined };
            self.unspent.insert(OutPoint { txid, index }, coin);
        }
    }
}

impl Node for MemoryNode {
    fn height(&self) -> Result<Height, ClientError> {
        Ok(self.chain.borrow().tip().height)
    }

    fn hash_at(&self, height: Height) -> Result<Option<BlockHash>, ClientError> {
        Ok(self.chain.borrow().hash_at(height))
    }

    fn knows_block(&self, hash: &BlockHash) -> Result<bool, ClientError> {
        Ok(self.chain.borrow().entry(hash).is_some())
    }

    fn blocks(&self, first: Height, count: u32) -> Result<Option<Vec<Block>>, ClientError> {
        let wanted = (first.get()..first.get() + count).map(|height| {
            let chain = self.chain.borrow();
            let hash = chain.hash_at(Height::from_u32(height))?;
            chain.block(&hash).expect("memory").map(|block| (*block).clone())
        });
        Ok(wanted.collect())
    }

    fn mempool(&self) -> Result<Vec<Txid>, ClientError> {
        Ok(self.mempool.borrow().iter().map(|transaction| transaction.txid()).collect())
    }

    fn transactions(&self, txids: &[Txid]) -> Result<Vec<Arc<Transaction>>, ClientError> {
        Ok(txids.iter().filter_map(|txid| self.mempool.borrow().get(txid)).collect())
    }

    fn submit(&self, transaction: &Transaction) -> Result<(), ClientError> {
        self.submitted.borrow_mut().push(transaction.txid());
        let (now, transaction) = (self.now(), Arc::new(transaction.clone()));
        let accepted = self.mempool.borrow_mut().accept(now, &transaction, &self.chain.borrow());
        match accepted.map_err(|failure| failure.rejection().expect("memory")) {
            Ok(_) | Err(MempoolError::Known { .. } | MempoolError::Confirmed { .. }) => Ok(()),
            Err(error) => Err(ClientError::Rejected { code: -26, message: error.to_string() }),
        }
    }

    fn fee_rate(&self) -> Result<Amount, ClientError> {
        Ok(Amount::from_units(1_000))
    }
}
