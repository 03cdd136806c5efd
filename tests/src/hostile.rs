//! A peer that says whatever the test wants: the transport's handshake is done properly, what goes
//! over the stream afterwards is the test's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cairn_core::hash::{BlockHash, GenesisHash};
use cairn_core::height::Height;
use cairn_core::transaction::Transaction;
use cairn_core::work::Work;
use cairn_daemon::p2p::stream::{push_frame, read_frame};
use cairn_daemon::p2p::stream_behaviour::{Outcome, StreamBehaviour, StreamEvent};
use cairn_daemon::p2p::transport;
use cairn_protocol::limits::MAX_FRAME;
use cairn_protocol::message::{Hello, Message, PROTOCOL_VERSION, codec};
use futures::{AsyncWriteExt, StreamExt};
use libp2p::identity::Keypair;
use libp2p::swarm::SwarmEvent;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::{Stream, Swarm};
use tokio::runtime::Runtime;

/// How long the node may take to answer or to hang up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to a node, under the test's control.
pub struct Hostile {
    runtime: Runtime,
    stream: Stream,
    /// The number of pings so far, which are told apart by it.
    pings: u64,
}

impl Hostile {
    /// Connects to a node as somebody new; none if the node hangs up before a stream is open.
    pub fn try_connect(address: SocketAddr) -> Option<Self> {
        Self::try_connect_as(&Keypair::generate_ed25519(), address)
    }

    /// Connects to a node with this identity; none if the node hangs up before a stream is open.
    ///
    /// # Panics
    /// When this machine cannot do its part.
    pub fn try_connect_as(keypair: &Keypair, address: SocketAddr) -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        let stream = runtime.block_on(async {
            let transport = transport::build(keypair).expect("the key is fresh");
            let config = libp2p::swarm::Config::with_tokio_executor();
            let id = keypair.public().to_peer_id();
            let mut swarm = Swarm::new(transport, StreamBehaviour::default(), id, config);
            let dial =
                DialOpts::unknown_peer_id().address(transport::to_multiaddr(address)).allocate_new_port();
            swarm.dial(dial.build()).expect("one address is not too many");
            let stream = tokio::time::timeout(PATIENCE, open(&mut swarm)).await.expect("in time")?;
            // The connection lives as long as somebody works its swarm.
            tokio::spawn(async move { while swarm.next().await.is_some() {} });
            Some(stream)
        });
        Some(Self { stream: stream?, runtime, pings: 0 })
    }

    /// Connects to a node as somebody new.
    ///
    /// # Panics
    /// When the node does not let it.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).expect("the node lets a stranger in")
    }

    /// Connects and exchanges proper greetings on this chain.
    ///
    /// # Panics
    /// When the node does not greet back.
    #[track_caller]
    pub fn greet(address: SocketAddr, genesis: GenesisHash) -> Self {
        let mut peer = Self::connect(address);
        peer.say(&Message::Hello(Box::new(hello(genesis))));
        assert!(matches!(peer.hear(), Some(Message::Hello(_))), "the node greets first");
        peer
    }

    /// As [`Self::greet`]; none if the node does not let it, or hangs up.
    pub fn try_greet(address: SocketAddr, genesis: GenesisHash) -> Option<Self> {
        let mut peer = Self::try_connect(address)?;
        peer.say(&Message::Hello(Box::new(hello(genesis))));
        matches!(peer.hear(), Some(Message::Hello(_))).then_some(peer)
    }

    /// Sends bytes as they are. That the node has hung up already is no error of the test's.
    pub fn send(&mut self, bytes: &[u8]) {
        let sending = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        let _ = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, sending).await });
    }

    /// Sends bytes as a frame.
    pub fn send_frame(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).expect("frames of tests are short");
        self.send(&[&length.to_le_bytes(), bytes].concat());
    }

    /// Says something proper.
    pub fn say(&mut self, message: &Message) {
        let mut bytes = Vec::new();
        push_frame(&mut bytes, message);
        self.send(&bytes);
    }

    /// The next message of the node; none when it has hung up.
    ///
    /// # Panics
    /// When it does neither, or says what is no message.
    #[track_caller]
    pub fn hear(&mut self) -> Option<Message> {
        let reading =
            async { tokio::time::timeout(PATIENCE, read_frame(&mut self.stream, MAX_FRAME, |_| ())).await };
        let frame = self.runtime.block_on(reading).expect("the node speaks or hangs up");
        frame.ok().flatten().map(|frame| codec::decode(&frame).expect("the node speaks properly"))
    }

    /// Waits until the node has handled all that was said; returns what it says meanwhile.
    ///
    /// # Panics
    /// When it hangs up.
    #[track_caller]
    pub fn catch_up(&mut self) -> Vec<Message> {
        self.pings += 1;
        let (nonce, mut heard) = (self.pings, Vec::new());
        self.say(&Message::Ping { nonce });
        loop {
            match self.hear().expect("the node keeps the connection") {
                Message::Pong { nonce: last } if last == nonce => return heard,
                message => heard.push(message),
            }
        }
    }

    /// Announces transactions and delivers them in one message, without waiting until they are requested.
    pub fn push(&mut self, transactions: Vec<Arc<Transaction>>) {
        let ids = transactions.iter().map(|transaction| transaction.txid()).collect();
        self.say(&Message::AnnounceTransactions(ids));
        self.say(&Message::Transactions(transactions));
    }

    /// Everything that the node still says before it hangs up.
    ///
    /// # Panics
    /// When it does not hang up.
    #[track_caller]
    pub fn hear_out(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.hear()).collect()
    }
}

/// A greeting that no node objects to: somebody new who knows of nothing but genesis.
pub fn hello(genesis: GenesisHash) -> Hello {
    Hello {
        protocol_version: PROTOCOL_VERSION,
        genesis,
        services: 0,
        tip: BlockHash::from_bytes(*genesis.as_bytes()),
        height: Height::GENESIS,
        work: Work::ZERO,
        user_agent: "/hostile/".into(),
        listen: Vec::new(),
        nonce: 0x6d61_6c69_6365,
    }
}

/// Works the swarm until the stream is open; none if the connection ends before.
async fn open(swarm: &mut Swarm<StreamBehaviour>) -> Option<Stream> {
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, .. } => {
                swarm.behaviour_mut().open(peer_id, connection_id);
            }
            SwarmEvent::Behaviour(StreamEvent { outcome: Outcome::Open(stream), .. }) => return Some(stream),
            SwarmEvent::Behaviour(StreamEvent { outcome: Outcome::Refused, .. })
            | SwarmEvent::OutgoingConnectionError { .. }
            | SwarmEvent::ConnectionClosed { .. } => return None,
            _ => {}
        }
    }
}
