//! Two networks on loopback, and strangers: connections that are made, kept and refused.

use std::time::Duration;

use cairn_protocol::message::{Goodbye, Message};
use tokio::io::AsyncWriteExt;

use super::*;

const LONG: Duration = Duration::from_secs(30);

/// A network, and its active connection.
struct Side {
    network: Network,
    active: Option<(PeerHandle, Direction)>,
    _stop: tokio_util::sync::DropGuard,
}

impl Side {
    fn new() -> Self {
        let stop = CancellationToken::new();
        let listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        let (network, _) = start(&Keypair::generate_ed25519(), listen, 10, stop.clone()).expect("it listens");
        Self { network, active: None, _stop: stop.drop_guard() }
    }

    fn address(&self) -> PeerAddress {
        PeerAddress::new(self.network.listen.expect("it listens"))
    }

    async fn command(&self, command: NetworkCommand) {
        self.network.commands.send(command).await.expect("the swarm runs");
    }

    /// The next event; keeps account of the connection as the driver does.
    async fn next(&mut self) -> PeerEvent {
        let event = tokio::time::timeout(LONG, self.network.events.recv()).await.expect("in time");
        let event = event.expect("the swarm runs");
        match &event {
            PeerEvent::Connected { handle, direction, .. } => {
                assert!(
                    self.active.is_none(),
                    "notified of a connection before the end of the one it replaces"
                );
                self.active = Some((handle.clone(), *direction));
            }
            PeerEvent::Disconnected { connection, .. }
                if self.active.as_ref().is_some_and(|(handle, _)| handle.connection == *connection) =>
            {
                self.active = None;
            }
            _ => {}
        }
        event
    }

    async fn connected(&mut self) -> PeerHandle {
        loop {
            if let PeerEvent::Connected { handle, .. } = self.next().await {
                return handle;
            }
        }
    }

    async fn received(&mut self) -> Message {
        loop {
            if let PeerEvent::Received { message, .. } = self.next().await {
                return message;
            }
        }
    }

    async fn disconnected(&mut self) {
        while self.active.is_some() {
            self.next().await;
        }
    }
}

async fn connected_pair() -> (Side, Side) {
    let (mut one, mut two) = (Side::new(), Side::new());
    one.command(NetworkCommand::Dial(two.address())).await;
    one.connected().await;
    two.connected().await;
    (one, two)
}

/// The first message must fit the small frame, like a `Hello`.
fn send(side: &Side, message: Message) {
    side.active.as_ref().expect("connected").0.send(message);
}

#[tokio::test]
async fn two_nodes_connect_and_receive_each_others_messages() {
    let (mut one, mut two) = connected_pair().await;
    let (handle, direction) = one.active.clone().expect("connected");
    assert_eq!((handle.peer, direction), (two.network.own, Direction::Outbound));
    send(&one, Message::Ping { nonce: 1 });
    assert_eq!(two.received().await, Message::Ping { nonce: 1 });
    send(&two, Message::Pong { nonce: 1 });
    assert_eq!(one.received().await, Message::Pong { nonce: 1 });
    assert!(one.network.traffic.sent() == 13 && one.network.traffic.received() == 13);
}

