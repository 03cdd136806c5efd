//! What a peer may send without harming a node: anything. ATTACKS 17, 24, 29, 37.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use cairn_core::hash::{BlockHash, GenesisHash};
use cairn_daemon::p2p::memory_budget::{LONGEST_UNREQUESTED, MAX_UNREQUESTED_BYTES_IN_ALL};
use cairn_protocol::limits::{MAX_FRAME, MAX_FRAME_BEFORE_HELLO};
use cairn_protocol::message::{Goodbye, Message, PROTOCOL_VERSION, codec};
use cairn_tests::hostile::{Hostile, hello};
use cairn_tests::patience::wait_until;
use cairn_tests::process::{NodeProcess, Options};
use libp2p::identity::Keypair;
use serde_json::json;

fn genesis() -> GenesisHash {
    cairn_genesis::Chain::builtin("regtest").expect("built in").params.genesis_hash
}

/// A node under attack, and an honest one that must stay connected to it throughout.
struct Pair {
    attacked: NodeProcess,
    honest: NodeProcess,
}

impl Pair {
    fn start() -> Self {
        let attacked = NodeProcess::start(Options::default());
        let honest = NodeProcess::start(Options::connected_to(&[&attacked]));
        wait_until("the honest peer is connected", || attacked.peers() == 1);
        Self { attacked, honest }
    }

    fn address(&self) -> SocketAddr {
        self.attacked.peer_address()
    }

    /// The node still works: it makes a block, and its honest peer has it.
    #[track_caller]
    fn is_unharmed(&self) {
        let address =
            cairn_genesis::Chain::builtin("regtest").expect("built in").definition.premine[0].address.clone();
        self.attacked.call("generatetoaddress", json!([1, address]));
        self.honest.wait_for_tip(&self.attacked.tip());
        assert_eq!(self.honest.peers(), 1);
    }

    fn bans(&self) -> usize {
        self.attacked.call("listbanned", json!([])).as_array().expect("a list").len()
    }
}

/// After a proper greeting, `attack` must end the connection with a word about misconduct, and ban.
fn is_banned_for(attack: impl FnOnce(&mut Hostile)) {
    let pair = Pair::start();
    let keypair = Keypair::generate_ed25519();
    let mut peer = Hostile::try_connect_as(&keypair, pair.address()).expect("a stranger is let in");
    peer.say(&Message::Hello(Box::new(hello(genesis()))));
    attack(&mut peer);
    let said = peer.hear_out();
    assert_eq!(said.last(), Some(&Message::Goodbye(Goodbye::Misbehavior)), "{said:?}");
    assert_eq!(pair.bans(), 1);
    // It may come again as often as it likes: no word is exchanged.
    if let Some(mut again) = Hostile::try_connect_as(&keypair, pair.address()) {
        assert!(!again.hear_out().iter().any(|message| matches!(message, Message::Hello(_))));
    }
    // Its neighbours on the same host are not taken for it.
    let _neighbour = Hostile::greet(pair.address(), genesis());
    pair.is_unharmed();
}

#[test]
fn a_message_of_no_known_kind_bans_its_sender_alone() {
    is_banned_for(|peer| peer.send_frame(&[0xff, 1, 2, 3]));
}

#[test]
fn a_message_that_does_not_decode_bans_its_sender_alone() {
    is_banned_for(|peer| peer.send_frame(&[9, 1, 2, 3]));
}

#[test]
fn an_empty_message_bans_its_sender_alone() {
    is_banned_for(|peer| peer.send_frame(&[]));
}

#[test]
fn a_message_with_bytes_left_over_bans_its_sender_alone() {
    is_banned_for(|peer| peer.send_frame(&[codec::encode(&Message::GetPeers), vec![0]].concat()));
}

#[test]
fn a_frame_that_announces_too_much_bans_its_sender_before_a_byte_of_it_is_read() {
    let length = u32::try_from(MAX_FRAME + 1).expect("it fits");
    is_banned_for(|peer| peer.send(&length.to_le_bytes()));
}

