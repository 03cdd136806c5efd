// The block tree: time from left to right, branches in lanes. Follows the newest block, or stays where
// the reader went. What it looks like is in treePaint.js, what is said of a block in blockTip.js.

import { h, setAttr, setText } from "../lib/dom.js";
import { canvas, draw, ease, isCalm } from "../lib/frames.js";
import { firstAt } from "../model/treeLayout.js";
import { AXIS, TOP, paint } from "./treePaint.js";
import { PINNED, pinOf } from "./pinnedFork.js";
import { blockTip, blockWords } from "./blockTip.js";
import { placeBeside } from "../lib/tooltipPlacement.js";

/** How long a node's mark takes to another block. */
const MOVING = 420;
/** Delay of the first mark: other nodes receive a block some milliseconds later. */
const WAITING = 60;
/** Who sets out so soon after another, and to the same block, goes with it. */
const TOGETHER = 150;
/** The tree gives up height when it did not need it for so long. */
const RESTED = 8000;
/** More lanes than this take all the height there is. */
const MOST_LANES = 3;
/** Limit of the tips that show a number of nodes, where nodes have no marks of their own. */
const MOST_CROWDS = 64;
const ZOOMS = [5, 9, 14, 20, 28, 36, 48, 64];

export class Tree {
  /** `onOpen(hash)` is called when a block is chosen. */
  constructor(world, onOpen) {
    Object.assign(this, { world, onOpen, zoomAt: 5, isFollowing: true, left: 0, people: new Map(), seen: {} });
    this.scale = { laneHeight: 50, top: 0 };
    this.picture = h("canvas", { class: "tree-canvas" });
    this.tip = h("div", { class: "tip", hidden: true });
    this.surface = h(
      "div",
      {
        class: "tree",
        tabindex: 0,
        role: "application",
        "aria-roledescription": "block tree",
        "aria-label":
          "Block tree. Left and right go along a branch, up and down to another, Enter opens a block, F follows the newest.",
      },
      this.picture,
      this.tip,
    );
    this.said = h("p", { class: "unseen", role: "status", "aria-live": "polite" });
    this.slider = h("input", {
      type: "range",
      min: 0,
      max: 1000,
      value: 1000,
      "aria-label": "Place in time",
      class: "tree-slider",
      oninput: () => this.slide(),
    });
    this.followButton = h(
      "button",
      { type: "button", class: "small", "aria-pressed": "true", onclick: () => this.follow() },
      "Follow newest",
    );
    this.bar = h(
      "div",
      { class: "tree-bar" },
      this.slider,
      h("button", { type: "button", class: "small", "aria-label": "Smaller", onclick: () => this.zoom(-1) }, "−"),
      h("button", { type: "button", class: "small", "aria-label": "Larger", onclick: () => this.zoom(1) }, "+"),
      this.followButton,
    );
    this.element = h("div", { class: "tree-room" }, this.surface, this.bar, this.said);
    this.frame = (now) => this.draw(now);
    this.listen();
    new ResizeObserver(() => {
      const box = this.surface.getBoundingClientRect();
      if (!box.width) return;
      [this.width, this.height] = [box.width, box.height];
      this.update();
    }).observe(this.surface);
  }

  update() {
    draw(this.frame);
  }

  get px() {
    return ZOOMS[this.zoomAt];
  }

  get blocks() {
    return this.world.ordered;
  }

  /** How many blocks are shown: all, or as many as there were at a time. */
  get many() {
    return Math.min(this.blocks.length, this.world.shown ?? Infinity);
  }

  get newest() {
    return this.blocks[this.many - 1];
  }

  /** Where the left edge is when the newest block is in view. */
  get latest() {
    const end = (this.newest?.x ?? 0) + 72 / this.px + 0.6;
    return Math.max((this.blocks[0]?.x ?? 0) - 1, end - this.width / this.px);
  }

  draw(now) {
    if (!this.width || !this.element.isConnected) return;
    this.world.settle();
    this.forgetUnborn();
    if (this.seen.whole !== this.world.changes.whole) {
      this.seen.whole = this.world.changes.whole;
      this.people.clear();
      this.chosen = this.hovered = null;
      this.follow(true);
    }
    let isBusy = this.glide(now);
    isBusy = this.fitLanes() || isBusy;
    isBusy = this.movePeople(now) || isBusy;
    const box = { w: Math.min(34, this.px * 0.86), h: Math.min(22, Math.max(5, this.px * 0.6)) };
    const last = Math.min(this.many, firstAt(this.blocks, this.left + this.width / this.px));
    this.pin = pinOf(this.blocks, this.left, this.px, last, box);
    const { chosen, hovered, width, height, pin } = this;
    this.laneY = (lane) => this.scale.top + lane * this.scale.laneHeight;
    this.marks = paint(
      canvas(this.picture, width, height),
      this.world,
      { left: this.left, zoom: this.px, width, height, laneY: this.laneY, box, chosen, hovered, pin, above: this.above },
      this.people,
    );
    // Lanes and blocks may have moved since.
    this.placeTip();
    this.moveSlider();
    if (isBusy) this.update();
  }

