//! Methods about connections.

use std::collections::BTreeSet;
use std::time::Duration;

use cairn_protocol::input::PeerCommand;
use cairn_protocol::mempool::policy::{INCREMENTAL_FEE_RATE, MIN_RELAY_FEE_RATE};
use cairn_protocol::message::PROTOCOL_VERSION;
use cairn_protocol::peer::{Direction, PeerAddress, PeerId};
use cairn_protocol::peers::bans::BannedBy;
use cairn_protocol::peers::connection::{Connection, Heartbeat};
use cairn_protocol::peers::handshake::SERVICE_FULL_BLOCKS;
use cairn_protocol::peers::purpose::Purpose;
use serde_json::Value;

use crate::Machine;
use crate::clock;
use crate::handle::ByteCounts;
use crate::p2p::delays::MAX_DELAY;
use crate::rpc::lookup;
use crate::rpc::method::{Code, Coins, Object, Rpc, RpcError, RpcResult, Text, methods, object};
use crate::rpc::params::whole;
use crate::rpc::render::seconds;

methods! { "Network":
    Changes "addnode" ["node", "command"]
        "Dials host:port: \"add\" for ever, \"onetry\" once; \"remove\" ends what \"add\" began." => add_node;
    Changes "clearbanned" [] "Removes every ban." => clear_banned;
    Changes "disconnectnode" ["address", "nodeid"]
        "Disconnects one peer, given by address, by id, or by its 64-digit peer id." => disconnect_node;
    Reads "getaddednodeinfo" ["node"]
        "Addresses that were added, and whether each is connected." => get_added_node_info;
    Reads "getconnectioncount" [] "How many peers are connected." => get_connection_count;
    Reads "getnettotals" [] "Bytes sent and received since the node started." => get_net_totals;
    Reads "getnetworkinfo" [] "This node as its peers see it." => get_network_info;
    Reads "getpeerinfo" [] "Every connected peer." => get_peer_info;
    Reads "listbanned" [] "Every ban." => list_banned;
    Changes "ping" [] "Peers are pinged by themselves; getpeerinfo shows the last replies." => ping;
    Changes "setban" ["subnet", "command", "bantime", "absolute"]
        "Bans (\"add\") or pardons (\"remove\") a peer, given by its peer id or by the address it is \
         connected from. Seconds: 86400 by default; absolute means seconds since 1970." => set_ban;
    Changes "setblockedpeers" ["peers"]
        "Cuts this node off from these peer ids, whichever side dials; an empty list heals." => set_blocked_peers;
    Changes "setlinkdelay" ["milliseconds", "peer"]
        "Delays every message of this node to all peers, or to this one, by this time; 0 ends it. At most \
         10000. For devnets, where a slow link is wanted." => set_link_delay;
    Changes "setnetworkactive" ["state"] "Turns every connection off, or on again." => set_network_active;
}

const DEFAULT_BAN: Duration = Duration::from_secs(24 * 60 * 60);

async fn add_node(rpc: Rpc, node: String, command: String) -> RpcResult<()> {
    let address = resolve(&node).await?;
    let is_kept = rpc.query(move |node| node.peers().dialer.kept().any(|(kept, _)| *kept == address)).await?;
    let command = match command.as_str() {
        "onetry" => PeerCommand::TryNode(address),
        "add" if is_kept => return Err(Code::NodeAlreadyAdded.error("Error: Node already added")),
        "add" => PeerCommand::AddNode(address),
        "remove" if is_kept => PeerCommand::RemoveNode(address),
        "remove" => {
            let message = "Error: Node could not be removed. It has not been added previously.";
            return Err(Code::NodeNotAdded.error(message));
        }
        other => return Err(unknown_command(other, "add, remove or onetry")),
    };
    rpc.command(command).await
}

