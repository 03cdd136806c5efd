// The page's model of the network: a view, kept up to date by events. Pure.

import { PartitionHistory } from "./partitionHistory.js";
import { TreeLayout, SLOTS } from "./treeLayout.js";
import { number } from "../lib/format.js";

/** Blocks kept; older ones are forgotten a tenth at a time. */
const MOST_BLOCKS = 12_000;
const MOST_POINTS = 20_000;
const MOST_MARKS = 2_000;
/** Milliseconds after which nodes on an earlier block of a branch look different: a block arrives faster than that. */
const TRAVELS = 1500;

export class World {
  constructor() {
    // Grows with each change of its kind, and never else: what was drawn before is compared with it.
    this.changes = { nodes: 0, blocks: 0, links: 0, groups: 0, agreement: 0, marks: 0, whole: 0 };
    this.empty();
  }

  empty() {
    this.kind = "devnet";
    // Whether its time begins with genesis, as a scenario's does.
    this.beginsAtGenesis = false;
    this.chain = { name: "", genesis_hash: "", spacing_ms: 1000, address_prefix: "" };
    this.version = "";
    this.nodes = new Map();
    this.groups = [];
    this.partitions = new PartitionHistory();
    this.links = new Map();
    this.blocks = new Map();
    this.ordered = [];
    this.agreement = [];
    this.marks = [];
    this.expectations = [];
    this.isOver = false;
    this.offset = 0;
    this.best = null;
    this.mainSlot = 0;
    this.forkHeight = Infinity;
    this.held = new Map();
    this.tips = [];
    this.looks = new Map();
    this.layout = new TreeLayout(1000);
    this.unsettled = true;
  }

  /** Takes a whole view, as `/v1/view` answers. */
  load(view, now = performance.now()) {
    this.empty();
    this.kind = view.kind;
    this.chain = { ...this.chain, ...view.chain };
    this.version = view.version ?? "";
    this.offset = (view.now_ms ?? 0) - now;
    this.startedAt = view.started_unix_ms ?? null;
    this.layout = new TreeLayout(this.chain.spacing_ms);
    for (const node of view.nodes ?? []) this.nodes.set(node.id, freshNode(node));
    this.groups = view.groups ?? [[...this.nodes.keys()]];
    for (const [a, b] of view.links ?? []) this.links.set(`${a}-${b}`, [a, b]);
    const blocks = view.blocks ?? [];
    const genesis = this.chain.genesis_hash;
    if (genesis && (!blocks.length || blocks.some((block) => block.previous === genesis))) this.addGenesis(blocks[0]);
    for (const block of blocks) this.addBlock(block);
    this.agreement = view.agreement ?? [];
    this.marks = view.marks ?? [];
    this.partitions.read(this.marks);
    this.partitions.cut(this.groups, view.now_ms ?? 0);
    this.expectations = view.expectations ?? [];
    this.isOver = view.is_over ?? false;
    for (const kind of Object.keys(this.changes)) this.touch(kind);
    this.settle();
  }

  /** Milliseconds since the network's start, now. */
  now(at = performance.now()) {
    return at + this.offset;
  }

  addGenesis(first) {
    // The network of a report or a scenario begins with it. Elsewhere its time is long before the network's start: it
    // is placed just before the first block.
    const isBefore = first && !this.beginsAtGenesis;
    const at = isBefore ? Math.min(first.at_ms, Math.max(0, first.at_ms - this.chain.spacing_ms)) : 0;
    this.addBlock({
      hash: this.chain.genesis_hash,
      previous: null,
      height: 0,
      at_ms: at,
      time_ms: null,
      chainwork: "0",
      transactions: 1,
      size: 0,
      miner: null,
      tag: "",
      got: [],
      isGenesis: true,
    });
  }

  addBlock(sent) {
    if (this.blocks.has(sent.hash)) return;
    const block = { ...sent, got: sent.got ?? [], work: number(sent.chainwork), main: false };
    const parent = this.blocks.get(block.previous);
    block.parent = parent ?? null;
    // A colour is in use while a node has a tip on its branch.
    const slots = new Set(this.tips.map((tip) => this.blocks.get(tip.hash)?.branch.slot));
    if (parent) slots.add(parent.branch.slot);
    slots.add(this.mainSlot);
    // Nodes that were left behind have a colour of their own, which the branch they begin may keep.
    for (const [hash, { slot }] of this.looks) if (hash !== sent.previous) slots.add(slot);
    this.layout.place(block, parent, (slot) => slots.has(slot));
    this.blocks.set(block.hash, block);
    this.ordered.push(block);
    // A report has all its blocks, and no more come.
    if (this.ordered.length > MOST_BLOCKS && this.kind !== "report") this.forget();
    this.touch("blocks");
  }

