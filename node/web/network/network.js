// The picture of the network: nodes, links, groups. The marks along links are in linkAnimation.js, pointer and keys in
// gestures.js.

import { h, s, keyed, setAttr, setText, replace } from "../lib/dom.js";
import { draw, ease, isCalm } from "../lib/frames.js";
import { BELOW, distance, hull, layout } from "./networkLayout.js";
import { letter, sameGroups } from "../model/groups.js";
import { SIGNS } from "../lib/branchColours.js";
import { short, span } from "../lib/format.js";
import { LinkAnimation } from "./linkAnimation.js";

/** How long nodes take to their new places. */
const MOVING = 450;

export class Network {
  /** `proposal` may be none; `onOpen(id)` is called when a node is chosen. */
  constructor(world, proposal, onOpen) {
    Object.assign(this, { world, proposal, onOpen });
    this.places = new Map(); // where nodes are drawn now
    this.targets = new Map();
    this.radius = 20;
    this.seen = {};
    this.selected = null;
    this.focused = null;
    this.hulls = s("g", { "aria-hidden": "true" });
    this.over = s("g", { "aria-hidden": "true" });
    this.people = s("g", { role: "group", "aria-label": "Nodes. Arrow keys move between them, Enter opens one." });
    this.svg = s(
      "svg",
      { class: "net-svg", role: "group", "aria-label": "The network" },
      this.hulls,
      this.over,
      this.people,
    );
    this.marks = h("canvas", { class: "net-marks", "aria-hidden": "true" });
    this.element = h("div", { class: "net" }, this.marks, this.svg);
    this.animation = new LinkAnimation(this.marks, this);
    this.frame = (now) => this.draw(now);
    new ResizeObserver(() => {
      const box = this.element.getBoundingClientRect();
      if (!box.width || (box.width === this.width && box.height === this.height)) return;
      [this.width, this.height] = [box.width, box.height];
      setAttr(this.svg, "viewBox", `0 0 ${this.width} ${this.height}`);
      this.arrange(true);
    }).observe(this.element);
  }

  /** The groups to show: those proposed, else those that are. */
  get groups() {
    return this.proposal?.groups ?? this.world.groups;
  }

  /** Something may have changed. */
  update() {
    draw(this.frame);
  }

  /** Gives every node its place anew. */
  arrange(atOnce = false) {
    if (!this.width) return;
    const groups = this.groups
      .map((group) => group.filter((id) => this.world.nodes.has(id)))
      .filter((group) => group.length);
    // A node's own page has it in the middle of its peers, but beside one alone: no node covers another.
    const isMiddle = this.world.kind === "node" && this.world.nodes.size > 2;
    const around = isMiddle
      ? groups.map((group) => group.filter((id) => id !== 0)).filter((group) => group.length)
      : groups;
    const { places, radius } = layout(around, this.width, this.height);
    if (isMiddle) places.set(0, { x: this.width / 2, y: this.height / 2 });
    this.radius = radius;
    this.targets = places;
    this.arranged = groups;
    this.from = new Map([...places].map(([id, at]) => [id, this.places.get(id) ?? at]));
    this.movedAt = atOnce || isCalm() || !this.places.size ? -Infinity : performance.now();
    this.isMoving = true;
    this.update();
  }

  draw(now) {
    if (!this.width || !this.element.isConnected) return;
    const { changes } = this.world;
    this.world.settle();
    const isNew = changes.whole !== this.seen.whole;
    if (
      isNew ||
      this.seen.count !== this.world.nodes.size ||
      !this.arranged ||
      !sameGroups(this.arranged, this.groups)
    ) {
      this.seen = { whole: changes.whole, count: this.world.nodes.size };
      this.arrange(isNew);
    }
    const isMoving = this.isMoving;
    if (isMoving) this.step(now);
    if (isMoving || this.seen.nodes !== changes.nodes || this.seen.hand !== this.hand) {
      keyed(
        this.people,
        [...this.world.nodes.values()],
        (node) => node.id,
        (node) => this.make(node),
        (g, node) => this.dress(g, node),
      );
      this.drawHulls();
      this.seen.nodes = changes.nodes;
      this.seen.hand = this.hand;
    }
    this.animation.draw(now, Boolean(this.hand) || isMoving || this.seen.links !== changes.links || isNew);
    this.seen.links = changes.links;
    if (this.isMoving || this.animation.isBusy) draw(this.frame);
  }

  step(now) {
    const part = Math.min(1, (now - this.movedAt) / MOVING);
    for (const [id, to] of this.targets) {
      const from = this.from.get(id) ?? to;
      const k = ease(Math.max(0, part));
      this.places.set(id, { x: from.x + (to.x - from.x) * k, y: from.y + (to.y - from.y) * k });
    }
    for (const id of this.places.keys()) if (!this.targets.has(id)) this.places.delete(id);
    this.isMoving = part < 1;
  }

  /** Where a node is drawn: in the hand that drags it, or at its place. */
  at(id) {
    return this.hand?.id === id ? this.hand : this.places.get(id);
  }

  make(node) {
    const g = s(
      "g",
      { class: "node", role: "button", tabindex: -1, "data-id": node.id },
      s("circle", { class: "node-ring" }),
      s("circle", { class: "node-disc" }),
      s("path", { class: "node-sign" }),
      s("text", { class: "node-name", "aria-hidden": "true" }),
      s("text", { class: "node-height", "aria-hidden": "true" }),
    );
    g.addEventListener("focus", () => {
      this.focused = node.id;
      this.rove();
    });
    return g;
  }

  /** One node is reached by Tab, the others by arrow keys. */
  rove() {
    const first = this.world.nodes.has(this.focused) ? this.focused : this.world.nodes.keys().next().value;
    for (const g of this.people.children) setAttr(g, "tabindex", Number(g.dataset.id) === first ? 0 : -1);
  }