async fn disconnect_node(rpc: Rpc, address: Option<String>, id: Option<Value>) -> RpcResult<()> {
    let wanted = match (address.filter(|text| !text.is_empty()), id) {
        (Some(_), Some(_)) | (None, None) => {
            return Err(Code::InvalidParams.error("Only one of address and nodeid should be provided."));
        }
        (Some(text), None) | (None, Some(Value::String(text))) => text,
        (None, Some(number)) => whole::<u64>("nodeid", &number)?.to_string(),
    };
    let found = rpc.query(move |node| find(node, &wanted)).await?;
    let peer = found.ok_or_else(|| Code::NodeNotConnected.error("Node not found in connected nodes"))?;
    rpc.command(PeerCommand::DisconnectPeer(peer)).await
}

async fn set_ban(
    rpc: Rpc,
    subject: String,
    command: String,
    time: Option<u32>,
    is_absolute: Option<bool>,
) -> RpcResult<()> {
    let now = clock::now();
    let (peer, is_banned) = rpc
        .try_query(move |node| {
            let peer = peer_id(&subject).or_else(|| find(node, &subject)).ok_or_else(|| {
                let message = "Error: Invalid IP/Subnet: bans hold for identities; give a peer id, or the address of a connected peer";
                Code::InvalidIpOrSubnet.error(message)
            })?;
            Ok((peer, node.peers().filter.bans.iter(now).any(|(banned, _)| *banned == peer)))
        })
        .await?;
    match command.as_str() {
        "add" if is_banned => Err(Code::NodeAlreadyAdded.error("Error: IP/Subnet already banned")),
        "add" => {
            let duration = ban_duration(time.unwrap_or(0), is_absolute.unwrap_or(false))?;
            rpc.command(PeerCommand::Ban { peer, duration }).await
        }
        "remove" if !is_banned => {
            let message = "Error: Unban failed. Requested address/subnet was not previously manually banned.";
            Err(Code::InvalidIpOrSubnet.error(message))
        }
        "remove" => rpc.command(PeerCommand::Unban(peer)).await,
        other => Err(unknown_command(other, "add or remove")),
    }
}

/// How long a ban lasts: 0 stands for a day, as in Bitcoin Core.
fn ban_duration(given: u32, is_absolute: bool) -> RpcResult<Duration> {
    if !is_absolute {
        return Ok(if given == 0 { DEFAULT_BAN } else { Duration::from_secs(given.into()) });
    }
    let left = u64::from(given).saturating_sub(seconds(clock::now()));
    match left {
        0 => Err(Code::InvalidParameter.error("Error: Absolute timestamp is in the past")),
        left => Ok(Duration::from_secs(left)),
    }
}

async fn list_banned(rpc: Rpc) -> RpcResult<Vec<Object>> {
    let now = clock::now();
    rpc.query(move |node| {
        let bans = node.peers().filter.bans.iter(now).map(|(peer, ban)| {
            object! {
                "address": ban.host.map_or_else(|| peer.to_string(), |host| host.to_string()),
                "peerid": Text(peer),
                "banned_by": match ban.by {
                    BannedBy::Operator => "operator",
                    BannedBy::Misbehavior => "misbehavior",
                },
                "ban_created": seconds(ban.since),
                "banned_until": seconds(ban.until),
                "ban_duration": ban.until.since(ban.since).as_secs(),
                "time_remaining": ban.until.since(now).as_secs(),
            }
        });
        bans.collect()
    })
    .await
}

async fn clear_banned(rpc: Rpc) -> RpcResult<()> {
    rpc.command(PeerCommand::ClearBans).await
}

async fn set_blocked_peers(rpc: Rpc, peers: Vec<Value>) -> RpcResult<()> {
    let peers = peers.iter().map(|value| required_peer_id(value.as_str().unwrap_or_default(), value));
    rpc.command(PeerCommand::SetBlocked(peers.collect::<RpcResult<BTreeSet<PeerId>>>()?)).await
}

async fn set_link_delay(rpc: Rpc, milliseconds: u64, peer: Option<String>) -> RpcResult<u64> {
    let longest = MAX_DELAY.as_millis() as u64;
    if milliseconds > longest {
        return Err(Code::InvalidParameter.error(format!("a link is delayed by at most {longest} ms")));
    }
    let (delays, delay) = (rpc.node()?.delays(), Duration::from_millis(milliseconds));
    match peer {
        None => delays.set(delay),
        Some(text) => delays.set_for(required_peer_id(&text, &text)?, delay),
    }
    Ok(milliseconds)
}

