// The explorer's rooms: search, block, transaction, address, mempool. Every page has an address of its own,
// which names the node that is called if one was chosen.

import { h, replace, setText } from "../lib/dom.js";
import { call, RpcError, InvalidRequest } from "../lib/rpc.js";
import { find } from "./search.js";
import { parse } from "../lib/router.js";
import { first, running } from "./nodeLookup.js";
import { blockPage } from "./blockPage.js";
import { transactionPage } from "./transactionPage.js";
import { addressPage } from "./addressPage.js";
import { mempoolPage } from "./mempoolPage.js";
import { homePage } from "./home.js";

/** A page is read again so often at most, in milliseconds. */
const PACE = 1000;
/** Limit of the transactions that are remembered. */
const MOST_TXIDS = 20_000;
/** Time to wait for the first view, in milliseconds: before it the nodes are not known. */
const PATIENCE = 5000;

export class Explorer {
  /** `steering` and `act(step, body, words)` are for the faucet. */
  constructor(world, steering, act) {
    // `chosen` is the node that the address names; without it node 0 is called.
    Object.assign(this, { world, steering, act, node: 0, chosen: null });
    this.select = h("select", { id: "asked", onchange: () => this.pick(Number(this.select.value)) });
    this.note = h("span", { role: "status" });
    this.asked = h("p", { class: "soft asked" }, h("label", { for: "asked" }, "Asked: "), this.select, " ", this.note);
    this.body = h("div", { class: "page" });
    this.element = h("div", null, this.asked, this.body);
    this.known = "";
    this.readAt = -Infinity;
    // Those that were heard of or shown: a shortened one is looked for among them.
    this.txids = new Set();
  }

  enter(room, parts, query) {
    this.place = { room, parts, query };
    const named = query.get("node");
    this.chosen = named !== null && /^\d+$/.test(named) ? Number(named) : null;
    this.node = this.chosen ?? 0;
    this.known = "";
    // A search names the node whose reply it led to.
    setText(this.note, this.found?.to === location.hash ? this.found.words : "");
    this.found = null;
    this.options();
    this.load();
  }

  leave() {
    this.turn = (this.turn ?? 0) + 1;
    this.page = null;
    clearTimeout(this.timer);
    this.timer = null;
  }

  /** The nodes that can be called. */
  options() {
    const nodes = [...this.world.nodes.values()].filter((node) => !node.isPeer);
    this.asked.hidden = this.world.kind === "node" || !nodes.length;
    const known = nodes.map((node) => `${node.id}${node.up}`).join();
    if (known === this.known) return;
    this.known = known;
    const up = nodes.filter((node) => node.up);
    if (this.isDown && up.length && !this.isOfOne) {
      setText(this.note, `Node ${this.node} does not run.`);
      this.choose(up[0].id);
      if (this.page) this.load();
    } else if (this.page && (this.page.isSilence || (this.isDown && this.isOfOne))) {
      // It can be asked again, or others can; or it no longer can.
      this.load();
    }
    replace(
      this.select,
      nodes.map((node) =>
        h(
          "option",
          { value: node.id, disabled: !node.up, selected: node.id === this.node },
          `node ${node.id}${node.up ? "" : " (down)"}`,
        ),
      ),
    );
  }

  /** Whether the chosen node is known to be down. */
  get isDown() {
    return this.world.nodes.get(this.node)?.up === false;
  }

  /** Whether it is just this node's answer that is wanted: the mempool of another is no reply for it. */
  get isOfOne() {
    return this.place?.room === "mempool" && Boolean(this.chosen !== null || this.page);
  }

  /** The name of the chosen node; a node's own page knows no other. */
  get name() {
    return this.world.kind === "node" ? "this node" : `node ${this.node}`;
  }

  /** The same where a sentence begins. */
  get Name() {
    return this.world.kind === "node" ? "This node" : `Node ${this.node}`;
  }

