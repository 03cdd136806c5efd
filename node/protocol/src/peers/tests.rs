//! Outbound peers: of which network groups they are, and what a restart keeps.

use cairn_core::hash::{BlockHash, GenesisHash};
use cairn_core::height::Height;
use cairn_core::work::Work;

use super::*;
use crate::message::PROTOCOL_VERSION;

const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);
const LIMITS: ConnectionLimits = ConnectionLimits { outbound: 8, inbound: 100 };

/// A host of the /16 with this number.
fn address(group: u8, host: u16) -> PeerAddress {
    let [third, fourth] = host.to_be_bytes();
    PeerAddress::new((std::net::Ipv4Addr::new(66, group, third, fourth), 4000).into())
}

fn peers(seed: u64) -> Peers {
    let genesis = GenesisHash::from_bytes([1; 32]);
    let identity = Identity { genesis, nonce: seed, user_agent: "test".into(), listen: Vec::new() };
    let own = PeerId::from_bytes([255; 32]);
    Peers::new(own, identity, LIMITS, None, &[], seed, Random::derive(seed, 0))
}

fn id(address: &PeerAddress) -> PeerId {
    let mut bytes = [7; 32];
    if let std::net::IpAddr::V4(host) = address.socket().ip() {
        bytes[..4].copy_from_slice(&host.octets());
    }
    PeerId::from_bytes(bytes)
}

/// Lets a node dial until it wants no more; every dial that `is_up` accepts succeeds.
fn dial_all(peers: &mut Peers, mut now: Timestamp, is_up: impl Fn(&PeerAddress) -> bool) {
    let tip = ChainTip { hash: BlockHash::ZERO, height: Height::GENESIS, work: Work::ZERO };
    for _ in 0..100 {
        let mut actions = Vec::new();
        peers.wake(now, &mut actions);
        for action in core::mem::take(&mut actions) {
            let Action::Connect { address } = action else { continue };
            if !is_up(&address) {
                peers.dial_failed(now, &address);
                continue;
            }
            let peer = id(&address);
            peers.connected(now, peer, Direction::Outbound, address, tip, &mut actions);
            let hello = Hello {
                protocol_version: PROTOCOL_VERSION,
                genesis: peers.identity.genesis,
                services: 1,
                tip: tip.hash,
                height: tip.height,
                work: tip.work,
                user_agent: "test".into(),
                listen: Vec::new(),
                nonce: 99,
            };
            peers.received_hello(now, peer, hello, &mut actions);
            if peers.get(&peer).is_some_and(|connection| connection.phase == Phase::Closing) {
                peers.disconnected(now, &peer, &mut actions);
            }
        }
        now = now.saturating_add(Duration::from_secs(1));
    }
}

fn outbound(peers: &Peers, purpose: Purpose) -> Vec<PeerAddress> {
    let ready = peers.ready().filter(|one| one.direction == Direction::Outbound && one.purpose == purpose);
    ready.map(|one| one.address).collect()
}

/// ATTACKS 27: twenty identities of one network once took every outbound slot.
#[test]
fn a_network_that_names_thousands_of_its_addresses_gets_one_outbound_slot() {
    for seed in 0..20 {
        let mut peers = peers(seed);
        for host in 0..60_000 {
            peers.addresses.add(address(1, host), Some(address(1, host % 20)));
        }
        (2..20).for_each(|group| {
            peers.addresses.add(address(group, 1), Some(address(200, 1)));
        });
        dial_all(&mut peers, NOW, |_| true);
        let full = outbound(&peers, Purpose::Full);
        assert_eq!((full.len(), outbound(&peers, Purpose::BlocksOnly).len()), (8, BLOCKS_ONLY_TARGET));
        let hostile = full.iter().filter(|address| NetworkGroup::of(address) == NetworkGroup::V4([66, 1]));
        assert!(hostile.count() <= 1, "{full:?}");
    }
}

#[test]
fn a_node_finds_its_network_again_after_a_restart_anchors_first() {
    let mut first = peers(1);
    (2..40).for_each(|group| {
        first.addresses.add(address(group, 1), None);
    });
    dial_all(&mut first, NOW, |_| true);
    let saved = first.saved(NOW);
    assert_eq!(saved.anchors, outbound(&first, Purpose::BlocksOnly));
    let mut second = peers(2);
    second.restore(saved.clone());
    let mut actions = Vec::new();
    second.wake(NOW, &mut actions);
    let anchor =
        |action: &Action| matches!(action, Action::Connect { address } if saved.anchors.contains(address));
    assert_eq!(actions.iter().filter(|action| anchor(action)).count(), BLOCKS_ONLY_TARGET);
    dial_all(&mut second, NOW, |_| true);
    assert_eq!(outbound(&second, Purpose::Full).len(), 8);
}

