//! `[links]`: how long bytes take between nodes, and what is lost on the way.

use core::time::Duration;

use cairn_genesis::bounded::Bounded;
use cairn_genesis::toml_file::{Document, Spanned, Unread};
use cairn_protocol::limits::PING_INTERVAL;
use serde::Deserialize;

use crate::network::{Latency, Links, LinksSaid, Quality};
use crate::plan::MILLION;
use crate::scenario::chain::unless;
use crate::scenario::fault::{Fault, ScenarioError};
use crate::scenario::nodes::Reader;
use crate::scenario::values::{Decimal, Time};

/// The longest time on the way, in milliseconds: beyond it nodes give each other up anyway.
const HOUR: u64 = 3_600_000;
/// The highest bandwidth, in bytes a second.
const MAX_BANDWIDTH: u64 = 1_000_000_000_000;
/// The widest spread of latencies, in thousandths: with it one pair in 44 is a hundred times as far
/// apart as half of all.
const MAX_SIGMA: u64 = 2_000;
/// The most kinds of links.
const MAX_BETWEEN: usize = 1_000;

/// The keys that `[links]` has beside those of [`QualityTable`].
#[derive(Clone, Debug, Deserialize)]
struct LinksTable {
    ping_every: Option<Unread>,
    #[serde(default)]
    between: Vec<Unread>,
}

/// The key that `[[links.between]]` has beside those of [`QualityTable`].
#[derive(Clone, Debug, Deserialize)]
struct BetweenTable {
    groups: Spanned<Vec<Spanned<String>>>,
}

/// In what links differ from others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct QualityTable {
    latency: Option<Unread>,
    jitter: Option<Time<0, HOUR>>,
    bandwidth: Option<Unread>,
    loss: Option<Decimal<0, MILLION, MILLION>>,
    resend: Option<Time<0, HOUR>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Between {
    from: Time<0, HOUR>,
    to: Time<0, HOUR>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogNormal {
    median: Time<0, HOUR>,
    sigma: Decimal<0, MAX_SIGMA, 1_000>,
}

/// The links of a plan, the qualities that the file names, and the time after which a node pings a silent peer.
pub fn read(
    reader: &Reader,
    table: Option<&Unread>,
) -> Result<(Links, LinksSaid, Option<Duration>), ScenarioError> {
    let (mut links, mut said) = (Links::default(), LinksSaid::default());
    let Some(table) = table else { return Ok((links, said, Some(PING_INTERVAL))) };
    let document = &reader.document;
    let LinksTable { ping_every, between } = document.read_at(table)?;
    let differences: QualityTable = document.part(table, &["ping_every", "between"])?;
    links.usual = differences.apply(document, links.usual, &mut said)?;
    if let Some(first_too_many) = between.get(MAX_BETWEEN) {
        let fault = Fault::Entries { found: between.len(), least: 0, most: MAX_BETWEEN };
        return Err(reader.error(first_too_many, fault));
    }
    for table in &between {
        let differences: QualityTable = document.part(table, &["groups"])?;
        let BetweenTable { groups } = document.read_at(table)?;
        let [one, other] = groups.get_ref().as_slice() else {
            let fault = Fault::Entries { found: groups.get_ref().len(), least: 2, most: 2 };
            return Err(reader.error(&groups, fault));
        };
        let (a, b) = (reader.group(one)?, reader.group(other)?);
        if links.between.iter().any(|(one, other, _)| [(a, b), (b, a)].contains(&(*one, *other))) {
            let (one, other) = (one.get_ref().clone(), other.get_ref().clone());
            return Err(reader.error(&groups, Fault::PairTaken { one, other }));
        }
        links.between.push((a, b, differences.apply(document, links.usual, &mut said)?));
    }
    let ping = |value| unless::<Time<1_000, HOUR>>(document, value, "never");
    let ping_every = ping_every.as_ref().map(ping).transpose()?;
    let ping_every = ping_every.map_or(Some(PING_INTERVAL), |time| time.map(Time::get));
    Ok((links, said, ping_every))
}

impl QualityTable {
    /// A quality that differs from another in what the table says; adds that to `said`.
    fn apply(
        &self,
        document: &Document,
        usual: Quality,
        said: &mut LinksSaid,
    ) -> Result<Quality, ScenarioError> {
        let bandwidth = |value| unless::<Bounded<1, MAX_BANDWIDTH>>(document, value, "unlimited");
        let bandwidth = self.bandwidth.as_ref().map(bandwidth).transpose()?;
        let latency = self.latency.as_ref().map(|value| latency(document, value)).transpose()?;
        let quality = Quality {
            latency: latency.unwrap_or(usual.latency),
            jitter: self.jitter.map_or(usual.jitter, Time::get),
            bytes_per_second: bandwidth.map_or(usual.bytes_per_second, |limit| limit.map(Bounded::get)),
            lost: self.loss.map_or(usual.lost, |loss| loss.parts() as u32),
            resend: self.resend.map_or(usual.resend, Time::get),
        };
        said.latency |= latency.is_some();
        said.trouble |= self.jitter.is_some() && !quality.jitter.is_zero()
            || self.bandwidth.is_some() && quality.bytes_per_second.is_some()
            || (self.loss.is_some() || self.resend.is_some()) && quality.lost > 0;
        Ok(quality)
    }
}

/// One time, or a table of the times between which it is drawn.
fn latency(document: &Document, value: &Unread) -> Result<Latency, ScenarioError> {
    if !document.is_table(value) {
        return document.read_at::<Time<0, HOUR>, _>(value).map(|time| Latency::Fixed(time.get()));
    }
    if document.keys(value).any(|key| ["median", "sigma"].contains(&key)) {
        let LogNormal { median, sigma } = document.read_at(value)?;
        return Ok(Latency::LogNormal { median: median.get(), sigma_thousandths: sigma.parts() as u32 });
    }
    let Between { from, to } = document.read_at(value)?;
    let (from, to) = (from.get(), to.get());
    if from > to {
        return Err(document.error(value.span(), Fault::TimesReversed { from, to }));
    }
    Ok(Latency::Uniform { least: from, most: to })
}
