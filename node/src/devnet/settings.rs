//! Settings of running nodes: peers that they do not connect to, delays of their links, hash rates. The state
//! holds what was asked for; a node that does not reply gets it as soon as it does.

use std::collections::BTreeMap;

use cairn_daemon::api::client::CallError;
use cairn_daemon::api::status::MiningStatus;
use cairn_genesis::hashrate::Hashrate;

use crate::devnet::error::DevnetError;
use crate::devnet::event::DevnetEvent;
use crate::devnet::groups::Groups;
use crate::devnet::link_delays::Pair;
use crate::devnet::network::{Network, START_LIMIT};
use crate::devnet::state::NetworkState;

impl Network {
    /// Partitions or heals the network: every node refuses the nodes of other groups, whichever dials. Returns
    /// when no connection crosses a border.
    ///
    /// # Errors
    /// [`DevnetError::NotEverywhere`] when some nodes do not obey: they are made to as soon as they reply, and
    /// until then the others refuse them. When none obeys, nothing is changed.
    pub fn cut(&self, groups: Groups) -> Result<(), DevnetError> {
        // Told before anything can follow from it: of many nodes the first agree while the last still learn of
        // the healing.
        let before = self.groups();
        if groups.is_whole() {
            self.happened(DevnetEvent::Partitioned(groups.clone()));
        }
        let done = self.with_each(self.running(), |id| self.block_peers(id, &groups));
        let is_in_force = done.is_empty() || done.iter().any(|(_, outcome)| outcome.is_ok());
        match is_in_force {
            true if !groups.is_whole() => self.happened(DevnetEvent::Partitioned(groups.clone())),
            false if groups.is_whole() => self.happened(DevnetEvent::Partitioned(before)),
            _ => {}
        }
        let step = if groups.is_whole() { "the healing" } else { "the partition" };
        let outcome = self.everywhere(step, done);
        let is_apart = |state: &NetworkState| {
            state.links().iter().all(|(one, other)| groups.of(*one) == groups.of(*other))
        };
        if outcome.is_ok() && !self.state.wait_until(START_LIMIT, is_apart) {
            let (what, seconds) = ("drop its links to other groups", START_LIMIT.as_secs());
            let node = self.running().first().copied().unwrap_or(0);
            return Err(DevnetError::TooSlow { node, what, seconds, log: self.plan(node)?.log() });
        }
        outcome
    }

    /// Makes a node mine at a share of its first hash rate, in per cent; 0 stops it.
    ///
    /// # Errors
    /// When the node never had a hash rate or is down; [`DevnetError::NotYet`] when it does not reply: it mines at
    /// this rate as soon as it does, or when it is started again.
    pub fn hashrate(&self, id: u16, percent: u64) -> Result<(), DevnetError> {
        drop(self.client(id)?);
        let first = self.state.read(|state| state.rates(id).1).ok_or(DevnetError::NoHashrate { node: id })?;
        let rate = first.part(percent, 100);
        let outcome = match self.mine_at(id, rate) {
            Err(error @ DevnetError::Node { error: CallError::Unreachable(_), .. }) => {
                self.set_missed(id, true);
                Err(DevnetError::NotYet { step: "the hash rate", node: id, error: Box::new(error) })
            }
            outcome => Ok(outcome?),
        };
        self.happened(DevnetEvent::Hashrate { node: id, rate, percent });
        outcome
    }

    /// Makes a node mine at a hash rate, which it keeps when it is started again; the first one counts
    /// as 100 per cent.
    ///
    /// # Errors
    /// When the node is down or does not obey.
    pub fn mine_at(&self, id: u16, rate: Hashrate) -> Result<(), DevnetError> {
        match rate {
            Hashrate::NONE => self.set::<()>(id, "setmining", [()])?,
            rate => self.set::<()>(id, "setmining", (self.plan(id)?.reward, 1, rate))?,
        }
        self.state.change(|state, _| state.set_rate(id, rate));
        Ok(())
    }

    /// Stops all miners, and returns what they were doing.
    ///
    /// # Errors
    /// When a node does not obey; the miners go on then.
    pub fn pause_miners(&self) -> Result<Vec<(u16, MiningStatus)>, DevnetError> {
        let mut paused = Vec::new();
        for (id, status) in self.with_each(self.running(), |id| self.status(id)) {
            if let Some(mining) = status?.mining {
                paused.push((id, mining));
            }
        }
        let stopped = paused.iter().try_for_each(|(id, _)| self.set::<()>(*id, "setmining", [()]));
        if let Err(error) = stopped {
            self.resume_miners(&paused)?;
            return Err(error);
        }
        Ok(paused)
    }

