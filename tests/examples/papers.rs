//! Writes what `tests/papers` shows: for each sweep a table, its figures as CSV, and a picture.
//!
//! ```text
//! cargo run --release -p cairn-tests --example papers            # some minutes on two cores
//! cargo run --release -p cairn-tests --example papers -- forks   # one of them
//! ```

use std::path::Path;

use cairn_tests::sweeps::finding::{Finding, Size};
use cairn_tests::sweeps::{difficulty, double_spend, eclipse, forks, partition, selfish};

/// A sweep by its name.
type Sweep = (&'static str, fn(Size) -> Finding);

fn main() -> anyhow::Result<()> {
    let sweeps: [Sweep; 6] = [
        ("forks", forks::finding),
        ("difficulty", difficulty::finding),
        ("partition", partition::finding),
        ("selfish-mining", selfish::finding),
        ("double-spend", double_spend::finding),
        ("eclipse", eclipse::finding),
    ];
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("papers");
    std::fs::create_dir_all(&directory)?;
    for (name, sweep) in sweeps {
        if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == name) {
            continue;
        }
        let finding = sweep(Size::Full);
        let page = format!("{}\n![{name}]({name}.svg)\n", finding.table.markdown());
        std::fs::write(directory.join(format!("{name}.md")), page)?;
        std::fs::write(directory.join(format!("{name}.csv")), finding.table.csv())?;
        std::fs::write(directory.join(format!("{name}.svg")), finding.chart.to_svg())?;
        println!("{name}: {} points, {} misses", finding.points, finding.misses.len());
        finding.misses.iter().for_each(|miss| println!("  {miss}"));
        for (point, is_apart) in finding.told_apart.iter().filter(|(_, is_apart)| !is_apart) {
            println!("  {point}: told apart {is_apart}");
        }
    }
    Ok(())
}
