//! The behaviour that gives each connection its one stream: the side that dialled opens it when told
//! to, the other side takes the first that is opened and no more.
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

/// What a connection reports.
#[derive(Debug)]
pub enum Outcome {
    /// The stream is open.
    Open(Stream),
    /// The other side does not speak our protocol, or broke off.
    Refused,
}

/// What happened on which connection.
#[derive(Debug)]
pub struct StreamEvent {
    /// Whose connection.
    pub peer: PeerId,
    /// Which connection.
    pub connection: ConnectionId,
    /// What.
    pub outcome: Outcome,
}

/// The behaviour: it only passes on what handlers and their owner say.
#[derive(Default)]
pub struct OneStream {
    waiting: VecDeque<ToSwarm<StreamEvent, OpenStream>>,
}

/// Tells a connection that we dialled to open its stream.
#[derive(Debug)]
pub struct OpenStream;

impl OneStream {
    /// Opens the stream of a connection that we dialled.
    pub fn open(&mut self, peer_id: PeerId, connection: ConnectionId) {
        let handler = NotifyHandler::One(connection);
        self.waiting.push_back(ToSwarm::NotifyHandler { peer_id, handler, event: OpenStream });
    }
}

impl NetworkBehaviour for OneStream {
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
        Ok(Handler { role: Role::Dialler { must_open: false }, outcome: None })
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, outcome: Outcome) {
        self.waiting.push_back(ToSwarm::GenerateEvent(StreamEvent { peer, connection, outcome }));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<StreamEvent, OpenStream>> {
        // Whoever pushes is polled right after, so no waker is kept.
        self.waiting.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

/// One connection's part.
#[derive(Debug)]
pub struct Handler {
    role: Role,
    outcome: Option<Outcome>,
}

#[derive(Debug)]
enum Role {
    Dialler { must_open: bool },
    Listener { is_taken: bool },
}

/// What the other side may open: our protocol, or nothing.
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
        if let Role::Dialler { must_open } = &mut self.role {
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
        if let Role::Dialler { must_open } = &mut self.role
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
