// Painting the block tree on a canvas: only what is in view.

import { firstAt } from "../model/treeLayout.js";
import { meet } from "../lib/tooltipPlacement.js";
import { rows } from "../lib/charts.js";
import { clock, count } from "../lib/format.js";
import { PINNED, paintPin } from "./pinnedFork.js";
import { palette, signPath } from "../lib/branchColours.js";

const FONT = "system-ui, sans-serif";
const PILL = `600 10.5px ${FONT}`;
/** What a pill is wider than its words, without a sign and with one. */
const [BARE, SIGNED] = [14, 28];
/** Limit of the extra height of marks that others leave no room. */
const STEPS = [0, 20, 40];
export const AXIS = 22; // pixels at the bottom for times
export const TOP = 30; // pixels at the top for marks on the first lane

/**
 * Paints everything in view. `view` holds left, zoom, width, height, laneY(lane), box, chosen, hovered, pin, and how
 * far marks stand above their blocks (below zero).
 * Returns the places of the nodes' marks.
 */
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
    if (isFarOut(view.laneY(block.lane), view)) continue;
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
    if (x < -w || x > view.width + w || isFarOut(view.laneY(blocks[at].lane), view)) continue;
    paintBlock(context, blocks[at], x, view.laneY(blocks[at].lane), world, view, colours);
  }
  if (pin) paintBlock(context, pin.fork, PINNED, pin.y, world, view, colours);
  const inView = blocks.slice(first, last).map((block) => around(xOf(block.x), view.laneY(block.lane), view.box));
  return paintPeople(context, { view, people, colours, xOf, blocks: inView });
}

/** Whether a lane is so far above or below the picture that not even the way to it is drawn: there may be thousands. */
const isFarOut = (y, { height }) => y < -height || y > 2 * height;

/** A box by its middle. */
const around = (x, y, { w, h }) => ({ x: x - w / 2, y: y - h / 2, w, h });

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
  // At fixed intervals, so that labels do not jump while the picture moves.
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
  if (!after) return world.layout.xOf(at);
  const part = (at - before.at_ms) / (after.at_ms - before.at_ms || 1);
  return before.x + (after.x - before.x) * part;
}

const SHOWN = { partition: "cut", heal: "healed" };

function paintMoments(context, world, view, colours, xOf) {
  context.font = `600 11px ${FONT}`;
  context.textAlign = "left";
  context.textBaseline = "top";
  const shown = [];
  const seen = new Set();
  for (const mark of world.marks) {
    const text = SHOWN[mark.kind];
    if (!text || mark.at_ms > (world.until ?? Infinity)) continue;
    mark.x = mark.isPlaced === world.ordered.length ? mark.x : momentX(world, mark.at_ms);
    mark.isPlaced = world.ordered.length;
    const x = Math.round(xOf(mark.x)) + 0.5;
    if (x < (view.pin?.zone ?? -60) || x > view.width || seen.has(`${mark.kind} ${x}`)) continue;
    seen.add(`${mark.kind} ${x}`);
    shown.push({ mark, x, words: text, from: x });
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
    // At the right edge words are left of their line.
    const isLast = x > view.width - 52;
    context.textAlign = isLast ? "right" : "left";
    if (places[place] !== null) context.fillText(words, x + (isLast ? -4 : 4), 3 + places[place] * 13);
  }
}

/** The nodes' marks: numbered when few, counted when many. Those that go the same way go as one. */
function paintPeople(context, { view, people, colours, xOf, blocks }) {
  const { parties, behind } = gather(view, people, xOf);
  context.font = PILL;
  const marks = spreadOut(parties, blocks, (text) => context.measureText(text).width);
  for (const mark of marks) paintStem(context, mark, colours);
  for (const mark of marks) paintMark(context, mark, colours);
  if (behind.many) {
    const { many, list } = behind;
    const names = `node${many === 1 ? "" : "s"} ${list.join(", ")}`;
    const text = `◂ ${many > 4 || many > list.length ? count(many, "node") : names} behind`;
    pill(context, 64, view.height - AXIS - 16, text, colours.warn, colours.on);
  }
  return marks.filter(({ party }) => !party.isMoving).map(({ room }) => room);
}

