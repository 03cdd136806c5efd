// A single node's own view and events, in the shape that a whole network's have: the node is number 0,
// its peers follow. Of peers only the announced blocks are known.

import { number } from "../lib/format.js";
import { get } from "../lib/get.js";

/** The view of a network of one node and its peers. */
export function viewOfNode(view) {
  const self = view.nodes[0];
  const peers = view.peers ?? [];
  const nodes = [{ ...self, id: 0, name: "this", up: true, percent: null, mining: Boolean(self.hashrate) }];
  peers.forEach((peer, place) => nodes.push(asNode(peer, place + 1)));
  const started = Date.now() - (self.uptime_s ?? 0) * 1000;
  const blocks = (view.blocks ?? []).map((block) => ({
    ...block,
    transactions: block.tx ?? 1,
    at_ms: block.time_ms - started,
    miner: null,
    got: [],
  }));
  blocks.sort((a, b) => a.height - b.height || (number(a.chainwork) < number(b.chainwork) ? -1 : 1));
  return {
    kind: "node",
    version: view.version,
    now_ms: (self.uptime_s ?? 0) * 1000,
    started_unix_ms: started,
    chain: view.chain,
    nodes,
    groups: [nodes.map((node) => node.id)],
    links: nodes.slice(1).map((node) => [0, node.id]),
    blocks,
    agreement: [],
    marks: [],
  };
}

function asNode(peer, id) {
  return {
    id,
    name: `p${id}`,
    peer_id: peer.peer_id,
    peer_address: peer.address,
    user_agent: peer.user_agent,
    isPeer: true,
    up: true,
    announced: announcedBy(peer),
    height: peer.best_height ?? 0,
  };
}

/** The last block that a peer announced; its tip may be another by now. */
function announcedBy(peer) {
  return peer.best_hash ? { hash: peer.best_hash, height: peer.best_height ?? 0 } : null;
}

/** Interval between two reads of what no event reports, and the time after a block, in milliseconds. */
const SELDOM = 10_000;
const SOON = 2000;
/** An answer that takes longer is not waited for. */
const PATIENCE = 10_000;

/** Reads a node's view at intervals: its phase, its mempool, the blocks that its peers announced. */
export class Pulse {
  /** `onEvent(kind, data)` is called with each change. */
  constructor(world, onEvent) {
    Object.assign(this, { world, onEvent, readAt: performance.now(), hasBlock: false });
  }

  handle(kind) {
    if (kind === "view") Object.assign(this, { readAt: performance.now(), hasBlock: false });
    if (kind === "tip") this.hasBlock = true;
  }

  /** Called each second while the page is visible. */
  async tick() {
    const wait = this.hasBlock ? SOON : SELDOM;
    if (this.world.kind !== "node" || this.isAsking || performance.now() - this.readAt < wait) return;
    Object.assign(this, { isAsking: true, hasBlock: false });
    try {
      this.take(await get("v1/view", PATIENCE));
    } catch {
      // The feed reports that the server is gone.
    }
    Object.assign(this, { isAsking: false, readAt: performance.now() });
  }

  take(view) {
    const [self] = view.nodes;
    const peers = new Map((view.peers ?? []).map((peer) => [peer.peer_id, peer]));
    for (const node of this.world.nodes.values()) {
      const peer = node.isPeer && peers.get(node.peerId);
      if (!peer?.best_hash) continue;
      Object.assign(node, { announced: announcedBy(peer), height: peer.best_height });
    }
    const status = { nodes: [{ ...self, id: 0, mining: Boolean(self.hashrate) }] };
    this.world.apply("status", status);
    this.onEvent("status", status);
  }
}

/** A block came, to whichever branch. */
function arrival(data, from, at) {
  const block = {
    hash: data.hash,
    previous: data.previousblockhash,
    height: data.height,
    time_ms: data.time_ms,
    at_ms: at,
    chainwork: data.chainwork,
    transactions: data.nTx,
    size: data.size,
    miner: null,
    tag: data.tag,
  };
  return [
    ["block", block],
    ["got", { node: 0, hash: data.hash, at_ms: at, from }],
  ];
}

export class NodeEvents {
  constructor(world) {
    this.world = world;
    this.peers = new Map([...world.nodes.values()].filter((node) => node.isPeer).map((node) => [node.peerId, node.id]));
    this.next = Math.max(0, ...world.nodes.keys()) + 1;
  }

  /** Events of a network that say the same as one of the node's. */
  handle(kind, data) {
    const at = Math.round(this.world.now());
    const from = this.peers.get(data.from) ?? null;
    const self = this.world.nodes.get(0);
    switch (kind) {
      case "block_on_side_branch":
        return arrival(data, from, at);
      case "block_connected": {
        const events = [
          ...arrival(data, from, at),
          ["tip", { node: 0, hash: data.hash, height: data.height, at_ms: at }],
        ];
        // A block takes its transactions out of the mempool, without an event for each.
        const waiting = Math.max(0, (self?.mempool ?? 0) - Math.max(0, (data.nTx ?? 1) - 1));
        events.push(["status", { nodes: [{ id: 0, mempool: waiting }] }]);
        // The peer that sent a block has it.
        if (from !== null) events.push(["tip", { node: from, hash: data.hash, height: data.height, at_ms: at }]);
        return events;
      }
      case "block_disconnected":
        return [["tip", { node: 0, hash: data.previousblockhash, height: data.height - 1, at_ms: at }]];
      case "reorganized":
        return [
          ["reorganized", { node: 0, at_ms: at, ...data }],
          [
            "mark",
            {
              at_ms: at,
              kind: "reorganized",
              took_ms: null,
              text: `reorganization: ${data.disconnected} blocks disconnected, ${data.connected} connected, fork point ${data.fork_height}`,
            },
          ],
        ];
      case "transaction_accepted":
        return [["transaction", { node: 0, txid: data.txid, from, at_ms: at, fee: data.fee, size: data.size }]];
      case "transaction_removed":
        return [["status", { nodes: [{ id: 0, mempool: Math.max(0, (self?.mempool ?? 1) - 1) }] }]];
      case "peer_connected":
        return this.connected(data, at);
      case "peer_disconnected": {
        const id = this.peers.get(data.peer);
        if (id === undefined) return [];
        this.peers.delete(data.peer);
        this.world.nodes.delete(id);
        this.world.groups = [[...this.world.nodes.keys()]];
        return [
          ["link", { a: 0, b: id, up: false, at_ms: at }],
          ["groups", { groups: this.world.groups, at_ms: at }],
        ];
      }
      default:
        return [];
    }
  }

  connected(data, at) {
    if (this.peers.has(data.peer)) return [];
    const id = this.next++;
    this.peers.set(data.peer, id);
    this.world.addNode(asNode({ ...data, peer_id: data.peer }, id));
    return [
      ["groups", { groups: [[...this.world.nodes.keys()]], at_ms: at }],
      ["link", { a: 0, b: id, up: true, at_ms: at }],
    ];
  }
}
