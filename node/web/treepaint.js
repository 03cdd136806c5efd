// Painting the block tree on a canvas: only what is in view.

import { firstAt } from "./lanes.js";
import { rows } from "./charts.js";
import { clock } from "./format.js";
import { PINNED, paintPin } from "./pin.js";
import { palette, signPath } from "./signs.js";

const FONT = "system-ui, sans-serif";
export const AXIS = 22; // pixels at the bottom for times
export const TOP = 30; // pixels at the top for marks on the first lane

/** Paints everything in view. `view` holds left, zoom, width, height, laneY(lane), box, chosen, hovered, pin. */
export function paint(context, world, view, people) {
  const colours = palette();
  const blocks = world.ordered;
  const until = Math.min(blocks.length, world.shown ?? Infinity);
  const { pin } = view;
  const first = firstAt(blocks, pin?.edge ?? view.left - 2);
  const right = view.left + view.width / view.zoom;
  const last = Math.min(until, firstAt(blocks, right + 12));
  const xOf = (x) => (x - view.left) * view.zoom;
  paintMoments(context, world, view, colours, xOf);
  paintAxis(context, blocks, first, last, view, colours, xOf);

  context.lineWidth = 2;
  for (let at = first; at < last; at += 1) {
    const block = blocks[at];
    if (!block.parent || (pin && block.parent.x < pin.edge)) continue;
    const look = lookOf(block, world, colours);
    context.strokeStyle = look.colour;
    context.setLineDash(look.isStale ? [3, 3] : []);
    const [x0, y0] = [xOf(block.parent.x), view.laneY(block.parent.lane)];
    const [x1, y1] = [xOf(block.x), view.laneY(block.lane)];
    context.beginPath();
    context.moveTo(x0, y0);
    if (y0 === y1) context.lineTo(x1, y1);
    else {
      const bend = Math.min(x1 - x0, view.zoom * 1.35);
      context.bezierCurveTo(x0 + bend * 0.6, y0, x0 + bend * 0.4, y1, x0 + bend, y1);
      context.lineTo(x1, y1);
    }
    context.stroke();
  }
  context.setLineDash([]);

  if (pin) {
    const colourOf = (block) => lookOf(block, world, colours).colour;
    paintPin(context, pin, { view, xOf, colourOf, colours, font: FONT });
  }
  const { w } = view.box;
  for (let at = first; at < last; at += 1) {
    const x = xOf(blocks[at].x);
    if (x < -w || x > view.width + w) continue;
    paintBlock(context, blocks[at], x, view.laneY(blocks[at].lane), world, view, colours);
  }
  if (pin) paintBlock(context, pin.fork, PINNED, pin.y, world, view, colours);
  paintPeople(context, world, view, people, colours, xOf);
}

function paintBlock(context, block, x, y, world, view, colours) {
  const { w, h } = view.box;
  const look = lookOf(block, world, colours);
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.beginPath();
  context.roundRect(x - w / 2, y - h / 2, w, h, Math.min(5, w / 4));
  context.fillStyle = look.isStale ? colours.card : look.colour;
  context.fill();
  if (look.isStale) {
    context.strokeStyle = look.colour;
    context.lineWidth = 1.5;
    context.stroke();
  }
  if (w >= 20) {
    const text = block.isGenesis ? "0" : String(block.height);
    context.fillStyle = look.isStale ? colours.soft : colours.on;
    context.font = `${Math.min(11, (w - 3) / (text.length * 0.62)).toFixed(1)}px ${FONT}`;
    context.fillText(text, x, y + 0.5);
  }
  // What a block carries besides the coinbase shows as a line below it.
  if (block.transactions > 1) {
    context.fillStyle = look.colour;
    const many = Math.min(w, 3 + Math.log2(block.transactions) * 4);
    context.fillRect(x - many / 2, y + h / 2 + 2.5, many, 2);
  }
  if (block === view.chosen || block === view.hovered) {
    context.strokeStyle = colours.ink;
    context.lineWidth = block === view.chosen ? 2.5 : 1.2;
    context.beginPath();
    context.roundRect(x - w / 2 - 4, y - h / 2 - 4, w + 8, h + 8, 7);
    context.stroke();
  }
}

function lookOf(block, world, colours) {
  if (block.main || world.held.has(block)) return { colour: colours.slots[world.slotIn(block)], isStale: false };
  return { colour: colours.stale, isStale: true };
}

