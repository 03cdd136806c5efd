//! `[links]`: how long bytes take between nodes, and what is lost on the way.

use core::time::Duration;

use cairn_protocol::limits::PING_INTERVAL;

use crate::network::{Latency, Links, LinksSaid, Quality};
use crate::plan::MILLION;
use crate::scenario::fault::{Fault, ScenarioError};
use crate::scenario::names::Names;
use crate::scenario::section::{Entry, Section};

/// Keys of `[links]`.
pub const KEYS: &[&str] = &["latency", "jitter", "bandwidth", "loss", "resend", "ping_every", "between"];
/// Keys of a `[[links.between]]`.
pub const BETWEEN_KEYS: &[&str] = &["groups", "latency", "jitter", "bandwidth", "loss", "resend"];
/// Keys of a latency that is drawn for each pair.
pub const LATENCY_KEYS: &[&str] = &["from", "to", "median", "sigma"];
/// Any time on the way is no longer: beyond it nodes give each other up anyway.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Bytes a second.
const BANDWIDTHS: (u64, u64) = (1, 1_000_000_000_000);
/// The widest spread of latencies, in thousandths: with it one pair in 44 is a hundred times as far
/// apart as half of all.
const WIDEST_SIGMA: u64 = 2_000;
/// Kinds of links.
const MAX_BETWEEN: usize = 1_000;

/// What is read.
pub struct Read {
    /// What links are like.
    pub links: Links,
    /// How much of that stands there.
    pub said: LinksSaid,
    /// How often silent peers are asked whether they live.
    pub ping_every: Option<Duration>,
}

/// What links are like, and how often silent peers are asked whether they live.
///
/// # Errors
/// Every fault of single values.
pub fn read(whole: &Section, names: &Names) -> Result<Read, ScenarioError> {
    let Some(entry) = whole.get("links") else {
        let (links, said) = (Links::default(), LinksSaid::default());
        return Ok(Read { links, said, ping_every: Some(PING_INTERVAL) });
    };
    let links = entry.section(KEYS)?;
    let usual = quality(&links, Quality::default())?;
    let mut said = said_of(&links, &usual);
    let mut between = Vec::new();
    let entries = links.get("between").map_or(Ok(Vec::new()), |entry| entry.list(0, MAX_BETWEEN))?;
    for entry in entries {
        let section = entry.section(BETWEEN_KEYS)?;
        let of = section.require("groups", "two groups")?;
        let (one, other) = pair(&of, names)?;
        let is_same = |(a, b, _): &(usize, usize, Quality)| [(one, other), (other, one)].contains(&(*a, *b));
        if between.iter().any(is_same) {
            let (one, other) = (names.name(one).to_owned(), names.name(other).to_owned());
            return Err(of.fault(Fault::PairTaken { one, other }));
        }
        let quality = quality(&section, usual)?;
        let more = said_of(&section, &quality);
        said = LinksSaid { latency: said.latency || more.latency, trouble: said.trouble || more.trouble };
        between.push((one, other, quality));
    }
    let ping_every = match links.get("ping_every") {
        Some(entry) if entry.is_word("never") => None,
        Some(entry) => Some(entry.time(Duration::from_secs(1), LONGEST)?),
        None => Some(PING_INTERVAL),
    };
    Ok(Read { links: Links { usual, between }, said, ping_every })
}

/// What a section says of these links.
fn said_of(section: &Section, of: &Quality) -> LinksSaid {
    let says = |key: &str| section.get(key).is_some();
    let trouble = says("jitter") && !of.jitter.is_zero()
        || says("loss") && of.lost > 0
        || says("bandwidth") && of.bytes_per_second.is_some()
        || says("resend") && of.lost > 0;
    LinksSaid { latency: says("latency"), trouble }
}

fn pair(entry: &Entry, names: &Names) -> Result<(usize, usize), ScenarioError> {
    let groups: Vec<usize> =
        entry.list(2, 2)?.iter().map(|group| names.group(group)).collect::<Result<_, _>>()?;
    let [one, other] = groups[..] else {
        return Err(entry.fault(Fault::Entries { found: groups.len(), least: 2, most: 2 }));
    };
    Ok((one, other))
}

/// A quality that differs from another in what the section says.
fn quality(section: &Section, usual: Quality) -> Result<Quality, ScenarioError> {
    let time = |key: &str, usual: Duration| {
        section.get(key).map_or(Ok(usual), |entry| entry.time(Duration::ZERO, LONGEST))
    };
    let bytes_per_second = match section.get("bandwidth") {
        Some(entry) if entry.is_word("unlimited") => None,
        Some(entry) => Some(entry.whole(BANDWIDTHS.0, BANDWIDTHS.1)?),
        None => usual.bytes_per_second,
    };
    let lost = match section.get("loss") {
        Some(entry) => u32::try_from(entry.decimal((0, MILLION), MILLION)?).expect("the bound fits"),
        None => usual.lost,
    };
    Ok(Quality {
        latency: section.get("latency").map_or(Ok(usual.latency), |entry| latency(&entry))?,
        jitter: time("jitter", usual.jitter)?,
        bytes_per_second,
        lost,
        resend: time("resend", usual.resend)?,
    })
}

fn latency(entry: &Entry) -> Result<Latency, ScenarioError> {
    if !entry.is_table() {
        return Ok(Latency::Fixed(entry.time(Duration::ZERO, LONGEST)?));
    }
    let section = entry.section(LATENCY_KEYS)?;
    let time = |section: &Section, key: &str| {
        section.require(key, "a time in quotes")?.time(Duration::ZERO, LONGEST)
    };
    if section.count(&["median", "sigma"]) > 0 {
        let section = entry.section(&["median", "sigma"])?;
        let sigma = section.require("sigma", "a number from 0 to 2")?.decimal((0, WIDEST_SIGMA), 1_000)?;
        let sigma_thousandths = u32::try_from(sigma).expect("the bound fits");
        return Ok(Latency::LogNormal { median: time(&section, "median")?, sigma_thousandths });
    }
    let (from, to) = (time(&section, "from")?, time(&section, "to")?);
    if from > to {
        return Err(entry.fault(Fault::TimesReversed { from, to }));
    }
    Ok(Latency::Uniform { least: from, most: to })
}
