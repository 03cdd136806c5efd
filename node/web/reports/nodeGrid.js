// Every node of a report as a mark on a canvas, by groups. Only marks that look different are painted again.

import { h, setText } from "../lib/dom.js";
import { canvas, draw } from "../lib/frames.js";
import { NAME, markOf, nodeAt, nodeBeside, placesOf } from "./nodePositions.js";
import { placeBeside } from "../lib/tooltipPlacement.js";
import { palette, signPath } from "../lib/branchColours.js";
import { BEHIND, HOLLOW, UNTOLD } from "../model/tipPositions.js";

const FONT = "system-ui, sans-serif";
/** Marks of this size bear their node's number; those of the next show their tip's sign, smaller ones only its colour. */
const NUMBERED = 24;
const SIGNED = 8;
/** How much of its colour a mark keeps that is behind another. */
const PALE = 0.5;
const UNPAINTED = 255;

export class NodeGrid {
  /** `lookOf(node)` is how a node looks now, `wordsOf(node)` what is said of it. */
  constructor(ranges, nodes, { lookOf, wordsOf }) {
    Object.assign(this, { ranges, nodes, lookOf, wordsOf, pointed: null, keyed: null });
    this.painted = new Uint8Array(nodes).fill(UNPAINTED);
    this.changed = Array.from({ length: UNTOLD + 1 }, () => []);
    this.picture = h("canvas", { class: "grid-canvas", "aria-hidden": "true" });
    this.ring = h("div", { class: "grid-ring", hidden: true });
    this.tip = h("div", { class: "tip", hidden: true });
    this.surface = h(
      "div",
      {
        class: "node-grid",
        tabindex: 0,
        role: "application",
        "aria-roledescription": "nodes",
        "aria-label": "Every node by group. Arrow keys go from node to node, Home and End to the first and the last.",
      },
      this.picture,
      this.ring,
      this.tip,
    );
    // Only a move by key is announced, not every frame of playback.
    this.said = h("p", { class: "unseen", role: "status", "aria-live": "polite" });
    this.element = h("div", null, this.surface, this.said);
    this.frame = () => this.draw();
    this.listen();
    new ResizeObserver(() => {
      const wide = Math.floor(this.surface.clientWidth);
      if (wide && wide !== this.width) this.arrange(wide);
    }).observe(this.surface);
  }

  update() {
    draw(this.frame);
  }

  arrange(width) {
    this.width = width;
    this.places = placesOf(this.ranges, width);
    this.surface.style.height = `${this.places.height}px`;
    this.colours = null;
    this.update();
  }

  draw() {
    if (!this.places || !this.element.isConnected) return;
    const ratio = window.devicePixelRatio || 1;
    if (this.colours !== palette() || this.ratio !== ratio) this.clear(ratio);
    for (const list of this.changed) list.length = 0;
    for (let node = 0; node < this.nodes; node += 1) {
      const look = this.lookOf(node);
      if (this.painted[node] === look) continue;
      this.changed[look].push(node);
    }
    this.changed.forEach((list, look) => list.length && this.paint(list, look));
    this.show();
  }

  /** Everything is painted anew: the size is another, or the colours are. */
  clear(ratio) {
    Object.assign(this, { colours: palette(), ratio, sprites: [] });
    this.context = canvas(this.picture, this.width, this.places.height);
    this.painted.fill(UNPAINTED);
    const { context } = this;
    context.fillStyle = this.colours.soft;
    context.font = `600 12.5px ${FONT}`;
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (const { range, x, y, wide } of this.places.boxes) {
      if (range.name) context.fillText(fit(context, range.words, wide), x, y + NAME / 2 - 1);
    }
  }

  /** Paints nodes that have one look. */
  paint(list, look) {
    const { context, painted } = this;
    const { size, boxes } = this.places;
    const put = size < SIGNED ? this.square(look) : this.sprite(look);
    // Nodes are in order, and so are boxes: each begins where the last was found.
    let at = 0;
    for (const node of list) {
      while (boxes[at + 1] && boxes[at + 1].range.first <= node) at += 1;
      const { range, columns, x: left, top } = boxes[at];
      const place = node - range.first;
      const x = left + (place % columns) * size;
      const y = top + Math.floor(place / columns) * size;
      put(x, y, painted[node] !== UNPAINTED);
      if (size >= NUMBERED) this.number(node, x, y, look);
      painted[node] = look;
    }
    context.globalAlpha = 1;
  }

  /** Paints a small mark; it covers the one before. */
  square(look) {
    const { context, colours } = this;
    const { size } = this.places;
    const side = size > 3 ? size - 1 : size;
    context.fillStyle = colourOf(look, colours);
    if (look === HOLLOW && size > 3) {
      return (x, y) => {
        context.fillRect(x, y, side, side);
        context.clearRect(x + 1, y + 1, side - 2, side - 2);
      };
    }
    if (!isPale(look)) return (x, y) => context.fillRect(x, y, side, side);
    return (x, y) => {
      context.clearRect(x, y, side, side);
      context.globalAlpha = PALE;
      context.fillRect(x, y, side, side);
    };
  }

