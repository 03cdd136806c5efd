//! Windows: many nodes at work at one time, with the same result as if one thread did it all.
//!
//! Nothing that a node says reaches another sooner than the least latency of all links. What happens
//! within such a span of time, from the next occurrence on, can therefore be worked off node by node:
//! no message of the others is missed. A window ends before anything planned that concerns more than
//! one node: a dial, a partition, a payment, a block found. What a node asks for within it beside messages
//! (a dial, to hang up) is carried out when the window ends, so up to one least latency late.
//!
//! The result cannot depend on threads. Which occurrences a window holds is decided before any is
//! worked off; a node's work reads and writes that node alone ([`super::node_step`]), its random generator included; and
//! what follows for others is put together in the order of time and then of node indices, and messages that
//! arrive in one millisecond in the order of their senders, wherever and whenever it was worked out.
//! It is not the order of a small world, which goes from occurrence to occurrence.

use core::time::Duration;

use cairn_core::time::Timestamp;

use crate::agenda::Occurrence;
use crate::host::Host;
use crate::invariants::Violation;
use crate::node_index::NodeIndex;
use crate::world::node_step::{Due, Outbox, Surroundings};
use crate::world::state::World;

/// Smaller worlds have so few occurrences in a window that one after the other is faster.
const MIN_NODES: usize = 64;
/// Occurrences that are worth another thread.
const WORTH_A_THREAD: usize = 32;

/// What came of the work on some nodes.
#[derive(Default)]
struct Done {
    outbox: Outbox,
    breach: Option<(Timestamp, NodeIndex, Violation)>,
}

impl World {
    /// Whether this world is worked off in windows now: its size and its attackers decide.
    pub(super) fn has_windows(&self) -> bool {
        // Attackers look at other nodes at every turn.
        self.hosts.len() >= MIN_NODES && self.around.selfish.is_empty() && self.double_spenders.is_empty()
    }

    /// Does what is next and comes before that time: one thing, or in a large world a window of them.
    pub fn step_before(&mut self, until: Duration) -> Result<bool, Violation> {
        let lookahead = self.around.network.lookahead();
        let Some(next) = self.agenda.next_time().filter(|_| self.has_windows()) else { return self.step() };
        let mut end = next.saturating_add(lookahead).min(self.begin.saturating_add(until));
        if let Some(found) = self.sampler.next_time() {
            // What is due at the very time of a block comes before it.
            end = end.min(found.saturating_add(Duration::from_millis(1)));
        }
        let mut due = core::mem::take(&mut self.buffers.1);
        let end = self.agenda.take_window(end, &mut due);
        let Some((last, ..)) = due.last() else { return self.step() };
        self.now = self.now.max(*last);
        self.work_off(due, end)?;
        Ok(true)
    }

    fn work_off(&mut self, mut due: Vec<Due>, end: Timestamp) -> Result<(), Violation> {
        let last = self.now;
        // Of one node the order of time stays.
        due.sort_by_key(|(_, node, _)| *node);
        let threads = self.workers.count().min(due.len() / WORTH_A_THREAD).max(1);
        let around = &self.around;
        let done = if threads == 1 {
            vec![work(around, &mut self.hosts, 0, &mut due, end)]
        } else {
            let parts = split(&mut self.hosts, &mut due, threads);
            self.workers.on_all(parts, |(hosts, first, mut due)| work(around, hosts, first, &mut due, end))
        };
        self.buffers.1 = due;
        self.put_together(done)?;
        self.now = self.now.max(last);
        Ok(())
    }

    /// Carries out what followed, in the order of time and then of node indices.
    fn put_together(&mut self, done: Vec<Done>) -> Result<(), Violation> {
        let (mut effects, mut breach) = (Vec::new(), None);
        for Done { mut outbox, breach: other } in done {
            self.post(&mut outbox);
            effects.append(&mut outbox.effects);
            breach = earlier(breach, other);
        }
        effects.sort_by_key(|(when, ..)| *when);
        for (when, at, effect) in effects {
            if breach.as_ref().is_some_and(|(broken, ..)| *broken < when) {
                break;
            }
            self.now = when;
            self.carry_out(at, effect)?;
        }
        breach.map_or(Ok(()), |(.., violation)| Err(violation))
    }
}

fn earlier<T>(
    one: Option<(Timestamp, NodeIndex, T)>,
    other: Option<(Timestamp, NodeIndex, T)>,
) -> Option<(Timestamp, NodeIndex, T)> {
    one.into_iter().chain(other).min_by_key(|(when, node, _)| (*when, *node))
}

/// Some hosts, the number of the first, and what is due for them.
type Part<'h> = (&'h mut [Host], usize, Vec<Due>);

