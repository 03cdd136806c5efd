// The card of one node: its state, and buttons that steer it.

import { disable, h, setText, setAttr } from "../lib/dom.js";
import { SIGNS } from "../lib/branchColours.js";
import { letter } from "../model/groups.js";
import { count, foreign, short, span, work } from "../lib/format.js";

export class NodeCard {
  /** `act(step, body, words)` carries out a step; `onClose()` is called when the card goes. */
  constructor(world, steering, act, onClose) {
    Object.assign(this, { world, steering, act, onClose, id: null });
    this.title = h("h3", { tabindex: -1 });
    this.facts = h("dl", { class: "facts" });
    this.rows = new Map();
    this.buttons = h("div", { class: "steps" });
    this.element = h(
      "section",
      { class: "card nodecard", hidden: true, "aria-label": "Node" },
      h(
        "div",
        { class: "row" },
        this.title,
        h(
          "button",
          { type: "button", class: "small quiet", "aria-label": "Close the card", onclick: () => this.close() },
          "✕",
        ),
      ),
      this.facts,
      this.buttons,
    );
    this.element.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
  }

  open(id) {
    this.id = id;
    this.element.hidden = false;
    this.makeButtons();
    this.update();
    this.title.focus({ preventScroll: true });
    this.element.scrollIntoView({ block: "nearest" });
  }

  close() {
    const id = this.id;
    this.id = null;
    this.element.hidden = true;
    this.onClose(id);
  }

  /** Its node is gone: a focus elsewhere stays where it is. */
  lose() {
    if (this.element.contains(document.activeElement)) return this.close();
    this.id = null;
    this.element.hidden = true;
    return undefined;
  }

  get may() {
    return this.world.kind === "devnet" && Boolean(this.steering?.may);
  }

  /** Buttons come and go with the token. */
  followToken() {
    if (this.hasButtons === this.may) return;
    const isLeft = this.buttons.contains(document.activeElement);
    this.makeButtons();
    if (isLeft) this.title.focus({ preventScroll: true });
  }

  makeButtons() {
    this.buttons.replaceChildren();
    this.hasButtons = this.may;
    if (!this.may) return;
    const id = this.id;
    const step = (label, name, body, words) =>
      h("button", { type: "button", class: "small", onclick: () => this.act(name, body, words) }, label);
    // The effect of a step is shown at once; the server's event follows a moment later.
    const setting = (key, value, label, name, body, words) => {
      const press = async () => {
        if (!(await this.act(name, body, words))) return;
        this.world.apply("status", { nodes: [{ id, [key]: value }] });
        this.update();
      };
      const button = h("button", { type: "button", class: "small", onclick: press }, label);
      this.settings.push({ button, key, value });
      return button;
    };
    this.settings = [];
    const group = (label, ...buttons) =>
      h("div", { class: "step", role: "group", "aria-label": label }, h("span", null, label), buttons);
    this.life = step("Kill", "kill", { node: id }, `Node ${id} was killed.`);
    this.back = step("Restart", "restart", { node: id }, `Node ${id} runs again.`);
    this.buttons.append(
      group("Life", this.life, this.back),
      group(
        "Mine now",
        [1, 5].map((blocks) =>
          step(count(blocks, "block"), "mine", { node: id, blocks }, `Node ${id} mined ${count(blocks, "block")}.`),
        ),
      ),
      group(
        "Hash rate",
        [0, 30, 100, 300].map((percent) =>
          setting(
            "percent",
            percent,
            `${percent} %`,
            "hashrate",
            { node: id, percent },
            `Node ${id} mines at ${percent} %.`,
          ),
        ),
      ),
      group(
        "Slow its links by",
        [0, 200, 1000].map((ms) =>
          setting(
            "delay_ms",
            ms,
            ms ? span(ms) : "nothing",
            "slow",
            { node: id, delay_ms: ms },
            ms ? `Node ${id}'s links are ${span(ms)} slower.` : `The delay of node ${id}'s links is removed.`,
          ),
        ),
      ),
    );
  }

  /** What can be done now, and which settings are in force. A node that is down can only be started again. */
  markButtons(node) {
    const [gone, come] = node.up ? [this.back, this.life] : [this.life, this.back];
    come.disabled = false;
    disable(gone, true, () => come);
    for (const button of this.buttons.querySelectorAll("button"))
      if (button !== come && button !== gone) disable(button, !node.up, () => come);
    for (const { button, key, value } of this.settings) {
      const is = key === "percent" ? node.percent : node.delay;
      setAttr(button, "aria-pressed", String(is === value));
    }
  }

  update() {
    if (this.id === null) return;
    const node = this.world.nodes.get(this.id);
    if (!node) return this.lose();
    this.followToken();
    const tip = this.world.blocks.get(node.tip);
    setText(this.title, node.isPeer ? `Peer ${node.name}` : node.name === "this" ? "This node" : `Node ${node.name}`);
    const peers = [...this.world.links.values()]
      .filter(([a, b]) => a === node.id || b === node.id)
      .map(([a, b]) => (a === node.id ? b : a));
    const state = node.isPeer
      ? "connected; its tip is the last block that it announced"
      : !node.up
        ? `down: ${node.why ?? "not running"}`
        : !node.answers
          ? "no answer, though its process runs"
          : node.behind
            ? `on a tip with less work for ${span(this.world.now() - node.behind.since_ms)}, ${count(node.behind.blocks, "block")} behind`
            : this.world.best && node.tip !== this.world.best.hash
              ? "on another tip for a moment"
              : node.phase || "runs";
    this.row("State", state);
    this.row("Stuck", node.up && node.answers ? node.stuck : null);
    if (!this.world.isWhole) this.row("Group", letter(this.world.groupOf(node.id)));
    else this.row("Group", null);
    this.row(
      "Tip",
      node.tip ? `${node.height} · ${short(node.tip)} (${SIGNS[this.world.slotOf(node.tip)].name})` : "unknown",
      tip && !tip.isGenesis ? `#/block/${node.tip}` : null,
    );
    this.row("Work", tip ? work(tip.work) : null);
    this.row(
      "Peers",
      node.isPeer
        ? null
        : peers.length
          ? `${peers.length}: ${peers
              .sort((a, b) => a - b)
              .map((id) => this.world.nodes.get(id)?.name ?? id)
              .join(", ")}`
          : "none",
    );
    this.row(
      "Mempool",
      node.isPeer || !node.up
        ? null
        : `${count(node.mempool, "transaction")}${node.mempoolBytes ? `, ${count(node.mempoolBytes, "byte")}` : ""}`,
      node.isPeer ? null : `#/mempool?node=${node.id}`,
    );
    this.row("Mining", node.isPeer || !node.up ? null : node.mining ? "yes" : "no");
    this.row("Hash rate", node.isPeer || node.percent === null ? null : `${node.percent} %`);
    this.row(
      "Links",
      node.isPeer || node.delay === null
        ? null
        : node.delay
          ? `${span(node.delay)} slower each way`
          : "as fast as at first",
    );
    this.row("Address", node.address || null);
    this.row("Program", node.agent ? foreign(node.agent) : null);
    if (this.hasButtons) this.markButtons(node);
    return undefined;
  }

  /** Sets one row; nothing to say takes it away. */
  row(name, value, link = null) {
    let row = this.rows.get(name);
    if (!row) {
      row = h("div", null, h("dt", null, name), h("dd", null, h("a")));
      this.rows.set(name, row);
      this.facts.append(row);
    }
    row.hidden = value === null;
    if (value === null) return;
    const text = row.lastChild.firstChild;
    setText(text, value);
    setAttr(text, "href", link);
  }
}