  /** Chooses another node and puts it into the address: opened again, it is the same page. */
  choose(node) {
    this.node = this.chosen = node;
    this.select.value = String(node);
    if (!this.element.isConnected) return;
    const { room, parts, query } = this.place;
    query.set("node", String(node));
    history.replaceState(null, "", `#/${[room, ...parts].map(encodeURIComponent).join("/")}?${query}`);
  }

  /** The reader wants another node's answer. */
  pick(node) {
    setText(this.note, "");
    this.choose(node);
    this.load();
  }

  /** The address of a page, with the chosen node unless another one is named. */
  to(room, id = null, query = {}, node = null) {
    const asked = node !== null && node !== this.node ? node : this.chosen;
    const search = new URLSearchParams(query);
    if (asked !== null) search.set("node", String(asked));
    const words = search.toString();
    const path = id === null ? `#/${room}` : `#/${room}/${encodeURIComponent(id)}`;
    return words ? `${path}?${words}` : path;
  }

  /** A link to a page. */
  link(room, id, words = id, query = {}) {
    if (room === "tx") this.remember(id);
    return h("a", { href: this.to(room, id, query), class: "long", title: words === id ? null : id }, words);
  }

  remember(txid) {
    this.txids.add(txid);
    if (this.txids.size > MOST_TXIDS) this.txids.delete(this.txids.values().next().value);
  }

  /** Asks the chosen node. */
  call(method, ...params) {
    return this.callNode(this.node, method, ...params);
  }

  /** Calls a node, unless it is known to be down. */
  async callNode(node, method, ...params) {
    if (this.world.nodes.get(node)?.up === false) throw new RpcError(`Node ${node} is down.`, null);
    return call(node, method, params);
  }

  /** Calls these nodes until one has a result, and names that node if it is not the chosen one. */
  async askAny(nodes, question, turn = this.turn) {
    let firstError = null;
    const found = await first(nodes, async (node) => {
      try {
        return await question(node);
      } catch (error) {
        firstError ??= error;
        throw error;
      }
    });
    if (!found) throw firstError;
    if (found.node !== this.node) this.answers(found.node, turn);
    return found.answer;
  }

  /** Another node than the chosen one answers; of no interest when the reader has gone on since that turn. */
  answers(node, turn) {
    if (turn !== this.turn) return;
    setText(this.note, this.notKnown(node));
    this.choose(node);
  }

  notKnown(by) {
    return `Node ${this.node} does not know this; node ${by} does.`;
  }

  async load() {
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const { room, parts, query } = this.place;
    this.page = null;
    this.body.setAttribute("aria-busy", "true");
    if (!this.body.firstChild) replace(this.body, h("p", { class: "soft" }, "Asking…"));
    await this.seen();
    if (turn !== this.turn) return;
    this.readAt = performance.now();
    let page;
    try {
      page = await this.make(room, parts, query);
    } catch (error) {
      page = this.refusal(error);
    }
    if (turn !== this.turn) return;
    this.page = page;
    this.body.removeAttribute("aria-busy");
    replace(this.body, page.element);
  }

  /** Waits for the first view. */
  async seen() {
    if (this.world.nodes.size) return;
    await new Promise((go) => {
      this.hasSeen = go;
      setTimeout(go, PATIENCE);
    });
  }

  /** Why a page cannot be shown. */
  refusal(error) {
    const isSilence = error.isSilence === true;
    const [title, words] = isSilence
      ? ["No answer", `${error.message} So it is unknown whether it exists.`]
      : error.code === undefined
        ? ["Not found", `This cannot be shown: ${error.message}`]
        : ["Not found", `${this.Name} says: ${error.message}`];
    const isAskedOfAll = error.code && ["block", "tx"].includes(this.place.room) && running(this).length > 1;
    return {
      isSilence,
      element: h(
        "section",
        { class: "card" },
        h("h2", null, title),
        h("p", null, words),
        isAskedOfAll ? h("p", { class: "soft" }, "The other running nodes do not know it either.") : null,
        error instanceof InvalidRequest
          ? null
          : h("p", null, h("button", { type: "button", onclick: () => this.load() }, "Ask again")),
      ),
    };
  }