  /** A block that is found after the moment that is shown has no tooltip. */
  forgetUnborn() {
    const isUnborn = (block) => block && block.at_ms > (this.world.until ?? Infinity);
    if (isUnborn(this.chosen)) this.chosen = null;
    if (isUnborn(this.described) || isUnborn(this.hovered)) this.show(null);
  }

  /** Goes towards where it should be. Returns whether it is still on its way. */
  glide() {
    if (!this.isFollowing) return false;
    const rest = this.latest - this.left;
    if (Math.abs(rest) * this.px < 0.5 || isCalm() || Math.abs(rest) * this.px > this.width) {
      this.left = this.latest;
      return false;
    }
    this.left += rest * 0.16;
    return true;
  }

  /** Lanes in view share the height. */
  fitLanes() {
    let [low, high] = [Infinity, 0];
    const last = Math.min(this.many, firstAt(this.blocks, this.left + this.width / this.px));
    for (let at = firstAt(this.blocks, this.left - 1); at < last; at += 1) {
      low = Math.min(low, this.blocks[at].lane);
      high = Math.max(high, this.blocks[at].lane);
    }
    if (low === Infinity) low = 0;
    this.fitHeight(high - low + 1);
    const room = this.height - AXIS - TOP - 8;
    const laneHeight = Math.max(18, Math.min(64, room / (high - low + 1)));
    const top = TOP + (room - laneHeight * (high - low)) / 2 - low * laneHeight;
    const { scale } = this;
    const isFar = Math.abs(scale.top - top) > 0.5 || Math.abs(scale.laneHeight - laneHeight) > 0.2;
    const speed = isCalm() || !isFar || !this.hasFitted ? 1 : 0.18;
    this.hasFitted = true;
    scale.top += (top - scale.top) * speed;
    scale.laneHeight += (laneHeight - scale.laneHeight) * speed;
    return isFar && speed < 1;
  }

  /**
   * One lane needs little height. Grows at once, and shrinks when few lanes were enough for a while. Where all blocks
   * are known, the height is that of all lanes: a moment looks the same whatever was shown before it.
   */
  fitHeight(inView) {
    const lanes = this.world.shown === undefined ? inView : this.world.layout.ends.length;
    const wanted = Math.min(lanes, MOST_LANES);
    const isLess = wanted < this.lanes;
    if (!isLess) this.lessSince = null;
    else this.lessSince ??= performance.now();
    if (wanted === this.lanes || (isLess && performance.now() - this.lessSince < RESTED)) return;
    this.lanes = wanted;
    this.surface.classList.toggle("shrinks", isLess);
    setAttr(this.surface, "data-lanes", wanted);
  }

  /** When and whence a node sets out: with those that go the same way, if they just did. */
  depart(person, to, now) {
    const way = `${person.tip} ${to}`;
    const party = [...this.people.values()].find(
      (other) => other.isMoving && other.way === way && now - other.at < TOGETHER,
    );
    const { fromX, fromY, at } = party ?? { fromX: person.x, fromY: person.y, at: now + WAITING };
    Object.assign(person, { fromX, fromY, at, way, left: person.tip, tip: to, isMoving: !isCalm() });
  }

  /** Places the marks at once: another moment is shown. */
  jump() {
    this.people.clear();
  }

  /** Height of a mark above its block. */
  standY(block) {
    return this.scale.top + block.lane * this.scale.laneHeight + this.above;
  }

  get above() {
    return -Math.min(22, this.px * 0.6) / 2 - 13;
  }

  /** Nodes that are too many to follow each have one mark for each tip. */
  standCrowds() {
    this.people.clear();
    for (const { hash, many, block } of this.world.tips.slice(0, MOST_CROWDS)) {
      if (!block) continue;
      const slot = this.world.slotOf(hash);
      this.people.set(hash, { x: block.x, y: this.standY(block), tip: hash, party: hash, many, slot });
    }
    return false;
  }

