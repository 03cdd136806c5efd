//! `cairn genesis`: makes and prints chain definitions.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use cairn_core::amount::Amount;
use cairn_core::height::Height;
use cairn_core::subsidy::supply;
use cairn_genesis::Chain;
use cairn_genesis::bounded::{Bounded, Name};
use cairn_genesis::definition::{GAP_SPACINGS, Payment};
use cairn_genesis::programs::exit::{AfterDone, answer};
use serde_json::{Value, json};

use crate::cli::genesis::{GenesisArgs, GenesisCommand, NewArgs};
use crate::devnet::funded_accounts;
use cairn_genesis::format::duration;

/// Makes or prints a chain definition.
///
/// # Errors
/// For a person to read: no such chain, a value out of range, a file that cannot be written.
pub fn run(arguments: &GenesisArgs) -> anyhow::Result<()> {
    match &arguments.command {
        GenesisCommand::New(wanted) => make(wanted),
        GenesisCommand::Show { chain, json } => {
            let chain = Chain::find(chain)?;
            if *json {
                answer(describe(&chain))?
            } else {
                answer(in_words(&chain))?
            }
            Ok(())
        }
    }
}

fn make(wanted: &NewArgs) -> anyhow::Result<()> {
    let mut definition = Chain::find(&wanted.like)?.definition;
    definition.name = Name::new(wanted.name.clone())?;
    let letters =
        |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    definition.address_prefix = wanted.prefix.clone().unwrap_or_else(|| letters(&wanted.name));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    definition.genesis_time_ms = Bounded::new(u64::try_from(now.as_millis())?)?;
    if let Some(spacing) = wanted.spacing_ms {
        definition.spacing_ms = Bounded::new(spacing).context("--spacing-ms")?;
        // Slower blocks are not pauses.
        let least = spacing.saturating_mul(GAP_SPACINGS);
        let gap = definition.longest_gap_ms.map(|gap| Bounded::new(gap.get().max(least)));
        definition.longest_gap_ms = gap.transpose()?;
    }
    // Addresses carry the prefix: the old ones would be invalid on the new chain.
    definition.premine = wanted.premine.iter().map(|text| payment(text)).collect::<anyhow::Result<_>>()?;
    let text = definition.to_string();
    let chain = Chain::from_toml(&text)?;
    match &wanted.output {
        Some(path) => {
            let mut file = std::fs::File::options().create_new(true).write(true).open(path);
            let file = file
                .as_mut()
                .map_err(|error| anyhow::anyhow!("cannot create {}: {error}", path.display()))?;
            std::io::Write::write_all(file, text.as_bytes())?;
            let written = format!("written to {}", path.display());
            let facts = json!({ "path": path.display().to_string() });
            answer(format_args!("{}\n\n{written}", in_words(&chain)))
                .map_err(|error| AfterDone::new(written, facts, error))?;
        }
        None => answer(text.trim_end())?,
    }
    Ok(())
}

fn payment(text: &str) -> anyhow::Result<Payment> {
    let (address, coins) =
        text.split_once('=').with_context(|| format!("--premine {text:?}: expected ADDRESS=COINS"))?;
    let amount: Amount = coins.parse().with_context(|| format!("--premine {text}"))?;
    Ok(Payment { address: address.to_owned(), amount })
}

fn describe(chain: &Chain) -> Value {
    let params = &chain.params;
    json!({
        "name": params.name,
        "genesis_hash": params.genesis_hash,
        "address_prefix": params.address_prefix.to_string(),
        "genesis_time_ms": params.genesis_time.millis(),
        "pow_limit": params.pow_limit.to_string(),
        "genesis_bits": params.genesis_bits.to_string(),
        "spacing_ms": params.spacing.as_millis() as u64,
        "half_life_ms": params.half_life.map(|half_life| half_life.as_millis() as u64),
        "longest_gap_ms": params.longest_gap.map(|gap| gap.as_millis() as u64),
        "subsidy": params.subsidy,
        "halving_interval": params.halving_interval,
        "coinbase_maturity": params.coinbase_maturity,
        "max_block_bytes": params.max_block_bytes,
        "median_time_span": params.median_time_span,
        "max_future_drift_ms": params.max_future_drift.as_millis() as u64,
        "premine": params.premine,
        "largest_supply": supply(params, Height::from_u32(u32::MAX)),
        "payments": chain.definition.premine.iter()
            .map(|payment| json!({ "address": payment.address, "amount": payment.amount })).collect::<Vec<_>>(),
        "published_accounts": funded_accounts::funded(chain).len(),
        "genesis_block": hex::encode(cairn_core::encoding::encode(&*chain.genesis)),
    })
}

fn in_words(chain: &Chain) -> String {
    let params = &chain.params;
    let span = |time: Duration| duration(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    let difficulty = match params.half_life {
        Some(half_life) => format!("doubles or halves for every {} off schedule", span(half_life)),
        None => "fixed at the limit".to_owned(),
    };
    let pause = match params.longest_gap {
        Some(gap) => format!("forgotten: a block later than {0} counts as {0} late", span(gap)),
        None if params.half_life.is_some() => "counts as lateness".to_owned(),
        None => "has no effect".to_owned(),
    };
    let rows = [
        ("chain", params.name.clone()),
        ("genesis hash", params.genesis_hash.to_string()),
        ("address prefix", params.address_prefix.to_string()),
        ("genesis time", format!("{} ms since 1970", params.genesis_time.millis())),
        ("block every", span(params.spacing)),
        ("difficulty", difficulty),
        ("a pause", pause),
        ("target of block 1", format!("{} (limit {})", params.genesis_bits, params.pow_limit)),
        ("subsidy", format!("{} coins, halved every {} blocks", params.subsidy, params.halving_interval)),
        ("largest supply", format!("{} coins", supply(params, Height::from_u32(u32::MAX)))),
        ("maturity", format!("{} blocks", params.coinbase_maturity)),
        ("block size", format!("at most {} bytes", params.max_block_bytes)),
        (
            "times",
            format!(
                "after the median of {}, at most {} ahead",
                params.median_time_span,
                span(params.max_future_drift)
            ),
        ),
        ("genesis pays", format!("{} coins to {} addresses", params.premine, chain.definition.premine.len())),
    ];
    let line = |(name, value): &(&str, String)| format!("{name:<18} {value}");
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
