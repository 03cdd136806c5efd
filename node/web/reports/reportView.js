// A report with a slider over its time: tree, agreement and timeline at a moment, and its expectations.

import { speeds } from "../lib/widgets.js";
import { h, keyed, replace, setAttr, setText } from "../lib/dom.js";
import { draw } from "../lib/frames.js";
import { lineAt, showUntil, worldOf } from "../model/report.js";
import { cursorOf, steps } from "../lib/charts.js";
import { NodesRoom } from "./nodesRoom.js";
import { palette } from "../lib/branchColours.js";
import { Tree } from "../tree/tree.js";
import { clock, count, foreign, span } from "../lib/format.js";

/** Lines of the timeline around the moment. */
const AROUND = 40;
/** Faster than this nodes do not walk from tip to tip: the next block is there before they are. */
const WALKED = 16;
/** As much as is shown of a line that the report holds, and of what it teaches, in letters. */
const [LINE, LESSON] = [400, 2000];
/** Limit of the expectations and agreements that are shown. */
const MOST_SHOWN = 200;

export class ReportView {
  constructor(report) {
    Object.assign(this, { report, world: worldOf(report), at: report.lasted_ms, speed: 4 });
    // There is no page of a block of a report: all that is known of it is shown beside it.
    this.tree = new Tree(this.world, (hash) => this.tree.choose(this.world.blocks.get(hash)));
    const { tipPositions } = this.world;
    this.nodes = tipPositions && new NodesRoom(report, tipPositions);
    this.slider = h("input", {
      type: "range",
      min: 0,
      max: report.lasted_ms,
      step: Math.max(1, Math.round(report.lasted_ms / 2000)),
      value: report.lasted_ms,
      class: "scrub",
      "aria-label": "Moment",
      oninput: () => {
        this.pause();
        this.go(Number(this.slider.value));
      },
    });
    // No output: that would be read out with every frame that plays. The slider shows its moment.
    this.time = h("span", { class: "scrub-time" });
    this.playButton = h(
      "button",
      { type: "button", class: "strong", onclick: () => (this.playing ? this.pause() : this.play()) },
      "Play",
    );
    this.speedSelect = speeds({ "aria-label": "Speed", onchange: () => (this.speed = Number(this.speedSelect.value)) });
    this.share = h("div");
    this.lines = h("ol", {
      class: "log timeline",
      tabindex: 0,
      "aria-label": "Timeline up to this moment, the newest first",
    });
    this.figures = h("p", { class: "soft" });
    this.element = h(
      "div",
      { class: "stack" },
      h(
        "section",
        { class: "card" },
        h("h2", null, foreign(report.name)),
        h("p", null, foreign((report.teaches ?? "").replace(/\s/g, " "), LESSON)),
        h(
          "p",
          { class: "soft" },
          `${count(report.nodes, "node")}, ${report.engine === "simulator" ? `simulated from seed ${report.seed}` : "real processes"}, ${span(report.lasted_ms)}; ${count(report.blocks.length, "block")} found, ${report.stale?.stale ?? 0} of them stale; ${count(report.reorganizations_in_all ?? report.reorganizations?.length ?? 0, "reorganization")}, the deepest ${count(report.deepest ?? 0, "block")}.`,
        ),
        expectations(report.expectations ?? []),
        h("div", { class: "tools scrubber" }, this.playButton, this.speedSelect, this.slider, this.time),
      ),
      h(
        "div",
        { class: "rooms wide-first" },
        h(
          "section",
          { class: "card", "aria-label": "Block tree at this moment" },
          h("h2", null, "Block tree"),
          this.figures,
          this.tree.element,
        ),
        h("section", { class: "card", "aria-label": "Timeline" }, h("h2", null, "Timeline"), this.lines),
      ),
      this.nodes?.element,
      h(
        "section",
        { class: "card", "aria-label": "Agreement" },
        h("h2", null, "Nodes on the tip that most have, in per cent"),
        this.share,
        convergence(report),
      ),
    );
    this.frame = (now) => this.draw(now);
    new ResizeObserver(() => this.share.clientWidth !== this.shareWidth && draw(this.frame)).observe(this.share);
    this.go(report.lasted_ms);
  }

  go(at) {
    this.at = Math.max(0, Math.min(this.report.lasted_ms, at));
    this.tree.jump();
    draw(this.frame);
  }

  play() {
    if (this.at >= this.report.lasted_ms) this.go(0);
    this.playing = performance.now();
    setText(this.playButton, "Pause");
    this.tree.follow();
    draw(this.frame);
  }