  sprite(look) {
    const { context } = this;
    const { size } = this.places;
    const sprite = (this.sprites[look] ??= spriteOf(look, size, this.colours));
    return (x, y, isOver) => {
      if (isOver) context.clearRect(x, y, size, size);
      context.drawImage(sprite, x, y, size, size);
    };
  }

  number(node, x, y, look) {
    const { context, colours } = this;
    const { size } = this.places;
    const text = String(node);
    const isFull = look < HOLLOW && !isPale(look);
    context.fillStyle = isFull ? colours.on : look < HOLLOW ? colours.ink : colours.soft;
    context.font = `600 ${Math.min(size * 0.36, (size * 0.8) / (text.length * 0.62)).toFixed(1)}px ${FONT}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(text, x + size / 2, y + size / 2 + 0.5);
  }

  listen() {
    const { surface } = this;
    const pointAt = (event) => {
      if (!this.places) return;
      const box = surface.getBoundingClientRect();
      this.point(nodeAt(this.places, event.clientX - box.left, event.clientY - box.top));
    };
    surface.addEventListener("pointermove", pointAt);
    surface.addEventListener("pointerdown", pointAt);
    surface.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && this.point(null));
    surface.addEventListener("blur", () => {
      this.keyed = null;
      this.point(null);
    });
    surface.addEventListener("keydown", (event) => this.key(event));
  }

  point(node) {
    if (this.pointed === node) return;
    this.pointed = node;
    this.update();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.places) return;
    const from = this.keyed ?? this.pointed;
    const to = (node) => Math.max(0, Math.min(this.nodes - 1, node));
    const steps = {
      ArrowLeft: () => to((from ?? 1) - 1),
      ArrowRight: () => to((from ?? -1) + 1),
      ArrowUp: () => (from === null ? 0 : nodeBeside(this.places, from, -1)),
      ArrowDown: () => (from === null ? 0 : nodeBeside(this.places, from, 1)),
      Home: () => 0,
      End: () => this.nodes - 1,
      Escape: () => null,
    };
    if (!steps[event.key] || !this.nodes) return;
    event.preventDefault();
    this.keyed = steps[event.key]();
    this.pointed = null;
    setText(this.said, this.keyed === null ? "" : this.wordsOf(this.keyed));
    this.update();
  }

  /** Rings the node under the pointer or chosen by keys, and shows its text. */
  show() {
    const node = this.pointed ?? this.keyed;
    this.ring.hidden = this.tip.hidden = node === null;
    if (node === null) return;
    const mark = markOf(this.places, node);
    Object.assign(this.ring.style, {
      left: `${mark.x - 2}px`,
      top: `${mark.y - 2}px`,
      width: `${mark.w + 4}px`,
      height: `${mark.h + 4}px`,
    });
    const words = this.wordsOf(node);
    if (this.tooltipWords === words && this.shownAt === mark.x + mark.y * 1e4) return;
    [this.tooltipWords, this.shownAt] = [words, mark.x + mark.y * 1e4];
    setText(this.tip, words);
    const own = { x: mark.x - 6, y: mark.y - 6, w: mark.w + 12, h: mark.h + 12 };
    const { left, top } = placeBeside(own, [], {
      size: { w: this.tip.offsetWidth, h: this.tip.offsetHeight },
      within: this.surface.getBoundingClientRect(),
    });
    this.tip.style.left = `${left}px`;
    this.tip.style.top = `${top}px`;
  }
}

const isPale = (look) => look >= BEHIND && look < HOLLOW;

function colourOf(look, colours) {
  if (look === UNTOLD) return colours.faint;
  return look === HOLLOW ? colours.stale : colours.slots[look % BEHIND];
}

/** A mark as a picture that is put down as often as it is needed. */
function spriteOf(look, size, colours) {
  const sprite = document.createElement("canvas");
  const context = canvas(sprite, size, size);
  const colour = colourOf(look, colours);
  context.translate(size / 2, size / 2);
  context.fillStyle = context.strokeStyle = colour;
  context.globalAlpha = isPale(look) ? PALE : 1;
  const isNumbered = size >= NUMBERED;
  if (look === HOLLOW) {
    context.lineWidth = isNumbered ? 1.6 : 1.2;
    if (isNumbered) context.setLineDash([3, 2.5]);
  }
  if (look >= HOLLOW || isNumbered) {
    context.beginPath();
    context.arc(0, 0, isNumbered ? size * 0.4 : size * 0.36, 0, 7);
    if (look === HOLLOW) context.stroke();
    else context.fill();
  }
  if (look >= HOLLOW) return sprite;
  if (isNumbered) context.translate(size * 0.31, -size * 0.31);
  // Signs are twelve wide.
  const scale = isNumbered ? size / 46 : (size - 1.5) / 12;
  context.scale(scale, scale);
  if (isNumbered) {
    // Its edge parts it from the disc.
    context.globalAlpha = 1;
    context.strokeStyle = colours.card;
    context.lineWidth = 3;
    context.stroke(signPath(look % BEHIND));
  }
  context.fill(signPath(look % BEHIND));
  return sprite;
}

/** As much of a text as there is room for. */
function fit(context, text, width) {
  let cut = text;
  while (cut.length > 1 && context.measureText(cut).width > width) cut = `${cut.slice(0, -2)}…`;
  return cut;
}
