//! `cairn verify`: validates a stored chain again from genesis, and counts its coins again.

use std::io::{Write, stdout};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use cairn_core::signature::ParallelVerifier;
use cairn_genesis::{BUILTIN, Chain as Definition};
use cairn_protocol::chain::Chain;

use crate::cli::verify::VerifyArgs;
use crate::commands::bar::bar;
use cairn_daemon::clock;
use cairn_daemon::store::directory::recorded_genesis;
use cairn_daemon::store::verify::{Verified, verify};
use cairn_daemon::store::{Opening, SledStore};

/// Validates the chain of a data directory and prints what it holds.
///
/// # Errors
/// The first invalid block, a coin that should not be there, or the reason for which the chain cannot be read.
pub fn run(arguments: &VerifyArgs) -> anyhow::Result<()> {
    let path = &arguments.data_dir;
    let definition = definition(path, arguments.chain.as_deref())?;
    let started = Instant::now();
    let mut store = SledStore::open(path, &definition.genesis, Opening::Resume)?;
    let mut counted = verify_once(&store, &definition, path)?;
    if store.is_behind() {
        // After a crash the blocks since the last checkpoint are in the journal alone: the store is sound,
        // so they are connected as the next start of the node would do, and everything is verified again.
        let verifier = Box::new(ParallelVerifier);
        store = Chain::open(definition.params.clone(), &definition.genesis, store, verifier)?.into_store();
        counted = verify_once(&store, &definition, path)?;
    }
    let indexed = counted.addresses.map_or_else(String::new, |count| {
        format!(", and the transactions of {count} addresses are indexed as they must be")
    });
    writeln!(
        stdout(),
        "chain {}: {} blocks up to {} with {} transactions are valid, {} coins are as they must be{indexed} ({:.1} s)",
        definition.params.name,
        counted.blocks,
        counted.tip,
        counted.transactions,
        counted.coins,
        started.elapsed().as_secs_f64()
    )?;
    Ok(())
}

fn verify_once(store: &SledStore, definition: &Definition, path: &Path) -> anyhow::Result<Verified> {
    let bar = bar(0, "{bar:40} block {pos} of {len}, {per_sec}, {eta} left")?;
    let outcome = verify(
        store,
        store.addresses(),
        &definition.params,
        &definition.genesis,
        clock::now(),
        |passed, of| {
            bar.set_length(of);
            bar.set_position(passed);
        },
    );
    outcome.with_context(|| {
        format!("{} does not hold a valid chain (cairn node --reindex rebuilds it)", path.display())
    })
}

/// The chain that the arguments name, or else the one that the directory records.
fn definition(path: &Path, asked: Option<&str>) -> anyhow::Result<Definition> {
    // Opening would make a directory, and a new one holds a valid chain: nothing was verified.
    let recorded = recorded_genesis(path).ok_or_else(|| {
        anyhow!("{} holds no chain: name the data directory of a node with --data-dir", path.display())
    })?;
    if let Some(name) = asked {
        return Ok(Definition::find(name)?);
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