function paintAxis(context, blocks, first, last, view, colours, xOf) {
  const y = view.height - AXIS;
  context.strokeStyle = colours.line;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(0, y + 0.5);
  context.lineTo(view.width, y + 0.5);
  context.stroke();
  context.fillStyle = colours.soft;
  context.font = `11px ${FONT}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  let [free, said] = [-Infinity, null];
  // Every so many seconds, so that labels do not dance while the picture moves.
  const step = Math.max(1, Math.round(90 / view.zoom));
  for (let at = first; at < last; at += 1) {
    const x = xOf(blocks[at].x);
    if (at % step || x - free < 64 || x < 20 || x > view.width - 20) continue;
    const words = clock(blocks[at].at_ms);
    if (words === said) continue;
    said = words;
    context.fillText(words, x, y + AXIS / 2 + 1);
    context.fillRect(x, y, 1, 4);
    free = x;
  }
}

/** Where a moment is on the axis, between the blocks before and after it. */
export function momentX(world, at) {
  const blocks = world.ordered;
  let [low, high] = [0, blocks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (blocks[middle].at_ms < at) low = middle + 1;
    else high = middle;
  }
  const [before, after] = [blocks[low - 1], blocks[low]];
  if (!before) return (after?.x ?? 0) - 1;
  if (!after) return world.lanes.xOf(at);
  const part = (at - before.at_ms) / (after.at_ms - before.at_ms || 1);
  return before.x + (after.x - before.x) * part;
}

const SHOWN = { partition: "cut", heal: "healed" };

function paintMoments(context, world, view, colours, xOf) {
  context.font = `600 11px ${FONT}`;
  context.textAlign = "left";
  context.textBaseline = "top";
  const shown = [];
  for (const mark of world.marks) {
    const text = SHOWN[mark.kind];
    if (!text || mark.at_ms > (world.until ?? Infinity)) continue;
    mark.x = mark.isPlaced === world.ordered.length ? mark.x : momentX(world, mark.at_ms);
    mark.isPlaced = world.ordered.length;
    const x = Math.round(xOf(mark.x)) + 0.5;
    if (x >= (view.pin?.zone ?? -60) && x <= view.width) shown.push({ mark, x, words: text, from: x });
  }
  const places = rows(shown);
  for (const [place, { mark, x, words }] of shown.entries()) {
    context.strokeStyle = mark.kind === "heal" ? colours.good : colours.warn;
    context.fillStyle = context.strokeStyle;
    context.lineWidth = 1.5;
    context.setLineDash([2, 4]);
    context.beginPath();
    context.moveTo(x, 4);
    context.lineTo(x, view.height - AXIS);
    context.stroke();
    context.setLineDash([]);
    // At the right edge words stand left of their line.
    const isLast = x > view.width - 52;
    context.textAlign = isLast ? "right" : "left";
    if (places[place] !== null) context.fillText(words, x + (isLast ? -4 : 4), 3 + places[place] * 13);
  }
}

/** The nodes' marks: numbered when few, counted when many. Those that go the same way go as one. */
function paintPeople(context, world, view, people, colours, xOf) {
  const parties = new Map();
  const behind = [];
  const least = view.pin?.zone ?? 0;
  for (const person of people.values()) {
    const [x, y] = [xOf(person.x), person.y];
    if (x < least && !person.isMoving) behind.push(person.name);
    if (x < least || x > view.width + 40) continue;
    if (!parties.has(person.party)) parties.set(person.party, { x, y, list: [], slot: person.slot, isStuck: false });
    const party = parties.get(person.party);
    party.list.push(person.name);
    party.isStuck ||= person.isStuck;
  }
  for (const { x, y, list, slot, isStuck } of parties.values()) {
    const colour = isStuck ? colours.warn : colours.slots[slot];
    if (list.length <= 3) {
      list.forEach((name, place) =>
        disc(context, x + (place - (list.length - 1) / 2) * 17, y, name, colour, colours.on),
      );
      if (isStuck) pill(context, x + list.length * 8.5 + 34, y, "less work", colours.warn, colours.on);
    } else {
      pill(context, x, y, `${list.length} nodes${isStuck ? ", less work" : ""}`, colour, colours.on, slot);
    }
  }
  if (behind.length) {
    const names = `node${behind.length === 1 ? "" : "s"} ${behind.join(", ")}`;
    const text = `◂ ${behind.length > 4 ? `${behind.length} nodes` : names} behind`;
    pill(context, 64, view.height - AXIS - 16, text, colours.warn, colours.on);
  }
}

function disc(context, x, y, name, colour, on) {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, 8, 0, 7);
  context.fill();
  context.fillStyle = on;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = `600 ${name.length > 2 ? 8 : 10}px ${FONT}`;
  context.fillText(name, x, y + 0.5);
}

function pill(context, x, y, text, colour, on, slot = null) {
  context.font = `600 10.5px ${FONT}`;
  const wide = context.measureText(text).width + (slot === null ? 14 : 28);
  context.fillStyle = colour;
  context.beginPath();
  context.roundRect(x - wide / 2, y - 9, wide, 18, 9);
  context.fill();
  context.fillStyle = on;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, x + (slot === null ? 0 : 7), y + 0.5);
  if (slot === null) return;
  context.save();
  context.translate(x - wide / 2 + 12, y);
  context.scale(0.8, 0.8);
  context.fill(signPath(slot));
  context.restore();
}
