//! Outbound peers: of which network groups they are, and what a restart keeps.

use cairn_core::hash::{BlockHash, GenesisHash};
use cairn_core::height::Height;
use cairn_core::work::Work;

use super::*;
use crate::limits::{ADDRESS_BURST, FAILURE_INTERVAL};
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
    let key = AddressKey::new([seed, 0]);
    Peers::new(own, identity, LIMITS, None, &[], key, Random::derive(seed, 0))
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
            if let Action::Disconnect { peer } = action {
                peers.disconnected(now, &peer, &mut actions);
            }
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

/// Connects an inbound peer that says where it listens, and lets the node request addresses of it.
fn visit(
    peers: &mut Peers,
    now: Timestamp,
    peer: PeerId,
    from: PeerAddress,
    listen: Vec<PeerAddress>,
) -> bool {
    let tip = ChainTip { hash: BlockHash::ZERO, height: Height::GENESIS, work: Work::ZERO };
    let mut actions = Vec::new();
    peers.connected(now, peer, Direction::Inbound, from, tip, &mut actions);
    let hello = Hello { listen, nonce: 99, ..peers.identity.hello(tip, Purpose::Full) };
    assert!(peers.received_hello(now, peer, hello, &mut actions));
    peers.wake(now, &mut actions);
    actions.iter().any(|action| matches!(action, Action::Send { message: Message::GetPeers, .. }))
}

/// CVE-2024-52919: a peer once named eight addresses in each of its connections, and 256 when it was asked.
#[test]
fn identities_without_limit_in_one_network_name_few_addresses_a_minute() {
    let (mut peers, mut now, mut hosts, mut requests) = (peers(1), NOW, 0u16.., 0);
    let mut next = |count: usize| -> Vec<PeerAddress> {
        let hosts = hosts.by_ref().take(count);
        hosts.map(|host| address(u8::try_from(host % 100).expect("below 256"), host)).collect()
    };
    for minute in 0..3 {
        for number in 0..200u8 {
            let (peer, from) = (PeerId::from_bytes([number; 32]), address(200, u16::from(number)));
            if visit(&mut peers, now, peer, from, next(8)) {
                requests += 1;
                peers.received_addresses(now, peer, &next(256));
            }
            peers.disconnected(now, &peer, &mut Vec::new());
        }
        let known = peers.addresses.len();
        assert!(known <= ADDRESS_BURST as usize + 6 * minute, "{known} after {minute} minutes");
        now = now.saturating_add(Duration::from_secs(60));
    }
    assert!(requests > 0 && peers.addresses.len() > ADDRESS_BURST as usize / 2);
    let known = peers.addresses.len();
    visit(&mut peers, now, PeerId::from_bytes([250; 32]), address(150, 9), vec![address(150, 1)]);
    assert_eq!(peers.addresses.len(), known + 1, "another network is heard");
}

/// A node that found nothing but its anchors after a restart once relayed no transaction and asked for no address.
#[test]
fn a_node_that_finds_its_anchors_alone_gets_a_full_peer() {
    let (mut peers, anchors) = (peers(1), vec![address(1, 1), address(2, 1)]);
    // Those that it knows besides are offline, and dialed again and again.
    (10..30).for_each(|group| {
        peers.addresses.succeeded(NOW, address(group, 1), |_| false);
    });
    let saved = SavedPeers { anchors: anchors.clone(), ..peers.saved(NOW) };
    peers.restore(saved);
    let is_up = |address: &PeerAddress| anchors.contains(address);
    dial_all(&mut peers, NOW, is_up);
    let [full, blocks_only] = [Purpose::Full, Purpose::BlocksOnly].map(|purpose| outbound(&peers, purpose));
    assert_eq!((full.len(), blocks_only.len()), (1, 1));
    assert!(full.iter().chain(&blocks_only).all(is_up));
    assert!(peers.ready().any(|one| one.requested_addresses.is_some()));
    dial_all(&mut peers, NOW.saturating_add(Duration::from_secs(600)), is_up);
    assert_eq!(outbound(&peers, Purpose::Full), full, "and keeps it, with the other one");
    assert_eq!(outbound(&peers, Purpose::BlocksOnly), blocks_only);
}

/// While a connection was closing, another was once dialed for its slot, and one more when its address was dialed again.
#[test]
fn a_connection_that_is_closing_keeps_its_slot() {
    let mut peers = peers(1);
    (2..40).for_each(|group| {
        peers.addresses.add(address(group, 1), None);
    });
    dial_all(&mut peers, NOW, |_| true);
    let now = NOW.saturating_add(Duration::from_secs(100));
    for purpose in [Purpose::Full, Purpose::BlocksOnly] {
        let address = outbound(&peers, purpose)[0];
        peers.disconnect(&id(&address), DisconnectReason::TimedOut, &mut Vec::new());
        let mut actions = Vec::new();
        peers.next_feeler = now.saturating_add(Duration::from_secs(1));
        peers.wake(now, &mut actions);
        assert!(actions.is_empty(), "{purpose:?}: {actions:?}");
    }
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
        now = now.saturating_add(FAILURE_INTERVAL);
        peers.connected(now, id(&silent), Direction::Outbound, silent, tip, &mut actions);
        now = now.saturating_add(Duration::from_secs(10));
        peers.disconnect(&id(&silent), DisconnectReason::TimedOut, &mut actions);
        peers.disconnected(now, &id(&silent), &mut actions);
    }
    assert_eq!(peers.addresses.len(), 1);
}
