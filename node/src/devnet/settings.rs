//! Settings of running nodes: peers that they do not connect to, delays of their links, hash rates. The state
//! holds what was asked for; a node that does not reply gets it as soon as it does.

use std::collections::BTreeMap;

use cairn_daemon::api::client::SET;
use cairn_daemon::api::status::MiningStatus;
use cairn_genesis::hashrate::Hashrate;

use crate::devnet::error::DevnetError;
use crate::devnet::event::DevnetEvent;
use crate::devnet::groups::Groups;
use crate::devnet::link_delays::Pair;
use crate::devnet::network::{Network, START_LIMIT, Setting};
use crate::devnet::state::NetworkState;

impl Network {
    /// Heals the network: one group of all nodes.
    ///
    /// # Errors
    /// The same as for [`Self::partition`].
    pub fn heal(&self) -> Result<(), DevnetError> {
        self.partition(Groups::whole(self.ids().end))
    }

    /// Partitions the network into groups: no node connects to a node of another group, whichever dials. Returns
    /// when no connection between groups is left.
    ///
    /// # Errors
    /// [`DevnetError::NotEverywhere`] when some nodes do not obey: they are made to as soon as they reply, and
    /// until then the others reject them. When none obeys, nothing is changed.
    pub fn partition(&self, groups: Groups) -> Result<(), DevnetError> {
        // Reported before its effects: of many nodes the first agree while the last are not healed yet.
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
        let outcome = self.everywhere(Setting::Partition, step, done);
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

    /// Makes a node mine at a share of its first hash rate, in per cent; 0 stops it. Returns whether that is in force:
    /// a node that is down mines at this rate from its restart on.
    ///
    /// # Errors
    /// When the node never had a hash rate; [`DevnetError::NotEverywhere`] when it does not reply: it mines at this
    /// rate as soon as it does.
    pub fn hashrate(&self, id: u16, percent: u64) -> Result<bool, DevnetError> {
        let is_running = self.is_running(id)?;
        let (first, answers) = self.state.read(|state| (state.rates(id).1, state.answers(id)));
        let rate = first.ok_or(DevnetError::NoHashrate { node: id })?.part(percent, 100);
        let outcome = match is_running {
            false => Ok(()),
            true if !answers => Err(DevnetError::NotAnswering { nodes: vec![id] }),
            true => match self.mine_at(id, rate) {
                Err(error) if !error.is_unreachable() => return Err(error),
                outcome => outcome,
            },
        };
        self.happened(DevnetEvent::Hashrate { node: id, rate, percent });
        self.everywhere(Setting::Hashrate, "the hash rate", vec![(id, outcome)])?;
        Ok(is_running)
    }

    /// Makes a node mine at a hash rate, which it keeps when it is started again; the first one counts
    /// as 100 per cent.
    ///
    /// # Errors
    /// When the node is down or does not obey.
    pub fn mine_at(&self, id: u16, rate: Hashrate) -> Result<(), DevnetError> {
        match rate {
            Hashrate::NONE => self.call::<()>(SET, id, "setmining", [()])?,
            rate => self.call::<()>(SET, id, "setmining", (self.plan(id)?.reward, 1, rate))?,
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
            paused.extend(status?.mining.map(|mining| (id, mining)));
        }
        let stopped = paused.iter().try_for_each(|(id, _)| self.call::<()>(SET, *id, "setmining", [()]));
        match stopped {
            Ok(()) => Ok(paused),
            Err(error) => {
                // Of two errors the first is the cause.
                let _ = self.resume_miners(&paused);
                Err(error)
            }
        }
    }

    /// Lets miners go on as before.
    ///
    /// # Errors
    /// [`DevnetError::NotEverywhere`]: the others go on.
    pub fn resume_miners(&self, paused: &[(u16, MiningStatus)]) -> Result<(), DevnetError> {
        let resume = |(id, mining): &(u16, MiningStatus)| {
            // No limit is said as 0.
            let rate = mining.hashrate.unwrap_or(Hashrate::NONE);
            (*id, self.call(SET, *id, "setmining", (&mining.address, mining.threads, rate)))
        };
        self.everywhere(Setting::Hashrate, "mining as before", paused.iter().map(resume).collect())
    }

    /// Makes all links of a node slower, each way; 0 removes the delay. Returns whether that is in force: a node that
    /// is down has the delay from its restart on.
    ///
    /// # Errors
    /// When there is no such node; [`DevnetError::NotEverywhere`].
    pub fn slow(&self, slow: u16, delay_ms: u64) -> Result<bool, DevnetError> {
        let is_running = self.is_running(slow)?;
        self.happened(DevnetEvent::Slowed { node: slow, delay_ms });
        let delay = |id: u16| if id == slow { self.delay_all(id) } else { self.delay(id, slow) };
        self.everywhere(Setting::Delays, "the delay", self.with_each(self.running(), delay))?;
        Ok(is_running)
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
        self.everywhere(Setting::Delays, "the delays", self.with_each(self.running(), delay))
    }

    /// Gives a node a setting as the state has it: the node was just started, or has missed it.
    pub(super) fn apply(&self, id: u16, setting: Setting) -> Result<(), DevnetError> {
        match setting {
            Setting::Partition => self.block_peers(id, &self.groups()),
            Setting::Delays => {
                self.delay_all(id)?;
                let late = self.state.read(|state| {
                    let is_late = |other: &u16| *other != id && state.delays.towards(id, *other) > 0;
                    self.ids().filter(is_late).collect::<Vec<_>>()
                });
                late.into_iter().try_for_each(|other| self.delay(id, other))
            }
            Setting::Hashrate => match self.state.read(|state| state.rates(id)) {
                (rate, Some(_)) => self.mine_at(id, rate),
                (_, None) => Ok(()),
            },
        }
    }

    /// The outcome of a step on several nodes. Those that do not reply have missed it, unless it is a partition that
    /// is in force nowhere.
    fn everywhere(
        &self,
        setting: Setting,
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
        let Some(error) = first else { return Ok(()) };
        if done.is_empty() && setting == Setting::Partition {
            return Err(error);
        }
        missed.iter().for_each(|id| self.note_missed(*id, setting));
        Err(DevnetError::NotEverywhere { step, done, missed, error: Box::new(error) })
    }

    fn block_peers(&self, id: u16, groups: &Groups) -> Result<(), DevnetError> {
        let across = groups.across(id).map(|other| self.peer_id(other)).collect::<Result<Vec<_>, _>>()?;
        self.call(SET, id, "setblockedpeers", [across])
    }

    fn delay_all(&self, id: u16) -> Result<(), DevnetError> {
        let delay_ms = self.state.read(|state| state.delays.of_all(id));
        self.call::<u64>(SET, id, "setlinkdelay", [delay_ms]).map(drop)
    }

    fn delay(&self, id: u16, other: u16) -> Result<(), DevnetError> {
        let delay_ms = self.state.read(|state| state.delays.towards(id, other));
        self.call::<u64>(SET, id, "setlinkdelay", (delay_ms, self.peer_id(other)?)).map(drop)
    }
}