#[tokio::test]
async fn on_a_slow_link_nothing_arrives_before_its_time_and_everything_in_its_order() {
    let (one, mut two) = connected_pair().await;
    let delay = Duration::from_millis(200);
    one.network.delays.set(delay);
    let begun = std::time::Instant::now();
    send(&one, Message::Ping { nonce: 1 });
    tokio::time::sleep(delay / 2).await;
    send(&one, Message::Ping { nonce: 2 });
    assert_eq!(two.received().await, Message::Ping { nonce: 1 });
    assert!(begun.elapsed() >= delay);
    assert_eq!(two.received().await, Message::Ping { nonce: 2 });
    assert!(begun.elapsed() >= delay * 3 / 2, "each waits for itself, not for the one before it");
    // What is said without delay does not overtake what still waits.
    send(&one, Message::Ping { nonce: 3 });
    one.network.delays.set(Duration::ZERO);
    send(&one, Message::Ping { nonce: 4 });
    assert_eq!([two.received().await, two.received().await], [3, 4].map(|nonce| Message::Ping { nonce }));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_dial_each_other_at_once_end_with_the_same_one_connection() {
    for _ in 0..50 {
        let (mut one, mut two) = (Side::new(), Side::new());
        one.command(NetworkCommand::Dial(two.address())).await;
        two.command(NetworkCommand::Dial(one.address())).await;
        let (first, second) =
            if one.network.own < two.network.own { (&mut one, &mut two) } else { (&mut two, &mut one) };
        // The smaller identity's connection is the one that stays; both come to stand on it.
        while !matches!(&first.active, Some((_, Direction::Outbound))) {
            first.next().await;
        }
        while !matches!(&second.active, Some((_, Direction::Inbound))) {
            second.next().await;
        }
        send(first, Message::Ping { nonce: 2 });
        assert_eq!(second.received().await, Message::Ping { nonce: 2 });
        send(second, Message::Pong { nonce: 2 });
        assert_eq!(first.received().await, Message::Pong { nonce: 2 });
    }
}

#[tokio::test]
async fn messages_before_a_disconnect_arrive() {
    let (mut one, mut two) = connected_pair().await;
    send(&one, Message::Goodbye(Goodbye::Leaving));
    one.active.as_ref().expect("connected").0.disconnect();
    assert_eq!(two.received().await, Message::Goodbye(Goodbye::Leaving));
    two.disconnected().await;
    one.disconnected().await;
}

#[tokio::test]
async fn a_partition_ends_the_connection_and_keeps_either_side_from_dialing() {
    let (mut one, mut two) = connected_pair().await;
    one.command(NetworkCommand::Block([two.network.own].into())).await;
    two.command(NetworkCommand::Block([one.network.own].into())).await;
    one.disconnected().await;
    two.disconnected().await;
    one.command(NetworkCommand::Dial(two.address())).await;
    while !matches!(one.next().await, PeerEvent::DialFailed { .. }) {}
    one.command(NetworkCommand::Block(BTreeSet::new())).await;
    two.command(NetworkCommand::Block(BTreeSet::new())).await;
    two.command(NetworkCommand::Dial(one.address())).await;
    one.connected().await;
    two.connected().await;
}

#[tokio::test]
async fn a_dial_to_nobody_fails_and_one_to_ourselves_is_recognised() {
    let mut one = Side::new();
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let nobody = PeerAddress::new(held.local_addr().expect("bound"));
    drop(held);
    one.command(NetworkCommand::Dial(nobody)).await;
    assert!(
        matches!(one.next().await, PeerEvent::DialFailed { address, reason } if reason.contains("refused") && address == nobody)
    );
    let own = one.address();
    one.command(NetworkCommand::Dial(own)).await;
    assert!(matches!(one.next().await, PeerEvent::DialedSelf { address } if address == own));
}

#[tokio::test]
async fn a_port_in_use_is_told_with_what_to_do() {
    let one = Side::new();
    let stop = CancellationToken::new();
    let error =
        start(&Keypair::generate_ed25519(), one.network.listen, 10, stop).err().expect("it is in use");
    assert!(error.to_string().contains("choose another port"), "{error}");
}

#[tokio::test]
async fn strangers_that_send_noise_or_half_a_handshake_disturb_nobody() {
    let (mut one, mut two) = connected_pair().await;
    let mut strangers = Vec::new();
    for start in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 5000], b"\x13/multistream/1.0.0\n", b"", &[0]] {
        let mut stranger = tokio::net::TcpStream::connect(one.address().socket()).await.expect("it accepts");
        let _ = stranger.write_all(start).await;
        strangers.push(stranger);
    }
    send(&two, Message::Ping { nonce: 3 });
    assert_eq!(one.received().await, Message::Ping { nonce: 3 });
    send(&one, Message::Pong { nonce: 3 });
    assert_eq!(two.received().await, Message::Pong { nonce: 3 });
}

#[tokio::test]
async fn before_the_first_message_a_frame_may_only_be_small() {
    let (one, mut two) = connected_pair().await;
    send(&one, Message::Headers(Vec::new()));
    send(&one, Message::GetBlocks(vec![cairn_core::hash::BlockHash::ZERO; 128]));
    assert_eq!(two.received().await, Message::Headers(Vec::new()));
    assert!(matches!(two.received().await, Message::GetBlocks(hashes) if hashes.len() == 128));

    let (one, mut two) = connected_pair().await;
    send(&one, Message::GetBlocks(vec![cairn_core::hash::BlockHash::ZERO; 128]));
    loop {
        match two.next().await {
            PeerEvent::Malformed { .. } => break,
            PeerEvent::Received { message, .. } => panic!("heard {message:?}"),
            _ => {}
        }
    }
    two.disconnected().await;
}
