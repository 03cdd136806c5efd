//! Methods about connections.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use cairn_protocol::input::PeerCommand;
use cairn_protocol::mempool::policy::{INCREMENTAL_FEE_RATE, MIN_RELAY_FEE_RATE};
use cairn_protocol::message::PROTOCOL_VERSION;
use cairn_protocol::peer::{Direction, PeerAddress, PeerId};
use cairn_protocol::peers::connection::{Connection, Heartbeat};
use cairn_protocol::peers::handshake::SERVICE_FULL_BLOCKS;
use serde_json::Value;

use crate::clock;
use crate::p2p::delays::MAX_DELAY;
use crate::rpc::access::Rpc;
use crate::rpc::error::{Code, RpcError, RpcResult};
use crate::rpc::json::{Coins, Object, Text, json, object, reply};
use crate::rpc::lookup;
use crate::rpc::method::methods;
use crate::rpc::params::{Kind, Params, optional, required, whole};
use crate::rpc::render::seconds;

methods! { "Network":
    "addnode" [required("node", Kind::Text), required("command", Kind::Text)]
        "Dials host:port: \"add\" for ever, \"onetry\" once; \"remove\" ends what \"add\" began." => add_node;
    "clearbanned" [] "Forgets every ban." => clear_banned;
    "disconnectnode" [optional("address", Kind::Text), optional("nodeid", Kind::Any)]
        "Hangs up on one peer, given by address, by id, or by its 64-digit peer id." => disconnect_node;
    "getaddednodeinfo" [optional("node", Kind::Text)]
        "Addresses that were added, and whether each is connected." => get_added_node_info;
    "getconnectioncount" [] "How many peers are connected." => get_connection_count;
    "getnettotals" [] "Bytes sent and received since the node started." => get_net_totals;
    "getnetworkinfo" [] "This node as its peers see it." => get_network_info;
    "getpeerinfo" [] "Every connected peer." => get_peer_info;
    "listbanned" [] "Every ban." => list_banned;
    "ping" [] "Peers are pinged by themselves; getpeerinfo shows the last answers." => ping;
    "setban" [
        required("subnet", Kind::Text),
        required("command", Kind::Text),
        optional("bantime", Kind::Number),
        optional("absolute", Kind::Flag),
    ] "Bans (\"add\") or pardons (\"remove\") a peer, given by its peer id or by the address it is \
       connected from. Seconds: 86400 unless told; absolute means seconds since 1970." => set_ban;
    "setblockedpeers" [required("peers", Kind::List)]
        "Cuts this node off from these peer ids, whoever dials; an empty list heals." => set_blocked_peers;
    "setlinkdelay" [required("milliseconds", Kind::Number), optional("peer", Kind::Text)]
        "Holds back everything that this node says to all peers, or to this one, for so long; 0 ends \
         it. At most 10000. For devnets, where a slow link is wanted." => set_link_delay;
    "setnetworkactive" [required("state", Kind::Flag)]
        "Turns every connection off, or on again." => set_network_active;
}

const DEFAULT_BAN: Duration = Duration::from_secs(24 * 60 * 60);

async fn add_node(rpc: Rpc, params: Params) -> RpcResult {
    let node = Params::must(params.text("node"));
    let command = Params::must(params.text("command"));
    let address = resolve(node).await?;
    let is_kept = rpc.query(move |node| node.peers().dialer.kept().any(|(kept, _)| *kept == address)).await?;
    let command = match command {
        "onetry" => PeerCommand::TryNode(address),
        "add" if is_kept => return Err(RpcError::new(Code::NodeAlreadyAdded, "Error: Node already added")),
        "add" => PeerCommand::AddNode(address),
        "remove" if is_kept => PeerCommand::RemoveNode(address),
        "remove" => {
            let message = "Error: Node could not be removed. It has not been added previously.";
            return Err(RpcError::new(Code::NodeNotAdded, message));
        }
        other => return Err(unknown_command(other, "add, remove or onetry")),
    };
    rpc.command(command).await
}

async fn disconnect_node(rpc: Rpc, params: Params) -> RpcResult {
    let wanted = match (params.text("address").filter(|text| !text.is_empty()), params.get("nodeid")) {
        (Some(_), Some(_)) | (None, None) => {
            let message = "Only one of address and nodeid should be provided.";
            return Err(RpcError::new(Code::InvalidParams, message));
        }
        (Some(address), None) => address.to_owned(),
        (None, Some(Value::String(id))) => id.clone(),
        (None, Some(number)) => whole::<u64>("nodeid", number)?.to_string(),
    };
    let found = rpc.query(move |node| find(node.peers().iter(), &wanted)).await?;
    let peer =
        found.ok_or_else(|| RpcError::new(Code::NodeNotConnected, "Node not found in connected nodes"))?;
    rpc.command(PeerCommand::DisconnectPeer(peer)).await
}

