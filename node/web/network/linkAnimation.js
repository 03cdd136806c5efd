// Links, and the blocks and transactions that travel along them as small marks.

import { canvas, ease, isCalm } from "../lib/frames.js";
import { palette, signPath } from "../lib/branchColours.js";

/** Duration of a mark's way, in milliseconds: longer than that of the block, which the eye could not follow. */
const ON_THE_WAY = 550;
/** Marks at one time; what is more is not shown. */
const MOST = 250;

export class LinkAnimation {
  constructor(element, network) {
    Object.assign(this, { element, network, marks: [], isBusy: false });
  }

  /** A block (`slot` is its branch's) or a transaction (no slot) went from one node to another. */
  send(from, to, slot = null) {
    if (isCalm() || document.hidden || this.marks.length >= MOST || !this.network.element.isConnected) return;
    this.marks.push({ from, to, slot, at: performance.now() });
    this.network.update();
  }

  drawLinks(context, areSlow) {
    const { network } = this;
    const { nodes, links } = network.world;
    context.beginPath();
    for (const [a, b] of links.values()) {
      const [p, q] = [network.at(a), network.at(b)];
      if (!p || !q || Boolean(nodes.get(a)?.delay || nodes.get(b)?.delay) !== areSlow) continue;
      context.moveTo(p.x, p.y);
      context.lineTo(q.x, q.y);
    }
    context.stroke();
  }

  draw(now, isDirty) {
    if (!isDirty && !this.marks.length && !this.isBusy && this.painted === palette()) return;
    this.painted = palette();
    const { network } = this;
    const { width, height, radius, world } = network;
    const context = canvas(this.element, width, height);
    const colours = this.painted;
    context.strokeStyle = colours.line;
    context.lineWidth = world.links.size > 80 ? 0.8 : 1.4;
    this.drawLinks(context, false);
    // Long dashes say what the words below the picture say too: slower than the others.
    context.setLineDash([9, 7]);
    this.drawLinks(context, true);
    context.setLineDash([]);
    this.marks = this.marks.filter((mark) => now - mark.at < ON_THE_WAY);
    for (const mark of this.marks) {
      const [p, q] = [network.at(mark.from), network.at(mark.to)];
      if (!p || !q) continue;
      const part = ease(Math.max(0, (now - mark.at) / ON_THE_WAY));
      const [x, y] = [p.x + (q.x - p.x) * part, p.y + (q.y - p.y) * part];
      if (mark.slot === null) {
        context.fillStyle = colours.ink;
        context.beginPath();
        context.arc(x, y, 2.4, 0, 7);
        context.fill();
        continue;
      }
      context.fillStyle = colours.slots[mark.slot];
      context.save();
      context.translate(x, y);
      context.scale(Math.max(0.9, radius / 18), Math.max(0.9, radius / 18));
      context.fill(signPath(mark.slot));
      context.lineWidth = 1;
      context.strokeStyle = colours.card;
      context.stroke(signPath(mark.slot));
      context.restore();
    }
    this.isBusy = this.marks.length > 0;
  }
}