  dress(g, node) {
    const at = this.at(node.id);
    if (!at) return;
    const slot = this.world.slotOf(node.tip);
    const isBehind = node.up && node.behind !== null;
    const r = this.radius;
    const look = `${at.x.toFixed(1)} ${at.y.toFixed(1)} ${r} ${slot} ${node.up} ${node.height} ${isBehind} ${this.selected === node.id} ${node.name} ${this.groups.length} ${node.tip} ${node.tip === this.world.best?.hash} ${node.answers} ${node.delay}`;
    if (g.look === look) return;
    if (!g.look) queueMicrotask(() => this.rove());
    g.look = look;
    const [ring, disc, sign, name, height] = g.children;
    setAttr(g, "transform", `translate(${at.x.toFixed(1)} ${at.y.toFixed(1)})`);
    setAttr(
      g,
      "class",
      `node slot${slot}${node.up ? (node.answers ? "" : " silent") : " down"}${isBehind ? " stuck" : ""}${this.selected === node.id ? " selected" : ""}${this.world.kind === "node" && node.id === 0 ? " self" : ""}`,
    );
    // It has neither height nor sign: its tip is not known.
    g.classList.toggle("peer", node.isPeer);
    setAttr(ring, "r", r + 4);
    setAttr(disc, "r", r);
    setAttr(sign, "d", SIGNS[slot].path);
    setAttr(
      sign,
      "transform",
      `translate(${(r * 0.78).toFixed(1)} ${(-r * 0.78).toFixed(1)}) scale(${(r / 22).toFixed(2)})`,
    );
    setText(name, node.up ? node.name : "✕");
    setAttr(name, "font-size", Math.max(10, r * 0.8).toFixed(1));
    // Among many nodes only those that differ show their height.
    const isQuiet = this.world.nodes.size > 16 && node.tip === this.world.best?.hash;
    setText(height, !node.up ? `${node.name} down` : !node.answers ? "no answer" : isQuiet ? "" : String(node.height));
    // Below the ring, which strikes through nothing.
    setAttr(height, "y", (r + BELOW).toFixed(1));
    setAttr(height, "class", r < 13 ? "node-height small" : "node-height");
    setAttr(g, "aria-label", this.words(node, isBehind, slot));
  }

  words(node, isBehind, slot) {
    const who = node.isPeer ? `Peer ${node.name}` : `Node ${node.name}`;
    const group =
      this.groups.length > 1 ? `, group ${letter(this.groups.findIndex((ids) => ids.includes(node.id)))}` : "";
    // Of a peer only the announced block is known.
    if (node.isPeer)
      return node.announced ? `${who}, last announced block ${node.announced.height}` : `${who}, has announced no block yet`;
    if (!node.up) return `${who}${group}, down: ${node.why ?? "not running"}`;
    const state =
      node.tip === this.world.best?.hash ? "on the best tip" : isBehind ? "on a tip with less work" : "on another tip";
    const silent = node.answers ? "" : ", no answer";
    const slow = node.delay ? `, its links ${span(node.delay)} slower` : "";
    return `${who}${group}${silent}, block ${node.height}, ${state} (${SIGNS[slot].name}, ${short(node.tip)})${slow}`;
  }

  drawHulls() {
    const groups = this.groups.length > 1 ? this.groups : [];
    const isProposed = Boolean(this.proposal?.groups);
    keyed(
      this.hulls,
      groups.map((group, place) => ({ group, place })),
      (item) => item.place,
      () => s("g", null, s("path"), s("text", { class: "hull-name" })),
      (g, { group, place }) => {
        const points = group.map((id) => this.places.get(id)).filter(Boolean);
        if (!points.length) return;
        const shape = hull(points);
        const d = `M${shape.map((at) => `${at.x.toFixed(1)} ${at.y.toFixed(1)}`).join("L")}${shape.length === 1 ? "h0.1" : "Z"}`;
        const pad = this.radius + 12;
        const top = shape.reduce((least, at) => (at.y < least.y ? at : least));
        setAttr(g, "class", `hull${isProposed ? " proposed" : ""}`);
        setAttr(g.firstChild, "d", d);
        setAttr(g.firstChild, "stroke-width", (pad * 2).toFixed(0));
        setText(g.lastChild, isProposed ? `${letter(place)}?` : letter(place));
        setAttr(g.lastChild, "x", top.x.toFixed(1));
        setAttr(g.lastChild, "y", Math.max(0, top.y - pad - 19).toFixed(1));
      },
    );
  }

  /** The group whose hull holds a point, or the number of groups for free space. */
  groupAt(at, except) {
    let [best, least] = [this.groups.length, this.radius * 1.6];
    this.groups.forEach((group, place) => {
      const points = group
        .filter((id) => id !== except)
        .map((id) => this.places.get(id))
        .filter(Boolean);
      const far = distance(hull(points), at);
      if (far < least) [best, least] = [place, far];
    });
    return best;
  }

  /** Shows a cut line while it is drawn. */
  showLine(from, to) {
    if (!from) replace(this.over);
    else if (this.over.firstChild) {
      setAttr(this.over.firstChild, "x2", to.x);
      setAttr(this.over.firstChild, "y2", to.y);
    } else this.over.append(s("line", { class: "cut-line", x1: from.x, y1: from.y, x2: to.x, y2: to.y }));
  }

  /** Marks a node as the one whose card is open. */
  select(id) {
    this.selected = id;
    this.seen.nodes = null;
    this.update();
  }

  /** The node that Tab reaches. */
  get first() {
    return this.people.querySelector("[tabindex='0']");
  }

  focus(id) {
    this.people.querySelector(`[data-id="${id}"]`)?.focus();
  }
}