/** Marks that stand or move together, and marks left of the view. A mark without a name is that of many nodes. */
function gather(view, people, xOf) {
  const parties = new Map();
  const behind = { list: [], many: 0 };
  const join = (group, name, many) => {
    group.many += many;
    if (name !== undefined) group.list.push(name);
  };
  const least = view.pin?.zone ?? 0;
  for (const { name, many = 1, party, slot, isBehind = false, isMoving = false, ...at } of people.values()) {
    // Marks on the pinned fork are where it is drawn.
    const isPinned = !isMoving && view.pin?.fork.hash === at.tip;
    const [x, y] = isPinned ? [PINNED, view.pin.y + view.above] : [xOf(at.x), at.y];
    const isLeft = x < least && !isPinned;
    if (isLeft && !isMoving) join(behind, name, many);
    if (isLeft || x > view.width + 40) continue;
    if (!parties.has(party)) parties.set(party, { x, y, list: [], many: 0, slot, isBehind: false, isMoving });
    join(parties.get(party), name, many);
    parties.get(party).isBehind ||= isBehind;
  }
  return { parties: [...parties.values()], behind };
}

/** How a party can be shown, the plainest first: what its pill says, whether names stand before it, how wide it is. */
function forms({ list, many, slot, isBehind }, widthOf) {
  const number = { text: many.toLocaleString("en"), slot };
  number.w = widthOf(number.text) + SIGNED;
  if (many > 3 || many > list.length) {
    const text = `${count(many, "node")}${isBehind ? ", less work" : ""}`;
    return [{ text, slot, w: widthOf(text) + SIGNED }, number];
  }
  const names = { list, text: "", w: list.length * 17 };
  const labelled = { ...names, text: "less work", w: names.w + widthOf("less work") + BARE + 2 };
  return [...(isBehind ? [labelled] : []), names, ...(list.length > 1 ? [number] : [])];
}

/**
 * Gives each party's mark its room. The foremost stand right above their blocks; where another has no room there, it
 * is higher, and if it cannot its text is shorter. Moving marks pass in front of the others.
 */
function spreadOut(parties, blocks, widthOf) {
  const placed = [];
  const going = [];
  for (const party of parties.sort((a, b) => b.x - a.x)) {
    const tries = forms(party, widthOf).flatMap((form) =>
      STEPS.map((up) => {
        // The names are above the block; what is said of them stands beside. Genesis is close to the left edge.
        const middled = party.x - (form.list ? form.list.length * 17 : form.w) / 2;
        const left = party.isMoving ? middled : Math.max(1, middled);
        return { party, form, up, room: { x: left, y: party.y - 9 - up, w: form.w, h: 18 } };
      }),
    );
    const isFree = ({ up, room }) =>
      room.y >= 1 && !placed.some((other) => meet(other.room, room)) && !(up && blocks.some((box) => meet(box, room)));
    if (party.isMoving) going.push(tries[0]);
    else placed.push(tries.find(isFree) ?? tries.at(-STEPS.length));
  }
  // The foremost are painted last: where there is no room at all they are the ones that can be read.
  return [...placed.reverse(), ...going];
}

const colourOf = ({ slot, isBehind }, colours) => (isBehind ? colours.warn : colours.slots[slot]);

/** A stem connects a high mark with its block. */
function paintStem(context, { party, up }, colours) {
  if (!up) return;
  context.fillStyle = colourOf(party, colours);
  context.fillRect(party.x - 0.75, party.y - up, 1.5, 13 + up);
}

function paintMark(context, { party, form, up, room }, colours) {
  const { y } = party;
  const colour = colourOf(party, colours);
  const many = form.list?.length ?? 0;
  form.list?.forEach((name, place) => disc(context, room.x + (place + 0.5) * 17, y - up, name, colour, colours.on));
  const from = many ? many * 17 + 2 : 0;
  if (form.text) pill(context, room.x + (from + room.w) / 2, y - up, form.text, colour, colours.on, form.slot);
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
  context.font = PILL;
  const wide = context.measureText(text).width + (slot === null ? BARE : SIGNED);
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
