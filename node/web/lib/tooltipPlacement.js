// Placement of a tooltip near its subject in a picture, so that it hides neither that nor the screen's edge. Pure.

/** Pixels that are kept free at the edges. */
const EDGE = 4;

/** Pixels at the picture's foot that show only times. */
const FOOT = 20;
/** Pixels above something for marks that stand on it. */
const MARKS = 26;

/** Whether two boxes overlap. */
export const meet = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

/**
 * The place for a box of that size near `own`: the first of some that covers least. `others` should stay in sight,
 * `own` must. `within` is the picture's box on the screen; the words may leave it above and below, but not the screen.
 */
export function placeBeside(own, others, { size: { w, h }, within, screen = window.innerHeight }) {
  const [highest, lowest] = [EDGE - within.top, screen - within.top - EDGE - h];
  const side = (left) => Math.max(EDGE, Math.min(within.width - w - EDGE, left));
  const [before, after] = [own.x - w, own.x + own.w];
  const middle = side(own.x + own.w / 2 - 60);
  const beside = Math.max(Math.min(own.y - 10, lowest), highest);
  const places = [
    [middle, own.y + own.h],
    [side(before), beside],
    [side(after), beside],
    // Ends of branches are at the right: far from them there is more room.
    [side(before), own.y + own.h],
    // Under the picture, and above it last: there is the header.
    [middle, within.height - FOOT],
    [middle, own.y - MARKS - h],
    [side(before), own.y - MARKS - h],
  ].map(([left, top]) => ({ left, top }));
  const cost = ({ left, top }) => {
    const box = { x: left, y: top, w, h };
    const covered = others.filter((other) => meet(other, box)).length;
    const hidden = Math.max(0, highest - top) + Math.max(0, top - lowest);
    return (meet(own, box) ? 1000 : 0) + covered * 10 + hidden;
  };
  return places.reduce((best, place) => (cost(place) < cost(best) ? place : best));
}
