//! `cairn bench`: measures how fast this machine hashes headers.

use std::io::{Write, stdout};
use std::time::{Duration, Instant};

use cairn_core::hash::{BlockHash, MerkleRoot};
use cairn_core::header::{Header, HeaderFields};
use cairn_core::target::CompactTarget;
use cairn_core::time::Timestamp;

use crate::cli::bench::{BenchArgs, BenchCommand};
use cairn_daemon::search::{Engine, Job};

/// Nonces between two readings of the clock.
const CHUNK: u64 = 20_000;
/// Length of a turn: the engines take turns, so that a machine that slows down slows all of them.
const TURN: Duration = Duration::from_millis(100);

/// Runs the benchmark that the arguments name.
pub fn run(arguments: &BenchArgs) -> anyhow::Result<()> {
    match arguments.command {
        BenchCommand::Hash { seconds } => hash(Duration::from_secs(seconds)),
    }
}

/// Prints the hash rate of each engine, also as a multiple of the first one's.
fn hash(lasting: Duration) -> anyhow::Result<()> {
    let header = Header::from(HeaderFields {
        version: Header::VERSION,
        previous_block_hash: BlockHash::from_bytes([1; 32]),
        merkle_root: MerkleRoot::from_bytes([2; 32]),
        time: Timestamp::from_millis(1_767_225_600_000),
        // A target that no hash meets: the search never ends early.
        bits: CompactTarget::from_bits(0x0300_0001),
        nonce: 0,
    });
    let job = Job::new(header).expect("a valid target");
    let mut ways =
        vec![("whole header, sha2 crate", Engine::Whole), ("midstate, sha2 crate", Engine::Midstate)];
    if Engine::best() == Engine::ShaNi {
        ways.push(("midstate, SHA instructions", Engine::ShaNi));
    }
    let mut measured = vec![(0_u64, Duration::ZERO); ways.len()];
    while measured.iter().any(|(_, spent)| *spent < lasting) {
        for ((_, engine), (hashes, spent)) in ways.iter().zip(&mut measured) {
            let begun = Instant::now();
            while begun.elapsed() < TURN {
                job.search(*engine, *hashes, CHUNK);
                *hashes += CHUNK;
            }
            *spent += begun.elapsed();
        }
    }
    let rates: Vec<f64> =
        measured.iter().map(|(hashes, spent)| *hashes as f64 / spent.as_secs_f64()).collect();
    let first = rates.first().copied().unwrap_or(1.0);
    for ((name, _), rate) in ways.iter().zip(&rates) {
        writeln!(
            stdout(),
            "{name:<28} {:>7.2} million hashes/s  {:>5.2} times the first",
            rate / 1e6,
            rate / first
        )?;
    }
    if Engine::best() != Engine::ShaNi {
        writeln!(stdout(), "this processor has no SHA instructions")?;
    }
    Ok(())
}
