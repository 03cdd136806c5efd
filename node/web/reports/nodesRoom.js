// The nodes of a report at a moment: a picture of all, and the tips that they have as text.

import { h, keyed, s, setAttr, setText } from "../lib/dom.js";
import { count, short, tenths } from "../lib/format.js";
import { NodeGrid } from "./nodeGrid.js";
import { DOWN, rangesOf } from "../model/reportTips.js";
import { SIGNS } from "../lib/branchColours.js";
import { BEHIND } from "../model/tipPositions.js";

/** Tips that have a line each. */
const MOST_LINES = 8;
/** Interval of the text's changes during playback, in milliseconds: slow enough to be read. */
const READ = 100;

export class NodesRoom {
  /** `tipPositions` are the tips of the report's nodes. */
  constructor(report, tipPositions) {
    Object.assign(this, { report, tipPositions, seen: null });
    this.ranges = rangesOf(report).map((range) => ({
      ...range,
      words: `${range.name}, ${count(range.nodes, "node")}`,
    }));
    this.grid = new NodeGrid(this.ranges, report.nodes, {
      lookOf: (node) => tipPositions.lookOf(node),
      wordsOf: (node) => this.wordsOf(node),
    });
    this.figures = h("p", { class: "soft" });
    this.legend = h("ul", { class: "tips plain", "aria-label": "Tips at this moment, most nodes first" });
    this.key = h("p", { class: "soft key" }, "Paler: others are further on the same branch.");
    this.element = h(
      "section",
      { class: "card", "aria-labelledby": "nodes-title" },
      h("h2", { id: "nodes-title" }, "Nodes"),
      this.figures,
      h("div", { class: "nodes-room" }, this.grid.element, h("div", { class: "stack" }, this.legend, this.key)),
    );
  }

  update(now, isPlaying) {
    this.grid.update();
    if (isPlaying && now - (this.readAt ?? 0) < READ) return;
    if (this.seen === this.tipPositions.tips.changes) return;
    this.readAt = now;
    this.seen = this.tipPositions.tips.changes;
    const { tips } = this.tipPositions;
    setText(this.figures, tips.isKnown ? this.sum() : untold(tips.until));
    this.drawLegend();
  }

  sum() {
    const { down, tips, nodes } = this.tipPositions.tips;
    const running = down
      ? `${(nodes - down).toLocaleString("en")} of ${count(nodes, "node")} run`
      : count(nodes, "node");
    return `${running}, on ${count(tips, "tip")}.`;
  }

  drawLegend() {
    const { tips } = this.tipPositions;
    const list = tips.isKnown ? tips.list : [];
    const rows = list.slice(0, MOST_LINES).map((one, place) => ({ ...one, place }));
    if (list.length > MOST_LINES) rows.push({ place: "more", many: list.length - MOST_LINES });
    if (tips.isKnown && tips.down) rows.push({ place: "down", many: tips.down });
    this.key.hidden = !rows.some(({ tip }) => tip !== undefined && this.tipPositions.looks[tip] >= BEHIND);
    keyed(
      this.legend,
      rows,
      (row) => row.place,
      ({ place }) => h("li", null, place === "more" ? h("span") : signBox(), h("span"), h("b")),
      (li, row) => this.fill(li, row),
    );
  }

  fill(li, { place, tip, many }) {
    const [sign, words, number] = li.children;
    if (place === "more") return setText(words, `and ${count(many, "more tip")}`);
    setText(number, place === "down" ? many.toLocaleString("en") : count(many, "node"));
    if (place === "down") {
      setAttr(sign, "class", "sign hollow");
      setAttr(sign, "aria-label", "hollow circle");
      setAttr(sign.firstChild, "d", SIGNS[0].path);
      return setText(words, "down");
    }
    const look = this.tipPositions.looks[tip];
    const slot = look % BEHIND;
    setAttr(sign, "class", `sign slot${slot}${look >= BEHIND ? " pale" : ""}`);
    setAttr(sign, "aria-label", look >= BEHIND ? `${SIGNS[slot].name}, paler` : SIGNS[slot].name);
    setAttr(sign.firstChild, "d", SIGNS[slot].path);
    return setText(words, this.tipWords(tip));
  }

  tipWords(tip) {
    return tip === 0 ? "genesis" : `block ${this.tipPositions.heightOf(tip)} ${short(this.tipPositions.hashOf(tip))}`;
  }

  /** "node 706 (south): block 45 …a1b2c3d4, since 14:00.3" */
  wordsOf(node) {
    const { tips } = this.tipPositions;
    const { name } = this.ranges.findLast(({ first }) => first <= node);
    const who = `node ${node}${name ? ` (${name})` : ""}`;
    if (!tips.isKnown) return `${who}: its tip is no longer recorded`;
    const since = tips.sinceOf(node);
    const from = since === null ? "from the start" : `since ${tenths(since)}`;
    const tip = tips.tipOf(node);
    return tip === DOWN ? `${who}: down ${from}` : `${who}: ${this.tipWords(tip)}, ${from}`;
  }
}

const untold = (until) => `The tips of nodes are recorded until ${tenths(until)}; later ones were too many.`;

const signBox = () =>
  s("svg", { viewBox: "-7 -7 14 14", width: 14, height: 14, role: "img", "aria-label": "" }, s("path"));