  pause() {
    // Texts that change less often than each frame are those of the last one.
    if (this.playing) draw(this.frame);
    this.playing = null;
    setText(this.playButton, "Play");
  }

  /** Light may have become dark. */
  repaint() {
    if (this.colours !== palette()) draw(this.frame);
  }

  draw(now) {
    if (!this.element.isConnected) return this.pause();
    if (this.playing) {
      this.at = Math.min(this.report.lasted_ms, this.at + Math.max(0, now - this.playing) * this.speed);
      if (this.speed > WALKED) this.tree.jump();
      this.playing = now;
      if (this.at >= this.report.lasted_ms) this.pause();
      else draw(this.frame);
    }
    showUntil(this.world, this.at);
    this.colours = palette();
    this.tree.update();
    this.nodes?.update(now, this.playing);
    if (!this.slider.matches(":active")) this.slider.value = this.at;
    setText(this.time, `${clock(this.at)} of ${clock(this.report.lasted_ms)}`);
    setAttr(this.slider, "aria-valuetext", clock(this.at));
    setText(this.figures, this.figuresWords());
    this.drawShare();
    this.drawLines();
    return undefined;
  }

  figuresWords() {
    const { shown, best, tipPositions, tips } = this.world;
    const onTips = tipPositions?.tips.isKnown ? `, ${count(tips.length, "tip")}` : "";
    return `${count(Math.max(0, shown - 1), "block")} so far, best height ${best?.height ?? 0}${onTips}.`;
  }

  /** The line is drawn anew for another width; else only the cursor on it moves. */
  drawShare() {
    const width = this.share.clientWidth;
    if (width && width !== this.shareWidth) {
      this.shareWidth = width;
      const axis = { width: Math.max(240, width), from: 0, to: this.report.lasted_ms };
      this.cursor = cursorOf(axis);
      replace(
        this.share,
        steps(this.world.agreement, {
          ...axis,
          max: 100,
          cursor: this.cursor,
          unit: (value) => `${Math.round(value)} %`,
          label: "Share of nodes on the tip that most have, over time",
          marks: this.marksFor(axis),
        }),
      );
    }
    this.cursor?.moveTo(this.at);
  }

  /** Cuts and healings, of those on one pixel only the first of each kind. */
  marksFor({ width, to }) {
    const seen = new Set();
    return this.world.marks
      .filter(({ at_ms: at, kind }) => {
        const place = `${kind} ${Math.round((at / (to || 1)) * width)}`;
        return !seen.has(place) && seen.add(place);
      })
      .map((mark) => ({ ...mark, word: mark.kind === "heal" ? "healed" : "cut" }));
  }

  drawLines() {
    const { timeline } = this.report;
    const last = lineAt(timeline, this.at);
    if (this.lastLine === last) return;
    this.lastLine = last;
    const shown = timeline.slice(Math.max(0, last + 1 - AROUND), last + 1).reverse();
    keyed(
      this.lines,
      shown,
      (line) => line,
      (line) =>
        h(
          "li",
          { class: /^[a-z]+$/.test(line.kind ?? "") ? `mark-${line.kind}` : null },
          h("time", null, clock(line.at_ms)),
          h("span", null, foreign(line.text, LINE)),
        ),
    );
  }
}

/** What was expected, green or red, with a tick or a cross. */
export function expectations(list, isOver = true) {
  const soFar = isOver ? "" : " so far";
  if (!list.length) return null;
  return h(
    "ul",
    { class: "checks plain", "aria-label": "Expectations" },
    list.slice(0, MOST_SHOWN).map((one) =>
      h(
        "li",
        { class: one.is_met ? "ok" : "bad" },
        h("strong", null, one.is_met ? `✓ met${soFar}: ` : `✗ not met${soFar}: `),
        foreign(one.expected, LINE),
        h("span", { class: "soft" }, `; found ${foreign(one.found ?? "?", LINE)}`),
      ),
    ),
    more(list),
  );
}

function convergence(report) {
  const list = report.convergence ?? [];
  if (!list.length) return null;
  return h(
    "ul",
    { class: "plain" },
    list.slice(0, MOST_SHOWN).map((one) =>
      h(
        "li",
        null,
        `${clock(one.at_ms)}, ${foreign(one.after ?? "?", LINE)}: `,
        h(
          "strong",
          null,
          one.took_ms === null || one.took_ms === undefined ? "no agreement" : `agreement after ${span(one.took_ms)}`,
        ),
      ),
    ),
    more(list),
  );
}

const more = (list) => (list.length > MOST_SHOWN ? h("li", null, `and ${list.length - MOST_SHOWN} more`) : null);