    /// Lets miners go on as before.
    ///
    /// # Errors
    /// When a node does not obey; the others go on.
    pub fn resume_miners(&self, paused: &[(u16, MiningStatus)]) -> Result<(), DevnetError> {
        // No limit is said as 0.
        let resume = |(id, mining): &(u16, MiningStatus)| {
            self.set::<()>(
                *id,
                "setmining",
                (&mining.address, mining.threads, mining.hashrate.unwrap_or(Hashrate::NONE)),
            )
        };
        let resumed: Vec<Result<(), DevnetError>> = paused.iter().map(resume).collect();
        resumed.into_iter().collect()
    }

    /// Makes all links of a node slower, each way; 0 makes them as fast as at first.
    ///
    /// # Errors
    /// When there is no such node; [`DevnetError::NotEverywhere`].
    pub fn slow(&self, slow: u16, delay_ms: u64) -> Result<(), DevnetError> {
        drop(self.plan(slow)?);
        self.happened(DevnetEvent::Slowed { node: slow, delay_ms });
        let tell = |id: u16| if id == slow { self.delay_all(id) } else { self.delay(id, slow) };
        self.everywhere("the delay", self.with_each(self.running(), tell))
    }

    /// Makes what these pairs send to each other take longer by so many milliseconds, each way.
    pub fn lengthen(&self, pairs: &BTreeMap<Pair, u64>) -> Result<(), DevnetError> {
        self.state.change(|state, _| state.delays.set_pairs(pairs));
        let ends = |id: u16| {
            pairs.keys().filter_map(move |(one, other)| match id {
                _ if id == *one => Some(*other),
                _ if id == *other => Some(*one),
                _ => None,
            })
        };
        let delay = |id: u16| ends(id).try_for_each(|other| self.delay(id, other));
        self.everywhere("the delays", self.with_each(self.running(), delay))
    }

    /// Gives a node all settings: it was just started, or has missed some.
    pub fn set_up(&self, id: u16) -> Result<(), DevnetError> {
        self.block_peers(id, &self.groups())?;
        self.delay_all(id)?;
        let is_late =
            |other: &u16| *other != id && self.state.read(|state| state.delays.towards(id, *other)) > 0;
        self.ids().filter(is_late).try_for_each(|other| self.delay(id, other))
    }

    /// Gives a node that missed some settings the hash rate that was asked of it.
    pub fn set_up_rate(&self, id: u16) -> Result<(), DevnetError> {
        match self.state.read(|state| state.rates(id)) {
            (rate, Some(_)) => self.mine_at(id, rate),
            _ => Ok(()),
        }
    }

    /// What came of a step on several nodes. Those that do not reply have missed it.
    fn everywhere(
        &self,
        step: &'static str,
        outcomes: Vec<(u16, Result<(), DevnetError>)>,
    ) -> Result<(), DevnetError> {
        let (mut done, mut missed, mut first) = (Vec::new(), Vec::new(), None);
        for (id, outcome) in outcomes {
            match outcome {
                Ok(()) => done.push(id),
                Err(error) => {
                    missed.push(id);
                    first.get_or_insert(error);
                }
            }
        }
        match first {
            None => Ok(()),
            Some(error) if done.is_empty() => Err(error),
            Some(error) => {
                missed.iter().for_each(|id| self.set_missed(*id, true));
                Err(DevnetError::NotEverywhere { step, done, missed, error: Box::new(error) })
            }
        }
    }

    fn block_peers(&self, id: u16, groups: &Groups) -> Result<(), DevnetError> {
        let across = groups.across(id).map(|other| self.peer_id(other)).collect::<Result<Vec<_>, _>>()?;
        self.set(id, "setblockedpeers", [across])
    }

    fn delay_all(&self, id: u16) -> Result<(), DevnetError> {
        let delay_ms = self.state.read(|state| state.delays.of_all(id));
        self.set::<u64>(id, "setlinkdelay", [delay_ms]).map(drop)
    }

    fn delay(&self, id: u16, other: u16) -> Result<(), DevnetError> {
        let delay_ms = self.state.read(|state| state.delays.towards(id, other));
        self.set::<u64>(id, "setlinkdelay", (delay_ms, self.peer_id(other)?)).map(drop)
    }
}