async fn set_network_active(rpc: Rpc, is_active: bool) -> RpcResult<bool> {
    rpc.command(PeerCommand::SetNetworkActive(is_active)).await?;
    Ok(is_active)
}

async fn ping(rpc: Rpc) -> RpcResult<()> {
    rpc.node().map(|_| ())
}

async fn get_connection_count(rpc: Rpc) -> RpcResult<usize> {
    rpc.query(|node| node.peers().ready().count()).await
}

async fn get_added_node_info(rpc: Rpc, wanted: Option<String>) -> RpcResult<Vec<Object>> {
    let is_one = wanted.is_some();
    let shown: Vec<Object> = rpc
        .query(move |node| {
            let kept = node.peers().dialer.kept();
            let kept = kept.map(|(address, is_connected)| (address.to_string(), is_connected));
            let kept = kept.filter(|(address, _)| wanted.as_ref().is_none_or(|wanted| address == wanted));
            let shown = kept.map(|(address, is_connected)| {
                let open = is_connected.then(|| object! { "address": address, "connected": "outbound" });
                object! {
                    "addednode": address,
                    "connected": is_connected,
                    "addresses": open.into_iter().collect::<Vec<_>>(),
                }
            });
            shown.collect()
        })
        .await?;
    if shown.is_empty() && is_one {
        return Err(Code::NodeNotAdded.error("Error: Node has not been added."));
    }
    Ok(shown)
}

async fn get_peer_info(rpc: Rpc) -> RpcResult<Vec<Object>> {
    let handle = rpc.node()?.clone();
    rpc.query(move |node| {
        let peers = node.peers().ready();
        peers.map(|peer| peer_object(peer, handle.peer_traffic(&peer.peer))).collect()
    })
    .await
}

fn peer_object(connection: &Connection, bytes: Option<ByteCounts>) -> Object {
    let mut peer = object! {
        "id": short_id(&connection.peer),
        "peerid": Text(connection.peer),
        "addr": Text(connection.address),
        "network": if connection.address.socket().is_ipv4() { "ipv4" } else { "ipv6" },
        "services": format!("{:016x}", connection.hello().map_or(0, |hello| hello.services)),
        "relaytxes": connection.relays_transactions(),
        "lastrecv": seconds(connection.last_received),
        "last_block": connection.last_block.map_or(0, seconds),
        "conntime": seconds(connection.since),
        "timeoffset": 0,
    };
    if let Some(bytes) = bytes {
        peer.put("bytesrecv", &bytes.received);
        peer.put("bytessent", &bytes.sent);
        peer.put("memorybytes", &bytes.held.total());
    }
    if let Some(ping) = connection.ping {
        peer.put("pingtime", &ping.as_secs_f64());
    }
    if let Some(ping) = connection.min_ping {
        peer.put("minping", &ping.as_secs_f64());
    }
    if let Heartbeat::AwaitingPong { since, .. } = connection.heartbeat {
        peer.put("pingwait", &clock::now().since(since).as_secs_f64());
    }
    if let Some(hello) = connection.hello() {
        peer.put("version", &hello.protocol_version);
        peer.put("subver", &hello.user_agent);
        peer.put("startingheight", &hello.height);
        peer.put("startinghash", &hello.tip);
    }
    let is_inbound = connection.direction == Direction::Inbound;
    peer.put("inbound", &is_inbound);
    let kind = match (connection.direction, connection.purpose) {
        (Direction::Inbound, _) => "inbound",
        (Direction::Outbound, Purpose::Full) => "outbound-full-relay",
        (Direction::Outbound, Purpose::BlocksOnly) => "block-relay-only",
        (Direction::Outbound, Purpose::Feeler) => "feeler",
    };
    peer.put("connection_type", kind);
    peer.put("listens_at", &connection.listens_at().iter().map(Text).collect::<Vec<_>>());
    peer.put("transport_protocol_type", "noise");
    peer
}

