// The first room: the network and the block tree side by side, a node's card, what happened.

import { h, keyed, replace, s, setAttr, setText, table } from "../lib/dom.js";
import { draw } from "../lib/frames.js";
import { Network } from "./network.js";
import { Tree } from "../tree/tree.js";
import { PeerCard, peersRow } from "./peerCard.js";
import { Log } from "./eventLog.js";
import { PartitionPanel } from "./partitionPanel.js";
import { Proposal } from "../model/proposal.js";
import { handle } from "./gestures.js";
import { SIGNS } from "../lib/branchColours.js";
import { clock, count, miner, short, span } from "../lib/format.js";

/** Rows in the table of blocks. */
const ROWS = 60;

export class Overview {
  /** `steering` is none where nothing can be steered; `act(step, body, words)` carries out a step. */
  constructor(world, steering, act, hint) {
    this.world = world;
    const may = () => Boolean(steering?.may) && world.kind === "devnet";
    // The blocks of a simulated network have no pages: no node can be called for them.
    this.hasPages = steering !== null;
    this.proposal = new Proposal(() => this.proposed());
    this.network = new Network(world, this.proposal, (id) => this.open(id));
    this.tree = new Tree(world, (hash) => this.openBlock(hash));
    this.card = new PeerCard(this.hasPages, world, steering, act, (id) => {
      this.network.select(null);
      this.network.focus(id);
    });
    this.log = new Log(world);
    this.cut = new PartitionPanel(world, this.proposal, this.network, may, act, hint);
    this.cut.isOffered = steering !== null;
    handle(this.network, may, hint);
    this.legend = h("ul", { class: "legend", "aria-label": "Tips" });
    this.key = h("p", { class: "soft key", hidden: true });
    this.nodesTable = tableRoom("The nodes as a table", () => this.nodeRows());
    this.blocksTable = tableRoom("The newest blocks as a table", () => this.blockRows());
    this.element = h(
      "div",
      { class: "rooms" },
      h(
        "section",
        { class: "card net-card", "aria-labelledby": "net-title" },
        h("div", { class: "row" }, h("h2", { id: "net-title" }, "Network"), this.cut.tools),
        this.network.element,
        // Before the links of the legend: who proposes a cut at a node finds it with the next Tab.
        this.cut.bar,
        this.legend,
        this.key,
        this.cut.element,
        this.card.element,
        this.nodesTable.element,
      ),
      h(
        "div",
        { class: "stack" },
        h(
          "section",
          { class: "card", "aria-labelledby": "tree-title" },
          h(
            "div",
            { class: "row" },
            h("h2", { id: "tree-title" }, "Block tree"),
            h(
              "p",
              { class: "soft hint" },
              "Grey is stale, a line below a block is its payments. Time stretches where blocks are dense.",
            ),
          ),
          this.tree.element,
          this.blocksTable.element,
        ),
        this.log.element,
      ),
    );
    this.frame = () => this.draw();
  }

  openBlock(hash) {
    if (this.hasPages) location.hash = this.pageOf(hash);
    else this.tree.choose(this.world.blocks.get(hash));
  }

  /** A block's page, or null where there is none. */
  pageOf(hash) {
    return this.hasPages ? `#/block/${hash}` : null;
  }

  open(id) {
    this.network.select(id);
    this.card.open(id);
  }

  proposed() {
    this.cut.update();
    this.network.arrange();
  }

  update() {
    this.network.update();
    this.tree.update();
    draw(this.frame);
  }

  draw() {
    if (!this.element.isConnected) return;
    this.world.settle();
    this.card.update();
    this.log.update();
    this.cut.update();
    this.drawLegend();
    this.drawKey();
  }

  /** What the picture shows of single nodes, in words; most of the time nothing. */
  drawKey() {
    const nodes = [...this.world.nodes.values()].filter((node) => node.up && !node.isPeer);
    const slow = nodes.filter((node) => node.delay).map((node) => `node ${node.name} by ${span(node.delay)}`);
    const silent = nodes.filter((node) => !node.answers).map((node) => node.name);
    const stuck = nodes.filter((node) => node.stuck && node.answers);
    const others = stuck.length > 1 ? ` and ${stuck.length - 1} more are` : " is";
    const words = [
      slow.length ? `Dashed links are slower each way: ${some(slow)}.` : "",
      stuck.length ? `${nameOf(stuck[0])}${others} stuck: ${stuck[0].stuck}.` : "",
      silent.length ? `A dotted ring: node ${some(silent)} does not answer.` : "",
    ];
    setText(this.key, words.filter(Boolean).join(" "));
    this.key.hidden = !this.key.textContent;
  }

