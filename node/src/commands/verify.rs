//! `cairn verify`: a stored chain is validated again from genesis, and its coins are counted again.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use cairn_core::signature::ParallelVerifier;
use cairn_genesis::{BUILTIN, Chain as Definition};
use cairn_protocol::chain::Chain;
use indicatif::{ProgressBar, ProgressStyle};

use crate::assembly::find_chain;
use crate::cli::verify::VerifyArgs;
use crate::clock;
use crate::store::directory::recorded_genesis;
use crate::store::verify::verify;
use crate::store::{Opening, SledStore};

/// Runs the command.
///
/// # Errors
/// The first bad block, a coin that should not be there, or why the chain cannot be read.
pub fn run(arguments: &VerifyArgs) -> anyhow::Result<()> {
    let path = &arguments.data_dir;
    let definition = definition(path, arguments.chain.as_deref())?;
    let store = SledStore::open(path, &definition.genesis, Opening::Resume)?;
    let stored =
        Chain::open(definition.params.clone(), &definition.genesis, store, Box::new(ParallelVerifier))?;
    let started = Instant::now();
    let bar = ProgressBar::new(stored.active().len() as u64 - 1).with_style(
        ProgressStyle::with_template("{bar:40} block {pos} of {len}, {per_sec}, {eta} left")
            .context("the bar's template")?,
    );
    let outcome = verify(&stored, &definition.genesis, clock::now(), || bar.inc(1));
    bar.finish_and_clear();
    let counted = outcome.with_context(|| {
        format!("{} does not hold a valid chain (cairn node --reindex rebuilds it)", path.display())
    })?;
    println!(
        "chain {}: {} blocks up to {} with {} transactions are valid, {} coins are as they must be ({:.1} s)",
        definition.params.name,
        counted.blocks,
        stored.tip().hash,
        counted.transactions,
        counted.coins,
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

/// The chain that was asked for, or else the one that the directory says it holds.
fn definition(path: &Path, asked: Option<&str>) -> anyhow::Result<Definition> {
    // Opening would make a directory, and a new one holds a valid chain: nothing was verified.
    let recorded = recorded_genesis(path).ok_or_else(|| {
        anyhow!("{} holds no chain: name the data directory of a node with --data-dir", path.display())
    })?;
    if let Some(name) = asked {
        return find_chain(name);
    }
    let known = BUILTIN.iter().filter_map(|(name, _)| Definition::builtin(name));
    match known.into_iter().find(|chain| chain.params.genesis_hash == recorded) {
        Some(chain) => Ok(chain),
        None => bail!(
            "{} holds a chain that this program does not know by itself (genesis {recorded}); name its definition's file with --chain",
            path.display()
        ),
    }
}