  forget() {
    const gone = this.ordered.splice(0, MOST_BLOCKS / 10);
    for (const block of gone) this.blocks.delete(block.hash);
    for (const block of this.ordered) if (block.parent && !this.blocks.has(block.parent.hash)) block.parent = null;
  }

  /** A node that was not there when the view was taken. */
  addNode(sent) {
    this.nodes.set(sent.id, freshNode(sent));
    this.touch("nodes");
  }

  touch(kind) {
    this.changes[kind] += 1;
    this.unsettled = true;
  }

  /** Takes one event. Returns whether anything changed. */
  apply(kind, data) {
    const node = this.nodes.get(data.node ?? data.id);
    switch (kind) {
      case "block":
        this.addBlock(data);
        return true;
      case "got":
        this.blocks.get(data.hash)?.got.push([data.node, data.at_ms, data.from]);
        this.touch("blocks");
        return true;
      case "tip":
        if (!node) return false;
        // The tip of a peer is not known, only the last block that it announced.
        if (node.isPeer) node.announced = { hash: data.hash, height: data.height };
        else node.tip = data.hash;
        node.height = data.height;
        this.touch("nodes");
        return true;
      case "link":
        if (data.up) this.links.set(`${data.a}-${data.b}`, [data.a, data.b]);
        else this.links.delete(`${data.a}-${data.b}`);
        this.touch("links");
        return true;
      case "groups":
        this.groups = data.groups;
        this.partitions.cut(data.groups, data.at_ms ?? this.now());
        this.touch("groups");
        return true;
      case "node":
        if (!node) return false;
        this.partitions.life(data.id, data.up, data.at_ms ?? this.now());
        Object.assign(node, { up: data.up, why: data.up ? null : (data.why ?? "not running") });
        this.touch("nodes");
        return true;
      case "status":
        for (const sent of data.nodes) this.status(sent);
        this.touch("nodes");
        return true;
      case "transaction":
        if (node) node.mempool += 1;
        this.touch("nodes");
        return true;
      case "agreement":
        push(this.agreement, data, MOST_POINTS);
        this.touch("agreement");
        return true;
      case "mark":
        push(this.marks, data, MOST_MARKS);
        this.touch("marks");
        return true;
      case "over":
        this.isOver = true;
        this.touch("marks");
        return true;
      case "expectation":
        this.expectations[data.number ?? this.expectations.length] = data;
        this.touch("marks");
        return true;
      default:
        return false;
    }
  }

  status(sent) {
    const node = this.nodes.get(sent.id);
    if (!node) return;
    node.mempool = sent.mempool ?? node.mempool;
    node.mempoolBytes = sent.mempool_bytes ?? node.mempoolBytes;
    node.mining = sent.mining ?? node.mining;
    node.percent = sent.percent ?? node.percent;
    if (sent.delay_ms !== undefined && sent.delay_ms !== node.delay) this.touch("links");
    node.delay = sent.delay_ms ?? node.delay;
    node.answers = sent.answers ?? node.answers;
    node.phase = sent.phase ?? node.phase;
    if (sent.stuck !== undefined) node.stuck = sent.stuck;
    if (sent.behind !== undefined) node.behind = sent.behind;
  }

  /** Works out what follows from the facts: once a frame, not once an event. */
  settle(now = this.now()) {
    if (!this.unsettled) return;
    this.unsettled = false;
    const tips = new Map();
    for (const node of this.nodes.values()) {
      if (!node.up || !node.tip) continue;
      if (!tips.has(node.tip)) tips.set(node.tip, []);
      tips.get(node.tip).push(node.id);
    }
    this.tips = [...tips].map(([hash, nodes]) => ({ hash, nodes, block: this.blocks.get(hash) ?? null }));
    this.tips.sort((a, b) => compare(b.block?.work ?? 0n, a.block?.work ?? 0n) || b.nodes.length - a.nodes.length);
    this.setBest(this.tips[0]?.block ?? this.best);
    this.setHeld();
    this.colour();
    this.setLooks(now);
  }

  /** Marks the best chain; only blocks that joined or left it are visited. */
  setBest(best) {
    let [old, next] = [this.best, best];
    while (old !== next) {
      const isOldLeft = old && (!next || old.height >= next.height);
      const isNextLeft = next && (!old || next.height >= old.height);
      if (isOldLeft) old.main = false;
      if (isNextLeft) next.main = true;
      if (isOldLeft) old = old.parent;
      if (isNextLeft) next = next.parent;
    }
    this.best = best;
  }

