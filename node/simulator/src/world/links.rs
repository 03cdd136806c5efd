//! Links of a world: dialled, standing, broken, hung up.

use core::time::Duration;

use cairn_core::time::Timestamp;
use cairn_protocol::input::Input;
use cairn_protocol::peer::{Direction, PeerAddress};

use crate::agenda::Occurrence;
use crate::invariants::Violation;
use crate::network::LinkNumber;
use crate::node_index::NodeIndex;
use crate::world::state::World;

impl World {
    pub(super) fn dial(&mut self, from: NodeIndex, address: PeerAddress) {
        let there = NodeIndex::listening_at(&address).filter(|there| there.index() < self.hosts.len());
        let when = self.one_way(from, there);
        self.agenda.plan(when, Occurrence::Dialled { from, address: Box::new(address) });
    }

    pub(super) fn dialled(&mut self, from: NodeIndex, address: PeerAddress) -> Result<(), Violation> {
        let there = NodeIndex::listening_at(&address).filter(|there| self.may_join(from, *there));
        let joined = there.and_then(|to| Some((to, self.around.network.join(self.now, to, from)?)));
        let Some((to, (queue, arrival))) = joined else {
            let when = self.one_way(from, there);
            self.agenda.plan(when, Occurrence::DialFailed { at: from, address: Box::new(address) });
            return Ok(());
        };
        self.agenda.plan(arrival, Occurrence::LinkStands { at: from, to, number: queue.number });
        self.host_mut(to).open_session(from, queue);
        let (peer, address) = (from.peer_id(), from.dials_from());
        self.hand(to, Input::Connected { peer, direction: Direction::Inbound, address })
    }

    /// The time at which what leaves now is at the other end; that there is no node shows soon.
    fn one_way(&self, from: NodeIndex, there: Option<NodeIndex>) -> Timestamp {
        let wait = there.map_or(Duration::from_millis(1), |there| self.around.network.latency(from, there));
        self.now.saturating_add(wait)
    }

    fn may_join(&self, from: NodeIndex, to: NodeIndex) -> bool {
        let (Some(dialler), Some(dialled)) = (self.hosts.get(from.index()), self.hosts.get(to.index()))
        else {
            return false;
        };
        dialled.node().is_some()
            && dialler.node().is_some()
            && dialled.session(from).is_none()
            && dialler.session(to).is_none()
            && !dialled.blocked.contains(&from.peer_id())
            && !dialler.blocked.contains(&to.peer_id())
    }

    pub(super) fn link_stands(
        &mut self,
        at: NodeIndex,
        to: NodeIndex,
        number: LinkNumber,
    ) -> Result<(), Violation> {
        let address = to.listens_at();
        if self.around.network.link(at, to) != Some(number) {
            return self.hand(at, Input::DialFailed { address });
        }
        let queue = self.around.network.queue(self.now, number, at, to);
        self.host_mut(at).open_session(to, queue);
        self.hand(at, Input::Connected { peer: to.peer_id(), direction: Direction::Outbound, address })
    }

    pub(super) fn link_gone(
        &mut self,
        at: NodeIndex,
        to: NodeIndex,
        number: LinkNumber,
    ) -> Result<(), Violation> {
        self.around.network.part(at, to, number);
        if self.host(at).session(to) != Some(number) {
            return Ok(());
        }
        self.host_mut(at).close_session(to);
        self.hand(at, Input::Disconnected { peer: to.peer_id() })
    }

    /// What was sent before still arrives; then the other end is notified.
    pub(super) fn hang_up(&mut self, at: NodeIndex, to: NodeIndex) {
        let Some(number) = self.host(at).session(to) else { return };
        self.agenda.plan(self.now, Occurrence::LinkGone { at, to, number });
        // The link goes when the other end is notified: until then neither can dial anew.
        let arrival = self.hosts[at.index()].carry(&self.around.network, self.now, to, 0);
        self.agenda.plan(arrival, Occurrence::LinkGone { at: to, to: at, number });
    }

    pub(super) fn links_break(&mut self, broken: Vec<(NodeIndex, NodeIndex, LinkNumber)>) {
        for (one, other, number) in broken {
            let when = self.now.saturating_add(self.around.network.latency(one, other));
            self.agenda.plan(when, Occurrence::LinkGone { at: one, to: other, number });
            self.agenda.plan(when, Occurrence::LinkGone { at: other, to: one, number });
        }
    }
}