  /** Every node's mark goes to its tip. */
  movePeople(now) {
    if (!this.world.nodes.size) return this.standCrowds();
    let isBusy = false;
    for (const node of this.world.nodes.values()) {
      const block = node.up ? this.world.blocks.get(node.tip) : null;
      if (!block) {
        this.people.delete(node.id);
        continue;
      }
      const y = this.standY(block);
      let person = this.people.get(node.id);
      if (!person) this.people.set(node.id, (person = { x: block.x, y, tip: node.tip, isMoving: false }));
      if (person.tip !== node.tip) this.depart(person, node.tip, now);
      const part = person.isMoving ? Math.min(1, Math.max(0, now - person.at) / MOVING) : 1;
      const k = ease(part);
      person.x = part < 1 ? person.fromX + (block.x - person.fromX) * k : block.x;
      person.y = part < 1 ? person.fromY + (y - person.fromY) * k : y;
      person.isMoving = part < 1;
      // A mark that has not left yet is drawn with those that it leaves.
      person.party = !person.isMoving ? node.tip : now < person.at ? person.left : `${person.way} ${person.at}`;
      person.name = node.name;
      person.slot = this.world.slotOf(node.tip);
      person.isBehind = node.behind !== null;
      isBusy ||= person.isMoving;
    }
    if (this.people.size > this.world.nodes.size) {
      for (const id of this.people.keys()) if (!this.world.nodes.has(id)) this.people.delete(id);
    }
    return isBusy;
  }