  /** A second went by: what only the clock changes, and tables that are open. */
  tick() {
    this.network.seen.nodes = null;
    this.update();
    this.nodesTable.refresh();
    this.blocksTable.refresh();
  }

  /** An event that is worth a mark on a link, if it is news. */
  handle(kind, data) {
    if (data.from === null || data.from === undefined) return;
    if (kind === "got") this.network.animation.send(data.from, data.node, this.world.slotOf(data.hash));
    if (kind === "transaction") this.network.animation.send(data.from, data.node);
  }

  drawLegend() {
    const tips = this.world.tips.slice(0, 5);
    const rows = tips.map((tip, place) => ({ tip, place }));
    // The block that a peer announced last may not be its tip any more.
    if ([...this.world.nodes.values()].some((node) => node.isPeer)) rows.push({ tip: null, place: "peers" });
    // Rows are kept by their place: a link that has the focus keeps it when the next block comes.
    keyed(
      this.legend,
      rows,
      (row) => row.place,
      () =>
        h(
          "li",
          null,
          s("svg", { viewBox: "-7 -7 14 14", width: 14, height: 14, role: "img" }, s("path")),
          h("a"),
          h("span"),
        ),
      (li, { tip }) => {
        const [sign, link, words] = li.children;
        if (!tip) return peersRow(sign, words);
        const slot = this.world.slotOf(tip.hash);
        setAttr(sign, "class", `sign slot${slot}`);
        setAttr(sign, "aria-label", SIGNS[slot].name);
        setAttr(sign.firstChild, "d", SIGNS[slot].path);
        setAttr(link, "href", tip.block?.isGenesis ? null : this.pageOf(tip.hash));
        setText(link, `${tip.block?.height ?? "?"} ${short(tip.hash)}`);
        setText(
          words,
          `${count(tip.nodes.length, "node")}${tip.block === this.world.best && tips.length > 1 ? ", most work" : ""}`,
        );
        return undefined;
      },
    );
  }

  nodeRows() {
    const { world } = this;
    return table(
      "Every node, its state and its tip",
      ["Node", "State", "Height", "Tip", "Mempool", "Mining"],
      [...world.nodes.values()].map((node) => [
        h(
          "button",
          { type: "button", class: "link", onclick: () => this.open(node.id) },
          node.isPeer ? `peer ${node.name}` : node.name,
        ),
        stateOf(node, world),
        node.height,
        short(node.announced?.hash ?? node.tip),
        node.isPeer ? "?" : node.mempool,
        node.mining ? (node.percent === null ? "yes" : `${node.percent} %`) : "no",
      ]),
    );
  }

  blockRows() {
    const { world } = this;
    return table(
      "The newest blocks",
      ["Height", "Hash", "Miner", "Transactions", "At", "Chain"],
      world.ordered
        .slice(-ROWS)
        .reverse()
        .filter((block) => !block.isGenesis)
        .map((block) => [
          block.height,
          this.hasPages ? h("a", { href: this.pageOf(block.hash) }, short(block.hash)) : short(block.hash),
          miner(block),
          block.transactions,
          clock(block.at_ms),
          block.main ? "best" : world.held.has(block) ? "a branch" : "stale",
        ]),
    );
  }
}

const nameOf = (node) => (node.name === "this" ? "This node" : `Node ${node.name}`);

/** Up to as many names as can be read. */
const some = (names) => (names.length > 8 ? `${names.slice(0, 8).join(", ")}, …` : names.join(", "));

function stateOf(node, world) {
  if (!node.up) return "down";
  if (node.isPeer) return "connected; last announced";
  if (!node.answers) return "no answer";
  if (node.stuck) return "stuck";
  if (node.behind) return "less work";
  return node.tip === world.best?.hash ? "agrees" : "behind";
}

/** A table that is made when it is opened, and updated while it is open and the focus is elsewhere. */
export function tableRoom(title, rows) {
  const body = h("div");
  const element = h(
    "details",
    { ontoggle: () => element.open && replace(body, rows()) },
    h("summary", null, title),
    body,
  );
  const refresh = () =>
    element.open && element.isConnected && !body.contains(document.activeElement) && replace(body, rows());
  return { element, refresh };
}