/// Parts with about as much to do each; what is due for one node stays together.
fn split<'h>(mut hosts: &'h mut [Host], due: &mut Vec<Due>, threads: usize) -> Vec<Part<'h>> {
    let (each, mut parts) = (due.len().div_ceil(threads), Vec::with_capacity(threads));
    let mut end = hosts.len();
    while due.len() > each {
        let first = due[due.len() - each].1;
        let from = due.partition_point(|(_, node, _)| *node < first);
        let (before, part) = hosts.split_at_mut(first.index());
        parts.push((part, first.index(), due.split_off(from)));
        (hosts, end) = (before, first.index());
    }
    debug_assert_eq!(hosts.len(), end);
    parts.push((hosts, 0, core::mem::take(due)));
    parts.reverse();
    parts
}

/// Works off what is due, node by node, and what these nodes do by themselves before the end.
fn work(around: &Surroundings, hosts: &mut [Host], first: usize, due: &mut Vec<Due>, end: Timestamp) -> Done {
    let mut done = Done::default();
    let mut due = due.drain(..).peekable();
    while let Some((_, node, _)) = due.peek() {
        let node = *node;
        let host = &mut hosts[node.index() - first];
        let mut own: Vec<(Timestamp, Occurrence)> = Vec::new();
        let mut is_sound = true;
        loop {
            let next = due.peek().filter(|(_, whose, _)| *whose == node).map(|(when, ..)| *when);
            let next_own = own.iter().map(|(when, _)| *when).min().filter(|when| *when < end);
            let (when, what) = match (next, next_own) {
                // What was planned before the window began was planned first.
                (Some(when), by_itself) if by_itself.is_none_or(|other| when <= other) => {
                    let Some((_, _, what)) = due.next() else { break };
                    (when, what)
                }
                (_, Some(when)) => {
                    let Some(at) = own.iter().position(|(other, _)| *other == when) else { break };
                    own.remove(at)
                }
                _ => break,
            };
            if !is_sound {
                continue;
            }
            if let Err(violation) = around.take(when, host, what, &mut done.outbox) {
                done.breach = earlier(done.breach.take(), Some((when, node, violation)));
                is_sound = false;
            }
            own.append(&mut done.outbox.own);
        }
        done.outbox.plans.append(&mut own);
    }
    done
}

#[cfg(test)]
mod tests {

    use crate::network::Latency;
    use crate::plan::{Plan, Step};
    use crate::play::Run;
    use crate::topology::Shape;

    use super::*;

    /// Partition, healed, killed and started again, with jitter and lost packets, all of it in windows.
    fn plan() -> Plan {
        let mut plan = Plan::partition_and_heal(80, Duration::from_secs(4));
        plan.topology = Shape::Random { outbound: 8 }.into();
        let (least, most) = (Duration::from_millis(40), Duration::from_millis(80));
        plan.links.usual.latency = Latency::Uniform { least, most };
        plan.links.usual.jitter = Duration::from_millis(20);
        let killed = vec![NodeIndex::new(3), NodeIndex::new(70)];
        plan.steps.push((Duration::from_secs(25), Step::Kill(killed.clone())));
        plan.steps.push((Duration::from_secs(27), Step::Restart(killed)));
        plan.stop.after = Duration::from_secs(30);
        plan
    }

    #[test]
    fn what_happens_does_not_depend_on_how_many_threads_work_it_off() {
        let reports = [1, 2, 5].map(|threads| {
            let mut run = Run::new(plan(), 3).expect("every node starts").with_threads(threads);
            assert!(run.world().has_windows());
            while !run.is_over() {
                run.advance(Duration::MAX).expect("every invariant holds");
            }
            run.finish().expect("every invariant holds")
        });
        let [one, two, five] = reports;
        assert_eq!(one, two);
        assert_eq!(one, five);
    }

    #[test]
    fn parts_have_about_as_much_to_do_and_what_is_due_for_one_place_stays_together() {
        let world = World::new(Plan::quiet(5), 1).expect("every node starts");
        let mut hosts = world.hosts;
        let nodes = [0, 0, 1, 3, 3, 3, 3, 4].map(NodeIndex::new);
        let due = |node| (Timestamp::from_millis(0), node, Occurrence::Attack(0));
        let mut due: Vec<Due> = nodes.into_iter().map(due).collect();
        let parts = split(&mut hosts, &mut due, 3);
        let parts: Vec<(usize, usize, usize)> =
            parts.iter().map(|(hosts, first, due)| (*first, hosts.len(), due.len())).collect();
        assert_eq!(parts, [(0, 3, 3), (3, 2, 5)]);
    }
}
