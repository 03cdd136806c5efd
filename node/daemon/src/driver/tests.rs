//! The driver on fake connections: what it says, and on which of them.

use std::sync::Arc;

use cairn_core::hash::BlockHash;
use cairn_core::height::Height;
use cairn_core::signature::SerialVerifier;
use cairn_core::testing::TestChain;
use cairn_core::work::Work;
use cairn_protocol::chain::Chain;
use cairn_protocol::chain::tree::ChainTip;
use cairn_protocol::mempool::Mempool;
use cairn_protocol::node::{Node, NodeConfig};
use cairn_protocol::peer::PeerAddress;
use cairn_protocol::peers::ConnectionLimits;
use cairn_protocol::peers::address_key::AddressKey;
use cairn_protocol::peers::handshake::Identity;
use cairn_protocol::peers::purpose::Purpose;
use libp2p::swarm::ConnectionId;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::handle::NodeHandle;
use crate::p2p::peer_handle::Outgoing;
use crate::p2p::send_budget::SendBudget;
use crate::p2p::traffic::Traffic;
use crate::store::{Opening, SledStore};

const PEER: PeerId = PeerId::from_bytes([7; 32]);

struct World {
    runtime: Runtime,
    handle: NodeHandle,
    driver: JoinHandle<Result<Machine, StoreError>>,
    /// Without it the driver would stop.
    events: mpsc::Sender<PeerEvent>,
    _directory: tempfile::TempDir,
}

/// A running driver whose queue has these events when it starts, so that they are one group.
fn start(queued: Vec<PeerEvent>) -> World {
    let runtime = Runtime::new().expect("a runtime");
    let (test, directory) = (TestChain::new(), tempfile::tempdir().expect("a directory"));
    let store = SledStore::open(directory.path(), &test.genesis, Opening::Resume).expect("it opens");
    let chain = Chain::open(test.params.clone(), &test.genesis, store, Box::new(SerialVerifier));
    let own = PeerId::from_bytes([1; 32]);
    let limits = ConnectionLimits { outbound: 8, inbound: 8 };
    let config = NodeConfig {
        id: own,
        user_agent: "/test/".into(),
        listen: Vec::new(),
        connect: Vec::new(),
        limits,
        ping_interval: None,
        address_key: AddressKey::new([1, 4]),
    };
    let machine = Node::new(config, chain.expect("it opens"), Mempool::new(1 << 20), 1);
    let traffic = Arc::new(Traffic::default());
    let (handle, ends) = NodeHandle::new(own, traffic.clone(), Arc::default(), CancellationToken::new());
    let (events, receiver) = mpsc::channel(4 * GROUP);
    for event in queued {
        events.try_send(event).expect("room for it");
    }
    let (commands, _) = mpsc::channel(64);
    let network = Network { own, listen: None, events: receiver, commands, traffic, delays: Arc::default() };
    let driver = Driver::spawn(machine, ends, network, runtime.handle().clone()).expect("a thread");
    World { runtime, handle, driver, events, _directory: directory }
}

impl World {
    /// Stops the driver once it has carried out everything that waited.
    fn finish(self) {
        let look = || self.runtime.block_on(self.handle.query(|_| ())).expect("it runs");
        while self.events.capacity() < self.events.max_capacity() {
            look();
        }
        look();
        self.handle.stop();
        self.driver.join().expect("no panic").expect("no failure");
    }
}

fn connect(number: usize, direction: Direction) -> (PeerEvent, mpsc::Receiver<Outgoing>) {
    let (connection, budget) = (ConnectionId::new_unchecked(number), SendBudget::new(usize::MAX));
    let (handle, queue) = PeerHandle::new(PEER, connection, Traffic::default(), Arc::default(), &budget);
    let address = PeerAddress::new(([127, 0, 0, 1], 4000).into());
    (PeerEvent::Connected { handle, direction, address }, queue)
}

fn said(mut queue: mpsc::Receiver<Outgoing>) -> Vec<&'static str> {
    let mut names = Vec::new();
    while let Ok(outgoing) = queue.try_recv() {
        names.push(match outgoing {
            Outgoing::Send { message: Message::Hello(_), .. } => "hello",
            Outgoing::Send { message: Message::Goodbye(_), .. } => "goodbye",
            Outgoing::Send { message: Message::Pong { .. }, .. } => "pong",
            Outgoing::Send { .. } => "more",
            Outgoing::Disconnect => "disconnect",
        });
    }
    names
}

/// Found by killing a node a hundred times: both sides dialled at once, both connections came up
/// within one group, and the peer got two greetings on the one that stayed, which bans.
#[test]
fn of_two_connections_in_one_group_only_the_one_that_stays_is_greeted_and_only_once() {
    let (first, first_queue) = connect(1, Direction::Inbound);
    let (second, second_queue) = connect(2, Direction::Outbound);
    start(vec![first, second]).finish();
    assert_eq!(said(first_queue), [""; 0]);
    assert_eq!(said(second_queue), ["hello", "goodbye", "disconnect"]);
}

#[test]
fn nothing_is_said_to_who_left_and_came_back_that_was_meant_for_its_first_connection() {
    let (first, first_queue) = connect(1, Direction::Inbound);
    let left = PeerEvent::Disconnected { peer: PEER, connection: ConnectionId::new_unchecked(1) };
    let (second, second_queue) = connect(2, Direction::Inbound);
    start(vec![first, left, second]).finish();
    assert_eq!(said(first_queue), [""; 0]);
    assert_eq!(said(second_queue), ["hello", "goodbye", "disconnect"]);
}

/// Found by measuring: the first event beyond a full group was taken and dropped.
#[test]
fn nothing_that_waits_is_lost_however_much_it_is() {
    let (connected, queue) = connect(1, Direction::Inbound);
    let budget = Arc::new(tokio::sync::Semaphore::new(1000));
    let received = |message| {
        let permit = budget.clone().try_acquire_owned().expect("room");
        PeerEvent::Received { peer: PEER, connection: ConnectionId::new_unchecked(1), message, permit }
    };
    let hello = Identity {
        genesis: TestChain::new().params.genesis_hash,
        nonce: 9,
        user_agent: "/peer/".into(),
        listen: Vec::new(),
    };
    let tip = ChainTip { hash: BlockHash::ZERO, height: Height::GENESIS, work: Work::ZERO };
    let pings = 3 * GROUP;
    let mut queued = vec![connected, received(Message::Hello(Box::new(hello.hello(tip, Purpose::Full))))];
    queued.extend((0..pings as u64).map(|nonce| received(Message::Ping { nonce })));
    start(queued).finish();
    assert_eq!(said(queue).iter().filter(|said| **said == "pong").count(), pings);
}
