//! The protocol machine: whatever peers, callers and the operator do, the node keeps its promises.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use cairn_core::time::Timestamp;
use cairn_protocol::action::Action;
use cairn_protocol::chain::Chain;
use cairn_protocol::chain::memory_store::MemoryStore;
use cairn_protocol::input::{Input, Submission};
use cairn_protocol::limits::PING_INTERVAL;
use cairn_protocol::mempool::Mempool;
use cairn_protocol::message::codec;
use cairn_protocol::node::{Node, NodeConfig};
use cairn_protocol::peer::PeerId;
use cairn_protocol::peers::ConnectionLimits;
use cairn_protocol::peers::address_key::AddressKey;
use cairn_simulator::invariants::{Violation, Witness, coins, coins_of_blocks};
use cairn_simulator::node_index::NodeIndex;
use cairn_simulator::verifier::OncePerWorld;

use crate::fuzzing::rules::regtest;
use crate::fuzzing::steps::steps;

/// Where the node is.
const HERE: NodeIndex = NodeIndex::new(0);
/// Steps of the longest script.
const MOST_STEPS: usize = 256;
/// A node that has more to do at one moment spins.
const MOST_WAKES: usize = 1_000;
/// From genesis to the first step, so that seeds' blocks are not ahead of the clock.
const LATER_MS: u64 = 3_600_000;

/// A node under watch.
struct Watched {
    node: Node<MemoryStore>,
    witness: Witness,
    linked: BTreeSet<PeerId>,
    now: Timestamp,
    /// The operator may choose a chain of less work.
    is_marked: bool,
    trace: DefaultHasher,
}

/// The same script twice has the same outcome. On the way the node says only what is a message, and
/// only to whom it is connected; its best chain gains work; its events lead to its tip; it comes to
/// rest; and in the end its coins are those that its blocks make.
///
/// # Panics
/// When it does not hold.
pub fn machine(bytes: &[u8]) {
    let verifier = OncePerWorld::default();
    assert_eq!(play(bytes, &verifier), play(bytes, &verifier), "the same inputs, other actions");
}

fn play(script: &[u8], verifier: &OncePerWorld) -> u64 {
    let mut watched = Watched::new(verifier);
    for (wait, input) in steps(script).take(MOST_STEPS) {
        watched.now = watched.now.saturating_add(wait);
        watched.give(input);
        watched.come_to_rest();
    }
    let chain = watched.node.chain();
    let found = coins(HERE, chain).expect("memory does not fail");
    let expected = coins_of_blocks(HERE, chain, verifier).unwrap_or_else(|broken| panic!("{broken}"));
    assert_eq!(found, expected, "the coins are those that the blocks make");
    watched.trace.finish()
}

impl Watched {
    fn new(verifier: &OncePerWorld) -> Self {
        let definition = regtest();
        let (params, store) = (definition.params.clone(), MemoryStore::default());
        let chain = Chain::open(params, &definition.genesis, store, Box::new(verifier.clone()));
        let chain = chain.expect("memory does not fail");
        let config = NodeConfig {
            id: HERE.peer_id(),
            user_agent: "cairn/fuzzed".into(),
            listen: vec![HERE.listens_at()],
            connect: vec![NodeIndex::new(1).listens_at()],
            limits: ConnectionLimits { outbound: 2, inbound: 4 },
            ping_interval: Some(PING_INTERVAL),
            address_key: AddressKey::new([7, 4]),
        };
        let mut witness = Witness::default();
        witness.started(HERE, &chain).unwrap_or_else(|broken| panic!("{broken}"));
        let now = Timestamp::from_millis(definition.params.genesis_time.millis() + LATER_MS);
        let node = Node::new(config, chain, Mempool::default(), 7);
        Self { node, witness, linked: BTreeSet::new(), now, is_marked: false, trace: DefaultHasher::new() }
    }

    fn give(&mut self, input: Input) {
        match &input {
            Input::Connected { peer, .. } => drop(self.linked.insert(*peer)),
            Input::Disconnected { peer } => drop(self.linked.remove(peer)),
            Input::Submit { submission: Submission::Override(..), .. } => self.is_marked = true,
            _ => {}
        }
        let actions = self.node.handle(self.now, input).expect("memory does not fail");
        format!("{actions:?}").hash(&mut self.trace);
        actions.into_iter().for_each(|action| self.heed(action));
        let chain = self.node.chain();
        let ground = self.witness.stepped(HERE, chain);
        assert!(ground.is_ok() || self.is_marked, "{ground:?}");
        self.witness.check_tip(HERE, chain).unwrap_or_else(|broken| panic!("{broken}"));
    }

    fn heed(&mut self, action: Action) {
        match action {
            Action::Send { peer, message } => {
                assert!(self.linked.contains(&peer), "{message:?} for {peer}, who is not there");
                assert_eq!(codec::decode(&codec::encode(&message)).as_ref(), Ok(&message));
            }
            Action::Disconnect { peer } => drop(self.linked.remove(&peer)),
            Action::Emit(event) => match self.witness.check_event(HERE, &event) {
                // Not everybody is honest here.
                Ok(()) | Err(Violation::HonestPeerBanned { .. }) => {}
                Err(broken) => panic!("{broken}"),
            },
            Action::Connect { .. }
            | Action::Block { .. }
            | Action::Reply { .. }
            | Action::TemplateStale { .. } => {}
        }
    }

    fn come_to_rest(&mut self) {
        for _ in 0..MOST_WAKES {
            if self.node.next_wake().is_none_or(|due| due > self.now) {
                return;
            }
            self.give(Input::Wake);
        }
        panic!("the node wakes and wakes at {}", self.now.millis());
    }
}