#[test]
fn a_count_that_lies_bans_its_sender_and_takes_no_memory() {
    let lie = [&[8][..], &u64::MAX.to_le_bytes()].concat();
    is_banned_for(|peer| peer.send_frame(&lie));
}

#[test]
fn a_second_hello_bans_its_sender_alone() {
    is_banned_for(|peer| peer.say(&Message::Hello(Box::new(hello(genesis())))));
}

#[test]
fn a_stranger_that_does_not_greet_first_is_sent_away() {
    let pair = Pair::start();
    let mut peer = Hostile::connect(pair.address());
    peer.say(&Message::GetPeers);
    let said = peer.hear_out();
    assert_eq!(said.last(), Some(&Message::Goodbye(Goodbye::Misbehavior)), "{said:?}");
    pair.is_unharmed();
}

#[test]
fn a_stranger_may_send_no_more_than_a_hello_needs() {
    let pair = Pair::start();
    let mut peer = Hostile::connect(pair.address());
    let length = u32::try_from(MAX_FRAME_BEFORE_HELLO + 1).expect("it fits");
    peer.send(&length.to_le_bytes());
    let said = peer.hear_out();
    assert_eq!(said.last(), Some(&Message::Goodbye(Goodbye::Misbehavior)), "{said:?}");
    pair.is_unharmed();
}

#[test]
fn a_peer_of_another_chain_is_told_so_and_disconnected_but_not_banned() {
    let pair = Pair::start();
    let mut peer = Hostile::connect(pair.address());
    peer.say(&Message::Hello(Box::new(hello(GenesisHash::from_bytes([7; 32])))));
    let said = peer.hear_out();
    assert_eq!(said.last(), Some(&Message::Goodbye(Goodbye::OtherChain { ours: genesis() })), "{said:?}");
    assert_eq!(pair.bans(), 0);
    pair.is_unharmed();
}

/// What a stranger with this first frame is told last; it may come again at once.
fn farewell_to(frame: &[u8]) -> Option<Message> {
    let pair = Pair::start();
    let keypair = Keypair::generate_ed25519();
    let mut peer = Hostile::try_connect_as(&keypair, pair.address()).expect("a stranger is let in");
    peer.send_frame(frame);
    let said = peer.hear_out();
    assert_eq!(pair.bans(), 0, "{said:?}");
    let mut again = Hostile::try_connect_as(&keypair, pair.address()).expect("it is let in again");
    assert!(matches!(again.hear(), Some(Message::Hello(_))), "and greeted");
    pair.is_unharmed();
    said.last().cloned()
}

/// A Hello that has version and genesis at their place and another layout after them.
fn hello_of_another_layout(version: u32, genesis: GenesisHash) -> Vec<u8> {
    [&[0][..], &version.to_le_bytes(), genesis.as_bytes(), &[0xff; 500]].concat()
}

#[test]
fn a_peer_of_a_later_version_is_told_ours_whatever_its_hello_holds_and_not_banned() {
    let goodbye = farewell_to(&hello_of_another_layout(PROTOCOL_VERSION + 1, genesis()));
    assert_eq!(goodbye, Some(Message::Goodbye(Goodbye::OtherVersion { ours: PROTOCOL_VERSION })));
}

#[test]
fn a_peer_of_another_chain_is_told_ours_whatever_its_hello_holds_and_not_banned() {
    let goodbye = farewell_to(&hello_of_another_layout(PROTOCOL_VERSION, GenesisHash::from_bytes([7; 32])));
    assert_eq!(goodbye, Some(Message::Goodbye(Goodbye::OtherChain { ours: genesis() })));
}

