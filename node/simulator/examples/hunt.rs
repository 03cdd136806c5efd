//! Plays a world of twelve nodes that is cut and healed, seed after seed, until an invariant breaks.
//!
//! ```text
//! cargo run --release -p cairn-simulator --example hunt -- 0 1000
//! ```

use core::time::Duration;

use cairn_simulator::plan::Plan;
use cairn_simulator::play::play;

fn main() -> std::process::ExitCode {
    let mut bounds = std::env::args().skip(1).map(|bound| bound.parse::<u64>());
    let (Some(Ok(first)), Some(Ok(end))) = (bounds.next(), bounds.next()) else {
        eprintln!("two numbers are expected: the first seed and the one after the last");
        return std::process::ExitCode::from(2);
    };
    let plan = Plan::partition_and_heal(12, Duration::from_secs(30));
    for seed in first..end {
        if let Err(failure) = play(&plan, seed) {
            println!("{failure}");
            return std::process::ExitCode::FAILURE;
        }
    }
    println!("{} seeds, and every invariant held", end - first);
    std::process::ExitCode::SUCCESS
}