async fn set_ban(rpc: Rpc, params: Params) -> RpcResult {
    let subject = Params::must(params.text("subnet")).to_owned();
    let command = Params::must(params.text("command"));
    let wanted = subject.clone();
    let connected = rpc.query(move |node| find(node.peers().iter(), &wanted)).await?;
    let peer = peer_id(&subject).or(connected).ok_or_else(|| {
        let message = "Error: Invalid IP/Subnet: bans hold for identities; give a peer id, or the address of a connected peer";
        RpcError::new(Code::InvalidIpOrSubnet, message)
    })?;
    let now = clock::now();
    let banned =
        rpc.query(move |node| node.peers().filter.bans.iter(now).any(|(banned, _)| *banned == peer)).await?;
    match command {
        "add" if banned => Err(RpcError::new(Code::NodeAlreadyAdded, "Error: IP/Subnet already banned")),
        "add" => rpc.command(PeerCommand::Ban { peer, duration: lasting(&params)? }).await,
        "remove" if !banned => {
            let message = "Error: Unban failed. Requested address/subnet was not previously manually banned.";
            Err(RpcError::new(Code::InvalidIpOrSubnet, message))
        }
        "remove" => rpc.command(PeerCommand::Unban(peer)).await,
        other => Err(unknown_command(other, "add or remove")),
    }
}

/// How long a ban lasts: 0 stands for a day, as in Bitcoin Core.
fn lasting(params: &Params) -> Result<Duration, RpcError> {
    let given = params.number::<u32>("bantime")?.unwrap_or(0);
    if params.flag("absolute") != Some(true) {
        return Ok(if given == 0 { DEFAULT_BAN } else { Duration::from_secs(u64::from(given)) });
    }
    let now = seconds(clock::now());
    match u64::from(given).checked_sub(now) {
        Some(left) if left > 0 => Ok(Duration::from_secs(left)),
        _ => Err(RpcError::invalid_parameter("Error: Absolute timestamp is in the past")),
    }
}

async fn list_banned(rpc: Rpc, _: Params) -> RpcResult {
    let now = clock::now();
    let bans = rpc
        .query(move |node| {
            let bans = node.peers().filter.bans.iter(now);
            bans.map(|(peer, ban)| (*peer, *ban)).collect::<Vec<_>>()
        })
        .await?;
    let bans = bans.into_iter().map(|(peer, ban)| {
        object! {
            "address": ban.host.map_or_else(|| peer.to_string(), |host| host.to_string()),
            "peerid": Text(peer),
            "ban_created": seconds(ban.since),
            "banned_until": seconds(ban.until),
            "ban_duration": ban.until.since(ban.since).as_secs(),
            "time_remaining": ban.until.since(now).as_secs(),
        }
    });
    Ok(json(&bans.collect::<Vec<_>>()))
}

async fn clear_banned(rpc: Rpc, _: Params) -> RpcResult {
    rpc.command(PeerCommand::ClearBans).await
}

async fn set_blocked_peers(rpc: Rpc, params: Params) -> RpcResult {
    let list = Params::must(params.get("peers").and_then(Value::as_array));
    let peers = list.iter().map(|value| {
        let text = value.as_str().unwrap_or_default();
        peer_id(text).ok_or_else(|| no_peer_id(value))
    });
    let peers = peers.collect::<Result<BTreeSet<PeerId>, RpcError>>()?;
    rpc.command(PeerCommand::SetBlocked(peers)).await
}

async fn set_link_delay(rpc: Rpc, params: Params) -> RpcResult {
    let longest = MAX_DELAY.as_millis() as u64;
    let milliseconds = Params::must(params.number::<u64>("milliseconds")?);
    if milliseconds > longest {
        return Err(RpcError::invalid_parameter(format!("a link is delayed by at most {longest} ms")));
    }
    let delay = Duration::from_millis(milliseconds);
    let delays = rpc.node()?.delays();
    match params.text("peer") {
        None => delays.set(delay),
        Some(text) => {
            let peer = peer_id(text).ok_or_else(|| no_peer_id(text))?;
            delays.set_for(peer, delay);
        }
    }
    Ok(json(&milliseconds))
}

fn no_peer_id(found: impl std::fmt::Display) -> RpcError {
    RpcError::invalid_parameter(format!("a peer id has 64 hex digits (not {found})"))
}

async fn set_network_active(rpc: Rpc, params: Params) -> RpcResult {
    let state = Params::must(params.flag("state"));
    rpc.command(PeerCommand::SetNetworkActive(state)).await?;
    Ok(json(&state))
}

async fn ping(rpc: Rpc, _: Params) -> RpcResult {
    rpc.node()?;
    Ok(json(&()))
}

async fn get_connection_count(rpc: Rpc, _: Params) -> RpcResult {
    Ok(json(&rpc.query(|node| node.peers().ready().count()).await?))
}