#[test]
fn a_goodbye_with_a_reason_of_a_later_version_bans_nobody() {
    let goodbye = farewell_to(&[&[1][..], &6u32.to_le_bytes(), b"come back tomorrow"].concat());
    assert!(!matches!(goodbye, Some(Message::Goodbye(_))), "it is not answered: {goodbye:?}");
}

#[test]
fn a_hello_of_our_version_and_chain_with_bytes_left_over_is_sent_away() {
    let pair = Pair::start();
    let mut peer = Hostile::connect(pair.address());
    let hello = codec::encode(&Message::Hello(Box::new(hello(genesis()))));
    peer.send_frame(&[hello, vec![0]].concat());
    assert_eq!(peer.hear_out().last(), Some(&Message::Goodbye(Goodbye::Misbehavior)));
    assert_eq!(pair.bans(), 1);
}

#[test]
fn half_a_message_is_waited_for_and_holds_up_nobody() {
    let pair = Pair::start();
    let mut halves: Vec<Hostile> = (0..8).map(|_| Hostile::greet(pair.address(), genesis())).collect();
    for half in &mut halves {
        half.send(&u32::try_from(MAX_FRAME).expect("it fits").to_le_bytes());
        half.send(&[9; 1000]);
    }
    pair.is_unharmed();
    drop(halves);
    wait_until("only the honest peer is left", || pair.attacked.peers() == 1);
    assert_eq!(pair.bans(), 0);
    pair.is_unharmed();
}

#[test]
fn strangers_on_plain_tcp_harm_nothing() {
    let pair = Pair::start();
    let garbage = [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0xff; 100_000],
        b"\x13/multistream/1.0.0\n\x07/noise\n",
        &[0; 3],
        b"",
    ];
    let strangers: Vec<TcpStream> = garbage
        .iter()
        .cycle()
        .take(40)
        .map(|bytes| {
            let mut stranger = TcpStream::connect(pair.address()).expect("the system takes the connection");
            // The node may hang up while we write.
            let _ = stranger.write_all(bytes);
            stranger
        })
        .collect();
    pair.is_unharmed();
    drop(strangers);
    pair.is_unharmed();
}

#[test]
fn a_peer_that_asks_much_and_reads_nothing_is_cut_off_and_costs_little_memory() {
    let pair = Pair::start();
    let address =
        cairn_genesis::Chain::builtin("regtest").expect("built in").definition.premine[0].address.clone();
    pair.attacked.call("generatetoaddress", json!([500, address]));
    let mut peer = Hostile::greet(pair.address(), genesis());
    let question = Message::GetHeaders { locator: vec![BlockHash::from_bytes(*genesis().as_bytes())] };
    // 44 kB of headers for each: 90 MB in all, if the node kept answering.
    for _ in 0..2000 {
        peer.say(&question);
    }
    pair.is_unharmed();
}

/// ATTACKS 24: a frame that never ends takes its memory until the connection closes. 160 MB are sent.
#[test]
fn peers_that_each_send_most_of_a_long_frame_take_a_limited_part_of_memory() {
    let pair = Pair::start();
    let mut halves: Vec<Hostile> = (0..40).map(|_| Hostile::greet(pair.address(), genesis())).collect();
    let most = vec![9; MAX_FRAME - 1];
    for half in &mut halves {
        half.send(&u32::try_from(MAX_FRAME).expect("it fits").to_le_bytes());
        half.send(&most);
    }
    let peers = pair.attacked.call("getpeerinfo", json!([]));
    let held = peers.as_array().expect("a list").iter().filter_map(|peer| peer["memorybytes"].as_u64());
    let (held, limit) = (held.sum::<u64>(), MAX_UNREQUESTED_BYTES_IN_ALL + 40 * LONGEST_UNREQUESTED);
    assert!(held > 0 && held <= limit as u64, "{held} of at most {limit} bytes");
    wait_until("connections were closed", || pair.attacked.peers() < 40);
    pair.is_unharmed();
    assert_eq!(pair.bans(), 0);
}