/// An inbound peer once kept a node from dialing its anchors, and every other address that the peer claimed.
#[test]
fn a_peer_that_claims_the_addresses_of_others_keeps_no_node_from_dialing_them() {
    let mut first = peers(1);
    let honest: Vec<PeerAddress> = (2..40).map(|group| address(group, 1)).collect();
    honest.iter().for_each(|one| {
        first.addresses.add(*one, None);
    });
    dial_all(&mut first, NOW, |_| true);
    let saved = first.saved(NOW);
    let mut second = peers(2);
    second.restore(saved.clone());
    let tip = ChainTip { hash: BlockHash::ZERO, height: Height::GENESIS, work: Work::ZERO };
    let (liar, from) = (PeerId::from_bytes([9; 32]), address(200, 1));
    second.connected(NOW, liar, Direction::Inbound, from, tip, &mut Vec::new());
    let hello = Hello { listen: honest, nonce: 99, ..second.identity.hello(tip, Purpose::Full) };
    assert!(second.received_hello(NOW, liar, hello, &mut Vec::new()));
    dial_all(&mut second, NOW, |_| true);
    assert_eq!(outbound(&second, Purpose::BlocksOnly), saved.anchors);
    assert_eq!(outbound(&second, Purpose::Full).len(), 8);
}

/// Heilman et al., countermeasure 4: while all slots are taken, new addresses are tested and become tried ones.
#[test]
fn feelers_test_new_addresses_and_leave() {
    let mut peers = peers(1);
    (2..60).for_each(|group| {
        peers.addresses.add(address(group, 1), None);
    });
    dial_all(&mut peers, NOW, |_| true);
    let before = peers.addresses.tried().count();
    for minute in 1..30 {
        dial_all(&mut peers, NOW.saturating_add(Duration::from_secs(120 * minute)), |_| true);
    }
    assert!(peers.addresses.tried().count() >= before + 10);
    assert_eq!(peers.ready().count(), 8 + BLOCKS_ONLY_TARGET);
}

#[test]
fn an_outage_of_its_own_network_leaves_a_node_its_addresses() {
    let mut peers = peers(1);
    (2..40).for_each(|group| {
        peers.addresses.add(address(group, 1), None);
    });
    for hour in 0..24 {
        dial_all(&mut peers, NOW.saturating_add(Duration::from_secs(3_600 * hour)), |_| false);
    }
    assert_eq!(peers.addresses.len(), 38);
    dial_all(&mut peers, NOW.saturating_add(Duration::from_secs(3_600 * 25)), |_| true);
    assert_eq!(outbound(&peers, Purpose::Full).len(), 8);
}

/// Without a file the default is restored, whose key anybody knows.
#[test]
fn a_first_start_keeps_the_secret_of_the_address_manager() {
    let mut peers = peers(7);
    let key = peers.saved(NOW).addresses;
    peers.restore(SavedPeers::default());
    assert!(key.has_key() && peers.saved(NOW).addresses == key);
}

/// An address that accepts connections and sends no Hello has failed, also when this node closes the connection.
#[test]
fn an_address_where_no_node_says_hello_is_forgotten() {
    let mut peers = peers(1);
    let (silent, honest) = (address(1, 1), address(2, 1));
    peers.addresses.add(honest, None);
    dial_all(&mut peers, NOW, |_| true);
    peers.addresses.add(silent, None);
    let tip = ChainTip { hash: BlockHash::ZERO, height: Height::GENESIS, work: Work::ZERO };
    let mut now = NOW.saturating_add(Duration::from_secs(100));
    for _ in 0..3 {
        let mut actions = Vec::new();
        peers.connected(now, id(&silent), Direction::Outbound, silent, tip, &mut actions);
        now = now.saturating_add(Duration::from_secs(10));
        peers.disconnect(&id(&silent), DisconnectReason::TimedOut, &mut actions);
        peers.disconnected(now, &id(&silent), &mut actions);
    }
    assert_eq!(peers.addresses.len(), 1);
}
