//! The figures of docs/benchmarks.md, measured with real processes over loopback, and how
//! long simulated worlds take: `cargo bench -p cairn-tests --bench figures -- [NAME ...]`, all of them without a name.

mod alone;
mod heal;
mod line;
mod median;
mod page;
mod reorganize;
mod sync;
mod worlds;

use std::io::Write;

/// One figure: what was measured, and what was asked for.
struct Figure {
    name: &'static str,
    what: &'static str,
    asked: &'static str,
    bitcoin_core: &'static str,
    measure: fn() -> String,
}

const FIGURES: [Figure; 14] = [
    Figure {
        name: "start",
        what: "start to first RPC answer, empty directory",
        asked: "under 150 ms",
        bitcoin_core: "170 ms",
        measure: alone::start,
    },
    Figure {
        name: "memory",
        what: "resident memory of an idle node",
        asked: "under 48 MiB",
        bitcoin_core: "48 MiB",
        measure: alone::memory,
    },
    Figure {
        name: "generate",
        what: "generatetoaddress by hundreds",
        asked: "at least 2,300 blocks/s",
        bitcoin_core: "2,330 blocks/s",
        measure: alone::generate,
    },
    Figure {
        name: "line",
        what: "empty block from the miner's answer to the fifth node of a line",
        asked: "under 10 ms",
        bitcoin_core: "4 ms",
        measure: line::measure,
    },
    Figure {
        name: "heal",
        what: "five nodes, cut, 30 and 31 blocks mined, healed: links back and one tip",
        asked: "under 1 s",
        bitcoin_core: "-",
        measure: heal::measure,
    },
    Figure {
        name: "reorganize",
        what: "two nodes 1,000 and 1,001 blocks apart agree after connecting",
        asked: "under 0.6 s",
        bitcoin_core: "0.59 s",
        measure: reorganize::measure,
    },
    Figure {
        name: "sync",
        what: "sync of 600 blocks with 125,000 one-input transactions from one peer",
        asked: "at least 15,500 transactions/s",
        bitcoin_core: "15,539 transactions/s",
        measure: sync::measure,
    },
    Figure {
        name: "paint",
        what: "the page of five nodes: first paint, and what is loaded for it",
        asked: "under 500 ms, under 500 kB",
        bitcoin_core: "-",
        measure: page::paint,
    },
    Figure {
        name: "frames",
        what: "the page of 50 nodes and 2,000 blocks, a block every second",
        asked: "at least 30 frames/s",
        bitcoin_core: "-",
        measure: page::frames,
    },
    Figure {
        name: "followed",
        what: "a block from the order to mine it to the tip of five nodes",
        asked: "no slower",
        bitcoin_core: "-",
        measure: page::followed,
    },
    Figure {
        name: "hundred",
        what: "simulated: 100 nodes, 144 blocks",
        asked: "-",
        bitcoin_core: "-",
        measure: || worlds::quiet(100),
    },
    Figure {
        name: "thousand",
        what: "simulated: 1,000 nodes, 144 blocks",
        asked: "-",
        bitcoin_core: "-",
        measure: || worlds::quiet(1_000),
    },
    Figure {
        name: "ten-thousand",
        what: "simulated: 10,000 nodes, 144 blocks",
        asked: "under 60 s, under 6 GiB",
        bitcoin_core: "-",
        measure: || worlds::quiet(10_000),
    },
    Figure {
        name: "payments",
        what: "simulated: 1,000 nodes, 1,000 blocks, 5 payments a second",
        asked: "under 120 s",
        bitcoin_core: "-",
        measure: worlds::paying,
    },
];

fn main() {
    // Cargo adds an argument of its own to those of a bench.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let unknown = wanted.iter().find(|name| FIGURES.iter().all(|figure| figure.name != name.as_str()));
    if let Some(unknown) = unknown {
        let known: Vec<_> = FIGURES.iter().map(|figure| figure.name).collect();
        eprintln!("there is no figure {unknown}: choose from {}", known.join(", "));
        std::process::exit(2);
    }
    println!("| what | Cairn | asked | Bitcoin Core |\n| --- | --- | --- | --- |");
    for figure in FIGURES {
        if wanted.is_empty() || wanted.iter().any(|name| name == figure.name) {
            let measured = (figure.measure)();
            println!("| {} | {measured} | {} | {} |", figure.what, figure.asked, figure.bitcoin_core);
            // A pipe is told each figure as it comes.
            let _ = std::io::stdout().flush();
        }
    }
}