  listen() {
    const { surface } = this;
    let grip = null;
    surface.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      grip = { x: event.clientX, left: this.left, moved: false, id: event.pointerId };
    });
    surface.addEventListener("pointermove", (event) => {
      if (!grip) return this.hover(event);
      const far = event.clientX - grip.x;
      if (!grip.moved && Math.abs(far) < 5) return undefined;
      if (!grip.moved) surface.setPointerCapture(grip.id);
      grip.moved = true;
      this.goTo(grip.left - far / this.px);
      return undefined;
    });
    surface.addEventListener("pointerup", (event) => {
      const isPress = grip && !grip.moved;
      grip = null;
      const block = isPress ? this.blockAt(event) : null;
      if (block && !block.isGenesis) this.onOpen(block.hash);
    });
    surface.addEventListener("pointercancel", () => (grip = null));
    surface.addEventListener("pointerleave", () => this.show(this.isKeyed ? this.chosen : null));
    surface.addEventListener("blur", () => {
      this.isKeyed = false;
      this.show(null);
    });
    surface.addEventListener(
      "wheel",
      (event) => {
        // Up and down scrolls the page; sideways, or with Shift, the tree.
        const by = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
        if (!by || (Math.abs(event.deltaY) > Math.abs(event.deltaX) && !event.shiftKey)) return;
        event.preventDefault();
        this.goTo(this.left + by / this.px);
      },
      { passive: false },
    );
    surface.addEventListener("keydown", (event) => this.key(event));
  }

  goTo(left) {
    const least = (this.blocks[0]?.x ?? 0) - 1;
    this.left = Math.max(least, Math.min(this.latest, left));
    this.setFollowing(this.left >= this.latest - 0.01);
    this.show(null);
    this.update();
  }

  setFollowing(is) {
    this.isFollowing = is;
    setAttr(this.followButton, "aria-pressed", String(is));
  }

  follow(atOnce = false) {
    this.setFollowing(true);
    if (atOnce) this.left = this.latest;
    this.update();
  }

  zoom(by) {
    const middle = this.left + this.width / this.px / 2;
    this.zoomAt = Math.max(0, Math.min(ZOOMS.length - 1, this.zoomAt + by));
    if (this.isFollowing) this.follow(true);
    else this.goTo(middle - this.width / this.px / 2);
  }

  slide() {
    const [least, most] = [(this.blocks[0]?.x ?? 0) - 1, this.latest];
    this.goTo(least + ((most - least) * Number(this.slider.value)) / 1000);
  }

  moveSlider() {
    const [least, most] = [(this.blocks[0]?.x ?? 0) - 1, this.latest];
    const at = most > least ? Math.round(((this.left - least) / (most - least)) * 1000) : 1000;
    if (this.slider.valueAsNumber !== at && document.activeElement !== this.slider) this.slider.value = at;
    const text = this.blocks[firstAt(this.blocks, this.left + 1)];
    setAttr(this.slider, "aria-valuetext", text ? `from block ${text.height}` : null);
  }

  blockAt(event) {
    const box = this.surface.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    const x = this.left + px / this.px;
    if (this.pin && px < this.pin.zone) {
      return Math.hypot(px - PINNED, py - this.pin.y) < 18 ? this.pin.fork : null;
    }
    let [best, least] = [null, 18];
    for (let at = firstAt(this.blocks, x - 1.2); at < this.many && this.blocks[at].x < x + 1.2; at += 1) {
      const block = this.blocks[at];
      const far = Math.hypot((block.x - x) * this.px, this.laneY(block.lane) - py);
      if (far < least) [best, least] = [block, far];
    }
    return best;
  }

  hover(event) {
    const block = this.blockAt(event);
    if (block === this.hovered) return;
    this.hovered = block;
    this.surface.classList.toggle("pointing", Boolean(block));
    this.show(block ?? (this.isKeyed ? this.chosen : null));
  }

  /** Shows what is known of a block beside it. */
  show(block) {
    if (!block) this.hovered = null;
    this.described = block;
    this.tip.hidden = !block;
    if (block) {
      blockTip(this.tip, block, this.world);
      this.tipSize = { w: this.tip.offsetWidth, h: this.tip.offsetHeight };
      this.placeTip();
    }
    this.update();
  }

  /** The box of a block as it is drawn, with its frame. */
  boxOf(block) {
    const isPinned = this.pin?.fork === block;
    const x = isPinned ? PINNED : (block.x - this.left) * this.px;
    const y = isPinned ? this.pin.y : this.laneY(block.lane);
    const [w, h] = [Math.min(34, this.px * 0.86) + 12, Math.min(22, Math.max(5, this.px * 0.6)) + 12];
    return { x: x - w / 2, y: y - h / 2, w, h };
  }

  /** Places the tooltip where it covers neither its block nor, if there is room, the tips and their marks. */
  placeTip() {
    if (!this.described || !this.laneY) return;
    const own = this.boxOf(this.described);
    const tips = this.world.tips.map((tip) => tip.block).filter((block) => block && block !== this.described);
    const { left, top } = placeBeside(own, [...tips.map((block) => this.boxOf(block)), ...this.marks], {
      size: this.tipSize,
      within: this.surface.getBoundingClientRect(),
    });
    this.tip.style.left = `${left}px`;
    this.tip.style.top = `${top}px`;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const from = this.chosen && this.world.blocks.has(this.chosen.hash) ? this.chosen : null;
    const page = this.width / this.px;
    const steps = {
      ArrowLeft: () => this.choose(from ? from.parent : (this.world.best ?? this.newest)),
      ArrowRight: () => this.choose(from ? this.childOf(from) : (this.world.best ?? this.newest)),
      ArrowUp: () => this.choose(this.beside(from, -1)),
      ArrowDown: () => this.choose(this.beside(from, 1)),
      Home: () => this.choose(this.blocks[0]),
      End: () => {
        this.choose(this.newest);
        this.follow();
      },
      PageUp: () => this.goTo(this.left - page * 0.8),
      PageDown: () => this.goTo(this.left + page * 0.8),
      Enter: () => from && !from.isGenesis && this.onOpen(from.hash),
      Escape: () => this.choose(null),
      f: () => this.follow(),
      "+": () => this.zoom(1),
      "-": () => this.zoom(-1),
    };
    if (!steps[event.key]) return;
    event.preventDefault();
    steps[event.key]();
  }

  choose(block) {
    if (block === undefined) return;
    this.chosen = block;
    this.isKeyed = Boolean(block);
    if (block) {
      const page = this.width / this.px;
      if (block.x < this.left + (this.pin ? this.pin.zone / this.px + 1 : 1) || block.x > this.left + page - 2)
        this.goTo(block.x - page / 2);
      setText(this.said, blockWords(block, this.world));
    }
    this.show(block);
  }

  childOf(block) {
    let found;
    for (let at = this.many - 1; at >= 0 && this.blocks[at].x > block.x; at -= 1) {
      if (this.blocks[at].parent === block && (!found || this.blocks[at].lane === block.lane)) found = this.blocks[at];
    }
    return found;
  }

  /** The nearest block in time in the next lane of that side that has one in view. */
  beside(block, way) {
    if (!block) return this.world.best ?? this.newest;
    let [best, least] = [undefined, Infinity];
    for (let at = firstAt(this.blocks, block.x - 20); at < this.many && this.blocks[at].x < block.x + 20; at += 1) {
      const other = this.blocks[at];
      const lanes = (other.lane - block.lane) * way;
      const far = lanes * 100 + Math.abs(other.x - block.x);
      if (lanes > 0 && far < least) [best, least] = [other, far];
    }
    return best;
  }
}