  async make(room, parts, query) {
    const isHashed = room === "block" || room === "tx";
    if (isHashed && !/^[0-9a-f]{64}$/i.test(parts[0] ?? "")) throw new InvalidRequest("a hash has 64 hex digits.");
    switch (room) {
      case "block":
        return blockPage(this, parts[0].toLowerCase());
      case "tx":
        return transactionPage(this, parts[0].toLowerCase(), query.get("block"));
      case "address":
        return addressPage(this, parts[0] ?? "", Math.max(0, Math.trunc(Number(query.get("skip"))) || 0));
      case "mempool":
        return mempoolPage(this);
      case "search":
        return this.search(query.get("q") ?? "");
      case "explorer":
        return homePage(this);
      default:
        return {
          element: h(
            "section",
            { class: "card" },
            h("h2", null, "There is no such room"),
            h("p", null, h("a", { href: "#/" }, "To the network")),
          ),
        };
    }
  }

  async search(text) {
    const turn = this.turn;
    const { to, many } = await find(this, text);
    if (many > 1) return several(text, many);
    if (!to && !running(this).length) throw new RpcError("No node runs.", null);
    if (to) {
      if (turn === this.turn) this.lead(to);
      return { element: h("p", { class: "soft" }, "Found.") };
    }
    return {
      element: h(
        "section",
        { class: "card" },
        h("h2", null, "Nothing found"),
        h("p", null, "No height, block, transaction or address matches ", h("code", null, text), "."),
        h(
          "p",
          { class: "soft" },
          "A height is a number; hashes and txids have 64 hex digits, of which the first or the last eight may do; addresses begin with ",
          h("code", null, `${this.world.chain.address_prefix}1`),
          ".",
        ),
      ),
    };
  }

  /** Goes where a search led. The search itself is not worth a step back. */
  lead(to) {
    const node = parse(to).query.get("node");
    if (node !== null && Number(node) !== this.node) this.found = { to, words: this.notKnown(node) };
    location.replace(to);
  }

  /** The model changed, and with it perhaps the nodes that can be called. */
  update() {
    this.options();
  }

  tick() {
    this.page?.tick?.();
    if (this.isStale) this.soon();
    this.retry();
  }

  /** Repeats a failed request when the server is back. */
  retry() {
    if (!this.page?.isSilence) return;
    const isLost = document.body.dataset.state === "lost";
    if (this.wasLost && !isLost) this.load();
    this.wasLost = isLost;
  }

  handle(kind, data) {
    if (kind === "view") this.hasSeen?.();
    if (kind === "transaction") this.remember(data.txid);
    if (!this.element.isConnected) return;
    if (kind === "view") this.options();
    if (this.page?.refresh && (kind === "view" || this.page.concerns(kind, data))) this.soon();
  }

  /** Reads the page again before long; what comes meanwhile is read at the same time. */
  soon() {
    // A hidden page is read when it is seen again.
    this.isStale = document.hidden;
    if (this.isStale || this.timer) return;
    const pace = this.page?.pace ?? PACE;
    this.timer = setTimeout(() => this.again(), Math.max(100, this.readAt + pace - performance.now()));
  }

  async again() {
    this.timer = null;
    const { page } = this;
    // What was read again before may have given way to a page that stays as it is.
    if (!page?.refresh) return;
    // Two at once could answer in the wrong order.
    if (this.isReading) return void (this.isStale = true);
    this.isReading = true;
    this.readAt = performance.now();
    await page.refresh().catch((error) => page.lost(error));
    this.isReading = false;
  }
}

/** A part of a hash that says too little. */
function several(text, many) {
  return {
    element: h(
      "section",
      { class: "card" },
      h("h2", null, "Not enough digits"),
      h("p", null, `${many} blocks or transactions match `, h("code", null, text), ". Write more of its digits."),
    ),
  };
}