async fn get_network_info(rpc: Rpc) -> RpcResult<Object> {
    let own = rpc.node()?.peer_id();
    rpc.query(move |node| {
        let peers = node.peers();
        let identity = &peers.identity;
        let inbound = peers.ready().filter(|peer| peer.direction == Direction::Inbound).count();
        let all = peers.ready().count();
        let listen = identity.listen.iter().map(|address| {
            object! { "address": address.socket().ip(), "port": address.socket().port(), "score": 1 }
        });
        object! {
            "version": version_number(),
            "subversion": identity.user_agent,
            "protocolversion": PROTOCOL_VERSION,
            "peerid": Text(own),
            "localservices": format!("{SERVICE_FULL_BLOCKS:016x}"),
            "localservicesnames": ["NETWORK"],
            "localrelay": true,
            "timeoffset": 0,
            "networkactive": peers.filter.is_active,
            "connections": all,
            "connections_in": inbound,
            "connections_out": all - inbound,
            "networks": ["ipv4", "ipv6"].map(network_object),
            "relayfee": Coins(MIN_RELAY_FEE_RATE.per_kilobyte()),
            "incrementalfee": Coins(INCREMENTAL_FEE_RATE.per_kilobyte()),
            "localaddresses": listen.collect::<Vec<_>>(),
            "blockedpeers": peers.filter.blocked.iter().map(Text).collect::<Vec<_>>(),
            "warnings": lookup::warnings(node),
        }
    })
    .await
}

fn network_object(name: &str) -> Object {
    object! {
        "name": name,
        "limited": false,
        "reachable": true,
        "proxy": "",
        "proxy_randomize_credentials": false,
    }
}

async fn get_net_totals(rpc: Rpc) -> RpcResult<Object> {
    let traffic = rpc.node()?.traffic();
    Ok(object! {
        "totalbytesrecv": traffic.received(),
        "totalbytessent": traffic.sent(),
        "timemillis": clock::now(),
    })
}

/// This program's version as Bitcoin Core counts: 1.2.3 is 10203.
fn version_number() -> u32 {
    let parts = env!("CARGO_PKG_VERSION").split('.').filter_map(|part| part.parse::<u32>().ok());
    parts.fold(0, |number, part| number * 100 + part)
}

/// A number for a peer that stays the same in every connection: the first 48 bits of its identity.
fn short_id(peer: &PeerId) -> u64 {
    peer.as_bytes().iter().take(6).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The connected peer with this address, host, number or peer id.
fn find(node: &Machine, wanted: &str) -> Option<PeerId> {
    let is_wanted = |connection: &&Connection| {
        connection.address.to_string() == wanted
            || connection.address.socket().ip().to_string() == wanted
            || short_id(&connection.peer).to_string() == wanted
            || connection.peer.to_string() == wanted
            || connection.listens_at().iter().any(|address| address.to_string() == wanted)
    };
    node.peers().iter().find(is_wanted).map(|connection| connection.peer)
}

fn peer_id(text: &str) -> Option<PeerId> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(PeerId::from_bytes(bytes))
}

fn required_peer_id(text: &str, found: impl std::fmt::Display) -> RpcResult<PeerId> {
    peer_id(text)
        .ok_or_else(|| Code::InvalidParameter.error(format!("a peer id has 64 hex digits (not {found})")))
}

/// The first address of a name and port.
async fn resolve(node: &str) -> RpcResult<PeerAddress> {
    let found = tokio::net::lookup_host(node).await.ok().and_then(|mut found| found.next());
    found.map(PeerAddress::new).ok_or_else(|| {
        Code::InvalidParameter.error(format!("{node:?} is not the address of a node: expected HOST:PORT"))
    })
}

fn unknown_command(found: &str, expected: &str) -> RpcError {
    Code::Misc.error(format!("unknown command {found:?}: expected {expected}"))
}
