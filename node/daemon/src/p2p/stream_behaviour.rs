//! The libp2p behaviour that gives each connection one stream: the dialer opens it on request, the other side
//! accepts the first that is opened and no more.
//!
//! Why not `libp2p-stream`: see docs/decisions/0006-own-stream-behaviour.md.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::{InboundUpgrade, ReadyUpgrade, UpgradeInfo};
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::handler::{ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour,
    NotifyHandler, SubstreamProtocol, ToSwarm,
};
use libp2p::{PeerId, Stream, StreamProtocol};

/// The name of the protocol, negotiated on each stream.
pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/cairn/1");

/// The outcome of opening the stream of a connection.
#[derive(Debug)]
pub enum Outcome {
    Open(Stream),
    /// The other side does not support the protocol, or disconnected.
    Refused,
}

/// The outcome of a connection.
#[derive(Debug)]
pub struct StreamEvent {
    pub peer: PeerId,
    pub connection: ConnectionId,
    pub outcome: Outcome,
}

/// The behaviour: a queue between handlers and the task that owns the swarm.
#[derive(Default)]
pub struct StreamBehaviour {
    queue: VecDeque<ToSwarm<StreamEvent, OpenStream>>,
}

/// The command to open the stream of a dialed connection.
#[derive(Debug)]
pub struct OpenStream;

impl StreamBehaviour {
    /// Opens the stream of a connection that this node dialed.
    pub fn open(&mut self, peer_id: PeerId, connection: ConnectionId) {
        let handler = NotifyHandler::One(connection);
        self.queue.push_back(ToSwarm::NotifyHandler { peer_id, handler, event: OpenStream });
    }
}

impl NetworkBehaviour for StreamBehaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = StreamEvent;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(Handler { role: Role::Listener { is_taken: false }, outcome: None })
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(Handler { role: Role::Dialer { must_open: false }, outcome: None })
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, outcome: Outcome) {
        self.queue.push_back(ToSwarm::GenerateEvent(StreamEvent { peer, connection, outcome }));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<StreamEvent, OpenStream>> {
        // The swarm polls right after each push, so no waker is kept.
        self.queue.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

/// The part of the behaviour in one connection.
#[derive(Debug)]
pub struct Handler {
    role: Role,
    outcome: Option<Outcome>,
}

#[derive(Debug)]
enum Role {
    Dialer { must_open: bool },
    Listener { is_taken: bool },
}

/// The protocol that the other side may open a stream of, if any.
#[derive(Clone, Debug)]
pub struct Offer(Option<StreamProtocol>);

impl UpgradeInfo for Offer {
    type Info = StreamProtocol;
    type InfoIter = std::option::IntoIter<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl InboundUpgrade<Stream> for Offer {
    type Output = Stream;
    type Error = Infallible;
    type Future = Ready<Result<Stream, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, _: StreamProtocol) -> Self::Future {
        ready(Ok(stream))
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = OpenStream;
    type ToBehaviour = Outcome;
    type InboundProtocol = Offer;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Offer> {
        let is_offered = matches!(self.role, Role::Listener { is_taken: false });
        SubstreamProtocol::new(Offer(is_offered.then_some(PROTOCOL)), ())
    }

    fn on_behaviour_event(&mut self, OpenStream: OpenStream) {
        if let Role::Dialer { must_open } = &mut self.role {
            *must_open = true;
        }
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<ReadyUpgrade<StreamProtocol>, (), Outcome>> {
        if let Some(outcome) = self.outcome.take() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(outcome));
        }
        if let Role::Dialer { must_open } = &mut self.role
            && core::mem::take(must_open)
        {
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ());
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Offer, ReadyUpgrade<StreamProtocol>>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, .. }) => {
                if let Role::Listener { is_taken } = &mut self.role
                    && !core::mem::replace(is_taken, true)
                {
                    self.outcome = Some(Outcome::Open(protocol));
                }
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, .. }) => {
                self.outcome = Some(Outcome::Open(protocol));
            }
            ConnectionEvent::DialUpgradeError(_) => self.outcome = Some(Outcome::Refused),
            _ => {}
        }
    }
}
