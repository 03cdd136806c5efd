//! A scenario's file on disk, read into a plan.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Context;
use cairn_simulator::plan::Plan;
use cairn_simulator::scenario;

/// No scenario is longer: what is more than this is not read.
const MAX_BYTES: u64 = 2 * 1024 * 1024;

/// The plan that a file describes.
///
/// # Errors
/// When it cannot be read, is no text, or says what no scenario says: then with line, key
/// and what was expected.
pub fn read_plan(path: &Path) -> anyhow::Result<Plan> {
    let shown = path.display();
    let file = File::open(path).with_context(|| {
        format!("cannot read the scenario {shown}: name a file, as in tests/scenarios/split-brain.toml")
    })?;
    let mut text = String::new();
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("{shown} is not text: a scenario is a TOML file, see docs/scenarios.md"))?;
    scenario::parse(&text)
        .with_context(|| format!("{shown} is not a scenario; docs/scenarios.md lists every key"))
}
