// The room about agreement: nodes that agree over time, time to agreement, propagation and intervals of blocks.

import { h, replace, s, setText, table } from "../lib/dom.js";
import { draw } from "../lib/frames.js";
import { travels } from "../tree/blockTip.js";
import { bars, histogram, line, spread, steps } from "../lib/charts.js";
import { clock, count, hashes, span, timeScale, work as inHashes } from "../lib/format.js";
import { sentence } from "./eventLog.js";

/** Number of blocks that propagation and intervals are taken over. */
const LAST = 200;
/** Intervals are drawn up to this multiple of the wanted one: one long interval would flatten all others. */
const TALLEST = 5;
/** Pictures are drawn again so often at most. */
const PACE = 1000;

export class Agreement {
  constructor(world) {
    this.world = world;
    this.range = h(
      "select",
      { id: "range", onchange: () => this.update(true) },
      [
        ["60000", "the last minute"],
        ["300000", "the last five minutes"],
        ["0", "all of it"],
      ].map(([value, words]) => h("option", { value, selected: value === "300000" }, words)),
    );
    this.share = h("div");
    this.converge = h("div");
    this.spread = h("div");
    this.spreadWords = h("p", { class: "big-words" });
    this.spreadRest = h("p", { class: "soft" });
    this.interval = h("div");
    this.intervalWords = h("p", { class: "soft" });
    this.difficulty = h("div");
    this.difficultyWords = h("p", { class: "soft" });
    this.mempools = h("div");
    const card = (title, ...rest) => h("section", { class: "card", "aria-label": title }, h("h2", null, title), rest);
    this.devnetOnly = [
      h(
        "section",
        { class: "card whole", "aria-label": "Nodes on the tip that most have" },
        h(
          "div",
          { class: "row" },
          h("h2", null, "Nodes on the tip that most have"),
          h("label", { class: "soft" }, "Shown: ", this.range),
        ),
        this.share,
      ),
      card("Partitions, heals and time to agreement", this.converge),
      card("Block propagation", this.spreadWords, this.spreadRest, this.spread),
    ];
    this.element = h(
      "div",
      { class: "grid-room" },
      this.devnetOnly,
      card("Time between blocks", this.intervalWords, this.interval),
      card("Difficulty", this.difficultyWords, this.difficulty),
      card("Mempools", this.mempools),
    );
    this.frame = () => this.draw();
  }

  enter() {
    this.drawn = 0;
  }

  update(atOnce = false) {
    if (!atOnce && performance.now() - (this.drawn ?? 0) < PACE) return;
    draw(this.frame);
  }

  tick() {
    this.update();
  }

  draw() {
    if (!this.element.isConnected) return;
    this.drawn = performance.now();
    this.devnetOnly.forEach((part) => (part.hidden = this.world.kind === "node"));
    if (this.world.kind === "devnet") {
      this.drawShare();
      this.drawConvergence();
      this.drawSpread();
    }
    this.drawPace();
    this.drawMempools();
  }

  width(element) {
    return Math.max(240, Math.floor(element.clientWidth || 480));
  }

  drawShare() {
    const { world } = this;
    const to = world.now();
    const chosen = Number(this.range.value);
    const from = chosen ? Math.max(0, to - chosen) : Math.min(0, world.agreement[0]?.[0] ?? 0);
    const marks = world.marks
      .filter((mark) => mark.kind === "partition" || mark.kind === "heal")
      .map((mark) => ({ ...mark, word: mark.kind === "heal" ? "healed" : "cut" }));
    replace(
      this.share,
      steps(world.agreement, {
        width: this.width(this.share),
        height: 190,
        from,
        to,
        max: world.nodes.size,
        marks,
        label: `How many nodes had the tip that most had, over time. Now ${world.agreeing.most} of ${world.agreeing.up}.`,
      }),
    );
  }

  drawConvergence() {
    const kinds = { partition: "cut", heal: "healed", agreed: "agreed", kill: "killed", restart: "restarted" };
    const marks = this.world.marks
      .filter((mark) => kinds[mark.kind])
      .slice(-20)
      .reverse();
    if (this.seenMarks === this.world.changes.marks) return;
    this.seenMarks = this.world.changes.marks;
    if (!marks.length)
      return void replace(
        this.converge,
        h(
          "p",
          { class: "soft" },
          "Nothing was cut yet. Cut the network in the first room, heal it, and see here how long agreement takes.",
        ),
      );
    replace(
      this.converge,
      table(
        "Partitions, heals and agreement",
        ["At", "What", "Took"],
        marks.map((mark) => [
          clock(mark.at_ms),
          sentence(mark),
          mark.took_ms === null || mark.took_ms === undefined ? "" : h("strong", null, span(mark.took_ms)),
        ]),
      ),
    );
  }

