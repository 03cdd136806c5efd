//! A transport that gives up pending inbound connections, those whose handshakes are not complete, when there are too
//! many: 128 sockets that send nothing must not lock out newcomers (ATTACKS 28).

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use cairn_genesis::programs::held::held;
use cairn_protocol::peers::network_group::NetworkGroup;
use futures::FutureExt;
use futures::future::{AbortHandle, Abortable, BoxFuture};
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p::multiaddr::Multiaddr;
use libp2p::{PeerId, Transport};

use crate::p2p::group_limit::{GroupLimit, Ticket};
use crate::p2p::transport::to_address;

/// The most inbound connections in the handshake.
const MAX_PENDING_INBOUND: usize = 128;

type Connected = (PeerId, StreamMuxerBox);

/// Another transport, whose pending inbound connections are limited.
pub struct EvictingTransport {
    inner: Boxed<Connected>,
    pending: Arc<Pending>,
}

type Pending = Mutex<GroupLimit<AbortHandle>>;

/// A pending connection, which counts until this is dropped.
struct Counted {
    pending: Arc<Pending>,
    ticket: Ticket,
}

impl Drop for Counted {
    fn drop(&mut self) {
        held(&self.pending).remove(self.ticket);
    }
}

impl EvictingTransport {
    /// Limits the pending inbound connections of a transport.
    pub fn new(inner: Boxed<Connected>) -> Self {
        Self { inner, pending: Arc::new(Mutex::new(GroupLimit::new(MAX_PENDING_INBOUND))) }
    }

    /// Counts the handshakes of a connection from this address while they last.
    fn limit(
        &self,
        from: &Multiaddr,
        upgrade: <Boxed<Connected> as Transport>::ListenerUpgrade,
    ) -> BoxFuture<'static, io::Result<Connected>> {
        let Some(address) = to_address(from) else { return upgrade.boxed() };
        let (abort, registration) = AbortHandle::new_pair();
        let group = NetworkGroup::of_host(address.socket().ip());
        let pending = self.pending.clone();
        let (ticket, evicted) = held(&pending).add(group, abort);
        if let Some(evicted) = evicted {
            evicted.abort();
        }
        let upgrade = Abortable::new(upgrade, registration);
        let counted = Counted { pending, ticket };
        async move {
            let _counted = counted;
            upgrade
                .await
                .unwrap_or_else(|_| Err(io::Error::other("too many connections are in the handshake")))
        }
        .boxed()
    }
}

impl Transport for EvictingTransport {
    type Output = Connected;
    type Error = io::Error;
    type ListenerUpgrade = BoxFuture<'static, io::Result<Connected>>;
    type Dial = <Boxed<Connected> as Transport>::Dial;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<io::Error>> {
        self.inner.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        options: DialOpts,
    ) -> Result<Self::Dial, TransportError<io::Error>> {
        self.inner.dial(address, options)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        Pin::new(&mut self.inner).poll(context).map(|event| match event {
            TransportEvent::Incoming { listener_id, upgrade, local_addr, send_back_addr } => {
                let upgrade = self.limit(&send_back_addr, upgrade);
                TransportEvent::Incoming { listener_id, upgrade, local_addr, send_back_addr }
            }
            event => event.map_upgrade(FutureExt::boxed),
        })
    }
}