  /** Blocks off the best chain on the way to the tip of a running node. */
  setHeld() {
    this.held = new Map();
    for (const tip of this.tips) {
      for (let block = tip.block; block && !block.main && !this.held.has(block); block = block.parent) {
        this.held.set(block, tip);
      }
    }
  }

  /**
   * While all agree, the best chain has one colour from its beginning: that of its tip. While branches rival,
   * each keeps its own from where they part, and what they have in common keeps what it had.
   */
  colour() {
    this.forkHeight = Infinity;
    for (const { parent } of this.held.keys()) {
      if (parent?.main) this.forkHeight = Math.min(this.forkHeight, parent.height);
    }
    if (this.best && this.forkHeight === Infinity) this.mainSlot = this.best.branch.slot;
  }

  /**
   * Two tips never look alike for long. The foremost on a branch looks as the branch does; nodes that stay on an
   * earlier block of it get another colour and sign, but not while the next block may only be on its way to them.
   */
  setLooks(now) {
    const old = this.looks;
    this.looks = new Map();
    const taken = new Set();
    const late = this.tips.filter(({ block }) => {
      const slot = block ? this.slotIn(block) : 0;
      return taken.has(slot) || !taken.add(slot);
    });
    for (const { hash, block } of late) {
      const look = old.get(hash) ?? { slot: block ? this.slotIn(block) : 0, since: null };
      this.looks.set(hash, look);
      if (!taken.has(look.slot)) look.since = null;
      else if (now - (look.since ??= now) > this.patience) this.recolour(look, taken);
      taken.add(look.slot);
      // Time alone decides: the next drawing has to look again.
      if (look.since !== null) this.unsettled = true;
    }
  }

  /** Gives a tip the first colour and sign that no other has, if there is one. */
  recolour(look, taken) {
    const isFree = (slot) => slot !== this.mainSlot && !taken.has(slot);
    const slot = Array.from({ length: SLOTS }, (_, slot) => slot).find(isFree);
    if (slot === undefined) return;
    Object.assign(look, { slot, since: null });
    this.changes.nodes += 1;
  }

  /** How long a block may be on its way: there, back and there again over the slowest links. */
  get patience() {
    let slowest = 0;
    for (const node of this.nodes.values()) slowest = Math.max(slowest, node.delay ?? 0);
    return TRAVELS + 3 * slowest;
  }

  /** The colour and sign of a block. */
  slotIn(block) {
    return block.main && block.height <= this.forkHeight ? this.mainSlot : block.branch.slot;
  }

  /** How many running nodes have the tip that most have, of how many. */
  get agreeing() {
    let most = 0;
    for (const tip of this.tips) most = Math.max(most, tip.nodes.length);
    let up = 0;
    for (const node of this.nodes.values()) up += node.up && !node.isPeer ? 1 : 0;
    return { most, up, tips: this.tips.length };
  }

  groupOf(id) {
    return Math.max(
      0,
      this.groups.findIndex((group) => group.includes(id)),
    );
  }

  get isWhole() {
    return this.groups.length <= 1;
  }

  /** The colour and sign of a tip: its branch's, or its own. */
  slotOf(hash) {
    const block = this.blocks.get(hash);
    return this.looks.get(hash)?.slot ?? (block ? this.slotIn(block) : 0);
  }
}

function freshNode(sent) {
  const status = sent.status ?? {};
  return {
    id: sent.id,
    peerId: sent.peer_id ?? "",
    address: sent.peer_address ?? sent.address ?? "",
    rpc: sent.rpc ?? "",
    name: sent.name ?? String(sent.id),
    agent: sent.user_agent ?? "",
    isPeer: Boolean(sent.isPeer),
    up: sent.up ?? true,
    why: sent.why_down ?? null,
    tip: sent.tip ?? null,
    height: sent.height ?? 0,
    announced: sent.announced ?? null,
    hasHistories: sent.address_index ?? true,
    mining: sent.mining ?? false,
    percent: sent.percent ?? null,
    delay: sent.delay_ms ?? null,
    // A node without this field counts as one that answers.
    answers: sent.answers ?? true,
    mempool: sent.mempool ?? status.mempool ?? 0,
    mempoolBytes: sent.mempool_bytes ?? status.mempool_bytes ?? 0,
    phase: sent.phase ?? status.phase ?? "",
    // Why it does not follow the chain, in the node's own sentence.
    stuck: sent.stuck ?? status.stuck ?? null,
    // Since when another node has had more work, as the devnet says.
    behind: sent.behind ?? null,
  };
}

function push(list, item, most) {
  list.push(item);
  if (list.length > most) list.splice(0, most / 10);
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