  drawSpread() {
    const times = [];
    const blocks = this.world.ordered.slice(-LAST);
    let across = 0;
    for (const block of blocks) {
      const { straight, apart } = travels(block, this.world);
      for (const { after } of straight.slice(1)) times.push(after);
      across += apart.length;
    }
    times.sort((a, b) => a - b);
    // How long a cut lasted says nothing about how fast blocks travel.
    setText(this.spreadRest, across ? `Arrivals across a partition left out: ${across} (also at nodes that were down).` : "");
    if (!times.length) {
      setText(this.spreadWords, "No block has reached a second node yet.");
      return void replace(this.spread);
    }
    const { median, p90, p99 } = spread(times);
    setText(
      this.spreadWords,
      `Half of all arrivals within ${span(median)}, 90 % within ${span(p90)}, 99 % within ${span(p99)}.`,
    );
    replace(
      this.spread,
      histogram(times, {
        width: this.width(this.spread),
        label: `Times from the first node that had a block to each other node, the last ${count(blocks.length, "block")}: median ${span(median)}, 99 % ${span(p99)}`,
      }),
    );
  }

  /** The best chain's last blocks, oldest first. */
  chain() {
    const blocks = [];
    for (let block = this.world.best; block && blocks.length <= LAST; block = block.parent) blocks.push(block);
    return blocks.reverse().filter((block) => block.time_ms !== null);
  }

  drawPace() {
    const blocks = this.chain();
    const gaps = blocks.slice(1).map((block, place) => ({
      name: String(block.height),
      value: Math.max(0, block.time_ms - blocks[place].time_ms),
    }));
    const spacing = this.world.chain.spacing_ms;
    if (gaps.length) {
      const mean = gaps.reduce((sum, gap) => sum + gap.value, 0) / gaps.length;
      setText(
        this.intervalWords,
        `${span(mean)} on average over ${count(gaps.length, "block")}; wanted ${span(spacing)}.${cutWords(gaps, spacing)}`,
      );
    } else setText(this.intervalWords, "Two blocks are needed.");
    replace(
      this.interval,
      gaps.length
        ? bars(gaps, {
            width: this.width(this.interval),
            unit: span,
            axis: timeScale,
            most: spacing ? TALLEST * spacing : Infinity,
            line: spacing,
            lineWord: "wanted",
            label: "Time from each block's parent to it",
          })
        : null,
    );
    const work = blocks
      .filter((block) => block.parent && block.work > block.parent.work)
      .map((block) => ({ name: String(block.height), value: Number(block.work - block.parent.work) }));
    setText(
      this.difficultyWords,
      work.length
        ? `The next block is expected to take ${inHashes(BigInt(Math.round(work.at(-1).value)))}.`
        : "No block yet.",
    );
    replace(
      this.difficulty,
      work.length
        ? line(work, {
            width: this.width(this.difficulty),
            unit: (value) => hashes(BigInt(Math.round(value))),
            label: "Hashes expected for each block",
          })
        : null,
    );
  }

  drawMempools() {
    const nodes = [...this.world.nodes.values()].filter((node) => !node.isPeer);
    const most = Math.max(1, ...nodes.map((node) => node.mempool));
    replace(
      this.mempools,
      h(
        "ul",
        { class: "meters" },
        nodes.map((node) =>
          h(
            "li",
            null,
            h("span", null, node.name === "this" ? "this node" : `node ${node.name}`),
            s(
              "svg",
              { class: "meter", "aria-hidden": "true", preserveAspectRatio: "none", viewBox: "0 0 100 10" },
              s("rect", { width: ((node.mempool / most) * 100).toFixed(1), height: 10 }),
            ),
            h("span", null, node.up ? String(node.mempool) : "down"),
          ),
        ),
      ),
    );
  }
}

function cutWords(gaps, spacing) {
  const many = gaps.filter((gap) => spacing && gap.value > TALLEST * spacing).length;
  if (!many) return "";
  return ` ${many} longer than ${span(TALLEST * spacing)} ${many === 1 ? "is" : "are"} not drawn to the end.`;
}
