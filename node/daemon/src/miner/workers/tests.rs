//! What workers find, when they stop, and how fast they are allowed to be.

use std::time::Duration;

use cairn_core::amount::Amount;
use cairn_core::target::CompactTarget;
use cairn_core::testing::TestChain;

use super::*;

/// How long a test waits for what must happen.
const DEADLINE: Duration = Duration::from_secs(20);
/// No hash meets it.
const HOPELESS: u32 = 0x0300_0001;

/// A block on genesis whose target is met by one hash in so many as `bits` say.
fn block(payee: u8, bits: u32) -> Block {
    let test = TestChain::new();
    let block = test.block_on(&test.genesis, payee, Amount::ZERO, Vec::new());
    let header = cairn_core::header::Header::from(cairn_core::header::HeaderFields {
        bits: CompactTarget::from_bits(bits),
        ..**block.header()
    });
    Block::new(header, block.coinbase().clone(), Vec::new())
}

fn workers(threads: usize) -> (Workers, mpsc::Receiver<Block>) {
    let (sender, receiver) = mpsc::channel(4);
    (Workers::start(threads, 7, sender).expect("threads"), receiver)
}

/// The next block found, within the deadline.
fn next(found: &mut mpsc::Receiver<Block>) -> Block {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let block = runtime.block_on(async { tokio::time::timeout(DEADLINE, found.recv()).await });
    block.expect("in time").expect("the workers live")
}

/// Waits until so many hashes are done, within the deadline.
fn wait_for_hashes(workers: &Workers, hashes: u64) {
    let begun = Instant::now();
    while workers.hashes() < hashes {
        assert!(begun.elapsed() < DEADLINE, "{} of {hashes} hashes", workers.hashes());
        std::thread::yield_now();
    }
}

#[test]
fn a_block_that_was_found_meets_its_target_and_is_otherwise_as_given() {
    let (workers, mut found) = workers(2);
    let given = block(1, 0x1f0f_ffff);
    workers.set_block(Some(given.clone()));
    let block = next(&mut found);
    let target = block.header().bits.to_target().expect("a target");
    assert!(target.is_met_by(block.hash()));
    assert_eq!(block.clone().with_nonce(0), given.with_nonce(0));
}

#[test]
fn one_piece_of_work_gives_one_block() {
    let (workers, mut found) = workers(4);
    workers.set_block(Some(block(1, 0x207f_ffff)));
    let first = next(&mut found);
    workers.set_block(Some(block(2, 0x207f_ffff)));
    let second = next(&mut found);
    assert_ne!(first.coinbase(), second.coinbase());
    assert!(found.try_recv().is_err());
}

#[test]
fn new_work_takes_the_place_of_hopeless_work_at_once() {
    let (workers, mut found) = workers(2);
    workers.set_block(Some(block(1, HOPELESS)));
    wait_for_hashes(&workers, 100_000);
    let wanted = block(2, 0x207f_ffff);
    workers.set_block(Some(wanted.clone()));
    assert_eq!(next(&mut found).coinbase(), wanted.coinbase());
}

#[test]
fn without_work_nothing_is_hashed() {
    let (workers, mut found) = workers(2);
    workers.set_block(Some(block(1, HOPELESS)));
    wait_for_hashes(&workers, 1);
    workers.set_block(None);
    // The chunks under way end; then a found block shows that the workers went on from here.
    let rested = workers.hashes() + 2 * CHUNK;
    workers.set_block(Some(block(1, 0x207f_ffff)));
    next(&mut found);
    assert!(workers.hashes() <= rested + 2 * CHUNK);
}

#[test]
fn a_throttle_is_kept_and_can_be_changed_while_running() {
    let (workers, _found) = workers(2);
    workers.set_hashrate(Some(Hashrate::per_second(1_000)));
    workers.set_block(Some(block(1, HOPELESS)));
    let begun = Instant::now();
    wait_for_hashes(&workers, 300);
    assert!(begun.elapsed() >= Duration::from_millis(250), "{:?}", begun.elapsed());
    assert!(workers.hashes() < 2_000, "{}", workers.hashes());
    workers.set_hashrate(None);
    wait_for_hashes(&workers, 1_000_000);
}

#[test]
fn a_hashrate_of_zero_rests_until_it_is_raised() {
    let (workers, mut found) = workers(1);
    workers.set_hashrate(Some(Hashrate::NONE));
    workers.set_block(Some(block(1, 0x207f_ffff)));
    assert_eq!(workers.hashes(), 0);
    workers.set_hashrate(Some(Hashrate::per_second(1_000)));
    next(&mut found);
}

#[test]
fn dropped_workers_end_in_the_middle_of_hopeless_work() {
    let (workers, mut found) = workers(2);
    workers.set_block(Some(block(1, HOPELESS)));
    wait_for_hashes(&workers, 1);
    drop(workers);
    assert!(found.blocking_recv().is_none());
}
