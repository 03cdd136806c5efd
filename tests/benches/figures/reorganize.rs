//! Two nodes that grew apart meet.

use std::time::{Duration, Instant};

use cairn_tests::process::{NodeProcess, Options};
use serde_json::json;

use crate::line::mine;
use crate::median::in_words;

/// How often they meet.
const TIMES: usize = 5;

/// From connecting to agreement.
pub fn measure() -> String {
    in_words((0..TIMES).map(|_| meet()).collect())
}

fn meet() -> Duration {
    let (shorter, longer) =
        (NodeProcess::start(Options::measured()), NodeProcess::start(Options::measured()));
    for _ in 0..10 {
        mine(&shorter, 100);
        mine(&longer, 100);
    }
    mine(&longer, 1);
    let (loser, winner) = (shorter.tip(), longer.tip());
    assert_ne!(loser, winner);
    let begin = Instant::now();
    shorter.call("addnode", json!([longer.peer_address().to_string(), "add"]));
    while shorter.tip() != winner {
        assert!(begin.elapsed() < Duration::from_secs(60), "no agreement within a minute");
    }
    begin.elapsed()
}
