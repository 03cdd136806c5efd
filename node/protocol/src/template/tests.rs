//! Templates pass the chain's own rules and earn the most.

use cairn_core::signature::SerialVerifier;
use cairn_core::testing::{TestChain, lock, mine};
use cairn_core::transaction::OutPoint;

use super::*;
use crate::chain::memory_store::MemoryStore;
use crate::chain::verdict::BlockVerdict;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

struct World {
    test: TestChain,
    chain: Chain<MemoryStore>,
    pool: Mempool,
}

impl World {
    /// A chain with this bound on blocks; its first block splits the premine of keys 1 to 9
    /// into ten coins each.
    fn new(max_block_bytes: usize) -> (Self, Vec<Arc<Transaction>>) {
        let mut test = TestChain::new();
        let splits: Vec<Arc<Transaction>> = (1..10)
            .map(|owner| {
                let output = Output { amount: Amount::from_units(5_000_000_000), lock: lock(owner) };
                test.spend(owner, &[test.premine(owner)], vec![output; 10])
            })
            .collect();
        test.params.max_block_bytes = max_block_bytes;
        let store = MemoryStore::default();
        let chain = Chain::open(test.params.clone(), &test.genesis, store, Box::new(SerialVerifier));
        let mut world = Self { chain: chain.expect("it opens"), pool: Mempool::default(), test };
        let block = world.test.block_on(&world.test.genesis, 0, Amount::ZERO, splits.clone());
        world.give(block);
        (world, splits)
    }

    fn give(&mut self, block: Arc<Block>) {
        let accepted = self.chain.accept_block(NOW, block).expect("valid");
        assert_eq!(accepted.verdict, BlockVerdict::Connected);
        self.pool.follow(NOW, &accepted.change.expect("the tip moved"), &self.chain).expect("memory");
    }

    /// One coin moved on, for a fee.
    fn pay(&mut self, owner: u8, from: &Transaction, index: u32, fee: u64) -> Arc<Transaction> {
        let output = from.outputs()[index as usize].clone();
        let rest = Output { amount: Amount::from_units(output.amount.units() - fee), lock: lock(owner) };
        let payment = self.test.spend(owner, &[(OutPoint { txid: from.txid(), index }, output)], vec![rest]);
        self.pool.accept(NOW, &payment, &self.chain).expect("it is fine");
        payment
    }

    fn template(&self) -> Template {
        Template::new(NOW, &self.chain, &self.pool)
    }

    /// Mines the template with the longest tag and gives the block to the chain.
    fn mine(&mut self) -> Arc<Block> {
        let block = self.template().to_block(lock(1), vec![7; 200]);
        let header = mine(*block.header());
        let block = Arc::new(Block::new(header, block.coinbase().clone(), block.transactions().to_vec()));
        self.give(block.clone());
        block
    }
}

fn ids(transactions: &[Arc<Transaction>]) -> Vec<Txid> {
    transactions.iter().map(|transaction| transaction.txid()).collect()
}

/// ATTACKS 15: at every bound around that of a whole number of transactions, the fullest block is
/// valid and one byte more would not have held another transaction.
#[test]
fn every_template_is_a_valid_block_at_the_limit_of_its_size() {
    let (sample, splits) = World::new(1_000_000);
    let payment = {
        let mut world = sample;
        world.pay(1, &splits[0], 0, 5_000)
    };
    let fixed = bytes_beside_transactions();
    for (room, expected) in [(-1_isize, 39), (0, 40), (1, 40)] {
        let bound = (fixed + 40 * payment.size()).checked_add_signed(room).expect("small");
        let (mut world, splits) = World::new(bound);
        for owner in 1..7 {
            for index in 0..10 {
                world.pay(owner, &splits[usize::from(owner) - 1], index, 5_000);
            }
        }
        let block = world.mine();
        assert_eq!(block.transactions().len(), expected, "{room}");
        assert!(block.size() <= bound && block.size() + payment.size() > bound, "{} {bound}", block.size());
    }
}

#[test]
fn the_coinbase_claims_subsidy_and_fees_and_no_less() {
    let (mut world, splits) = World::new(1_000_000);
    world.pay(1, &splits[0], 0, 5_000);
    world.pay(2, &splits[1], 0, 7_000);
    let block = world.mine();
    let height = Height::from_u32(2);
    let expected = subsidy(&world.test.params, height).units() + 12_000;
    assert_eq!(block.coinbase().outputs[0].amount.units(), expected);
    assert_eq!(block.coinbase().tag.len(), Coinbase::MAX_TAG);
    assert!(world.pool.is_empty());
}

#[test]
fn a_rich_child_pulls_its_poor_parent_in_before_others() {
    let (mut world, splits) = World::new(20_000);
    let poor = world.pay(1, &splits[0], 0, 1_000);
    let middle = world.pay(2, &splits[1], 0, 9_000);
    let rich = world.pay(1, &poor, 0, 50_000);
    assert_eq!(ids(&world.template().transactions), ids(&[poor, rich, middle]));
}

#[test]
fn a_child_of_a_chosen_parent_is_judged_by_what_is_left_of_its_package() {
    let (mut world, splits) = World::new(20_000);
    let parent = world.pay(1, &splits[0], 0, 90_000);
    let cheap = world.pay(1, &parent, 0, 1_000);
    let middle = world.pay(2, &splits[1], 0, 9_000);
    assert_eq!(ids(&world.template().transactions), ids(&[parent, middle, cheap]));
}

#[test]
fn time_and_target_are_those_that_the_chain_demands() {
    let (world, _) = World::new(1_000_000);
    let context = world.chain.next_context();
    let early = Template::new(Timestamp::from_millis(5), &world.chain, &world.pool);
    assert_eq!(early.time.millis(), context.median_time_past.millis() + 1);
    assert_eq!(world.template().time, NOW);
    assert_eq!(early.bits, world.test.params.pow_limit);
    assert_eq!((early.height, early.previous), (Height::from_u32(2), world.chain.tip().hash()));
}