async fn get_added_node_info(rpc: Rpc, params: Params) -> RpcResult {
    let kept = rpc
        .query(|node| {
            node.peers().dialer.kept().map(|(address, connected)| (*address, connected)).collect::<Vec<_>>()
        })
        .await?;
    let wanted = params.text("node");
    let shown = kept.iter().filter(|(address, _)| wanted.is_none_or(|wanted| address.to_string() == wanted));
    let shown: Vec<Object> = shown
        .map(|(address, connected)| {
            let addresses = connected.then(|| object! { "address": Text(address), "connected": "outbound" });
            object! {
                "addednode": Text(address),
                "connected": connected,
                "addresses": addresses.into_iter().collect::<Vec<_>>(),
            }
        })
        .collect();
    if wanted.is_some() && shown.is_empty() {
        return Err(RpcError::new(Code::NodeNotAdded, "Error: Node has not been added."));
    }
    Ok(json(&shown))
}

async fn get_peer_info(rpc: Rpc, _: Params) -> RpcResult {
    let peers = rpc.query(|node| node.peers().ready().map(peer_object).collect::<Vec<_>>()).await?;
    Ok(json(&peers))
}

fn peer_object(connection: &Connection) -> Object {
    let mut peer = object! {
        "id": short_id(&connection.peer),
        "peerid": Text(connection.peer),
        "addr": Text(connection.address),
        "network": network(&connection.address),
        "services": format!("{:016x}", connection.hello().map_or(0, |hello| hello.services)),
        "relaytxes": true,
        "lastrecv": seconds(connection.last_received),
        "last_block": connection.last_block.map_or(0, seconds),
        "conntime": seconds(connection.since),
        "timeoffset": 0,
    };
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
        peer.put("startingheight", &hello.height.get());
        peer.put("startinghash", &Text(hello.tip));
    }
    peer.put("inbound", &(connection.direction == Direction::Inbound));
    peer.put(
        "connection_type",
        match connection.direction {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound-full-relay",
        },
    );
    let listens: Vec<String> = connection.listens_at().iter().map(ToString::to_string).collect();
    peer.put("listens_at", &listens);
    peer.put("transport_protocol_type", "noise");
    peer
}

async fn get_network_info(rpc: Rpc, _: Params) -> RpcResult {
    let own = rpc.node()?.peer_id();
    rpc.query(move |node| {
        let peers = node.peers();
        let inbound = peers.ready().filter(|peer| peer.direction == Direction::Inbound).count();
        let all = peers.ready().count();
        let identity = &peers.identity;
        let listen: Vec<Object> = identity
            .listen
            .iter()
            .map(|address| {
                let socket = address.socket();
                object! { "address": Text(socket.ip()), "port": socket.port(), "score": 1 }
            })
            .collect();
        reply! {
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
            "networks": [network_object("ipv4"), network_object("ipv6")],
            "relayfee": Coins(MIN_RELAY_FEE_RATE.per_kilobyte()),
            "incrementalfee": Coins(INCREMENTAL_FEE_RATE.per_kilobyte()),
            "localaddresses": listen,
            "blockedpeers": peers.filter.blocked.iter().map(ToString::to_string).collect::<Vec<_>>(),
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

async fn get_net_totals(rpc: Rpc, _: Params) -> RpcResult {
    let traffic = rpc.node()?.traffic();
    Ok(reply! {
        "totalbytesrecv": traffic.received(),
        "totalbytessent": traffic.sent(),
        "timemillis": clock::now().millis(),
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

/// The connected peer that somebody means by an address, a host, a number or a peer id.
fn find<'a>(mut peers: impl Iterator<Item = &'a Connection>, wanted: &str) -> Option<PeerId> {
    let means = |connection: &&Connection| {
        connection.address.to_string() == wanted
            || connection.address.socket().ip().to_string() == wanted
            || short_id(&connection.peer).to_string() == wanted
            || connection.peer.to_string() == wanted
            || connection.listens_at().iter().any(|address| address.to_string() == wanted)
    };
    peers.find(means).map(|connection| connection.peer)
}

fn peer_id(text: &str) -> Option<PeerId> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(PeerId::from_bytes(bytes))
}

fn network(address: &PeerAddress) -> &'static str {
    match address.socket() {
        SocketAddr::V4(_) => "ipv4",
        SocketAddr::V6(_) => "ipv6",
    }
}

/// The address that a name and port stand for.
async fn resolve(node: &str) -> Result<PeerAddress, RpcError> {
    let found = tokio::net::lookup_host(node).await.ok().and_then(|mut found| found.next());
    found.map(PeerAddress::new).ok_or_else(|| {
        RpcError::invalid_parameter(format!("{node:?} is no address of a node: expected host:port"))
    })
}

fn unknown_command(found: &str, expected: &str) -> RpcError {
    RpcError::new(Code::Misc, format!("unknown command {found:?}: expected {expected}"))
}
