// Layout of the picture of the network: each group in an area of its own, its nodes in rings. Pure.
// The same groups always give the same picture.

/** Pixels from a node's edge to the foot of its height, which is written below its ring. */
export const BELOW = 18;
/** The same with some space, for a node below. */
const LABEL = BELOW + 10;

/** Places for all nodes: a Map from id to {x, y}, and the radius that fits them. */
export function layout(groups, width, height) {
  const rooms = divide(
    groups.map((group) => ({ group, weight: Math.sqrt(group.length) + 0.5 })),
    {
      x: 0,
      y: 0,
      width,
      height,
    },
  );
  const places = new Map();
  let radius = 26;
  for (const { group, room } of rooms) radius = Math.min(radius, fitting(group.length, room));
  for (const { group, room } of rooms) rings(group, room, radius, places);
  const all = [...places.values()];
  return { places, radius: Math.max(7, Math.min(radius, nearest(all) / 2.5, clear(all))) };
}

/** The largest radius at which a node's height, written below it, lies on no other node. */
function clear(places) {
  // Among many nodes only few show their height.
  if (places.length > 16) return Infinity;
  let least = Infinity;
  for (const a of places) {
    for (const b of places) {
      const [dx, dy] = [Math.abs(a.x - b.x), b.y - a.y];
      if (dy > 0 && dx < dy) least = Math.min(least, (dy - LABEL) / 2);
    }
  }
  return least;
}

/** The least distance between two places. */
function nearest(places) {
  let least = Infinity;
  places.forEach((a, at) => {
    for (let other = at + 1; other < places.length; other += 1) {
      least = Math.min(least, Math.hypot(a.x - places[other].x, a.y - places[other].y));
    }
  });
  return least;
}

/** Divides a rectangle among weighted groups, halving by weight along the longer side. */
function divide(items, room) {
  if (!items.length) return [];
  if (items.length === 1) return [{ group: items[0].group, room }];
  const total = items.reduce((sum, item) => sum + item.weight, 0);
  let [at, sum] = [0, 0];
  while (at < items.length - 1 && (at === 0 || sum + items[at].weight / 2 < total / 2)) sum += items[at++].weight;
  const part = sum / total;
  const { x, y, width, height } = room;
  const isWide = width >= height;
  const first = isWide ? { x, y, width: width * part, height } : { x, y, width, height: height * part };
  const second = isWide
    ? { x: x + width * part, y, width: width * (1 - part), height }
    : { x, y: y + height * part, width, height: height * (1 - part) };
  return [...divide(items.slice(0, at), first), ...divide(items.slice(at), second)];
}

/** The largest radius at which this many nodes fit an area. */
function fitting(many, room) {
  const side = Math.min(room.width, room.height);
  const perRing = many <= 14 ? many : 14 + many / 6;
  return Math.max(
    8,
    Math.min(26, side / 7, (side * 2.2) / Math.max(6, perRing), Math.sqrt((room.width * room.height) / many) / 4.2),
  );
}

function rings(group, room, radius, places) {
  const [cx, cy] = [room.x + room.width / 2, room.y + room.height / 2];
  const margin = radius * 2.1 + 10;
  const rx = Math.max(radius, room.width / 2 - margin);
  const ry = Math.max(radius, room.height / 2 - margin);
  if (group.length === 1) {
    places.set(group[0], { x: cx, y: cy });
    return;
  }
  // A ring is not drawn wider than it must be: a circle of few nodes stays a circle.
  const wide = Math.min(rx, ry * 1.7, radius * (1.8 + group.length * 0.9));
  const tall = Math.min(ry, rx * 1.7, radius * (1.8 + group.length * 0.9));
  // Two in a wide room stand side by side, so that no height lies between them.
  if (group.length === 2 && room.width >= room.height) {
    places.set(group[0], { x: cx - wide, y: cy });
    places.set(group[1], { x: cx + wide, y: cy });
    return;
  }
  const sizes = ringSizes(group.length);
  let at = 0;
  sizes.forEach((size, ring) => {
    const part = sizes.length === 1 ? 1 : (sizes.length - ring) / sizes.length;
    for (const turn of turns(size, wide, tall, ring)) {
      places.set(group[at], { x: cx + Math.cos(turn) * wide * part, y: cy + Math.sin(turn) * tall * part });
      at += 1;
    }
  });
}

/** Angles that divide an ellipse into equal lengths, from the top; each ring begins a little further. */
function turns(size, wide, tall, ring) {
  const parts = 240;
  const lengths = [0];
  const angle = (step) => (step / parts) * 2 * Math.PI - Math.PI / 2;
  for (let step = 1; step <= parts; step += 1) {
    const [a, b] = [angle(step - 1), angle(step)];
    lengths.push(lengths.at(-1) + Math.hypot((Math.cos(b) - Math.cos(a)) * wide, (Math.sin(b) - Math.sin(a)) * tall));
  }
  const whole = lengths.at(-1);
  const found = [];
  let step = 0;
  for (let place = 0; place < size; place += 1) {
    const wanted = (((place + (ring % 2) * 0.5) / size) * whole) % whole;
    while (lengths[step] < wanted) step += 1;
    found.push(angle(step));
  }
  return found;
}

/** How many nodes go on each ring, the outermost first. */
export function ringSizes(many) {
  if (many <= 14) return [many];
  const count = many <= 36 ? 2 : many <= 75 ? 3 : Math.ceil(Math.sqrt(many / 8));
  const total = (count * (count + 1)) / 2;
  const sizes = [];
  let left = many;
  for (let ring = 0; ring < count; ring += 1) {
    const size = ring === count - 1 ? left : Math.round((many * (count - ring)) / total);
    sizes.push(Math.min(left, size));
    left -= size;
  }
  return sizes.filter((size) => size > 0);
}

/** The convex hull of points, in order around it (Andrew's monotone chain). */
export function hull(points) {
  const sorted = [...points].sort((a, b) => a.x - b.x || a.y - b.y);
  if (sorted.length < 3) return sorted;
  const turn = (o, a, b) => (a.x - o.x) * (b.y - o.y) - (a.y - o.y) * (b.x - o.x);
  const half = (list) => {
    const kept = [];
    for (const point of list) {
      while (kept.length >= 2 && turn(kept.at(-2), kept.at(-1), point) <= 0) kept.pop();
      kept.push(point);
    }
    kept.pop();
    return kept;
  };
  return [...half(sorted), ...half(sorted.reverse())];
}

/** How far a point is from a hull; 0 inside it. */
export function distance(shape, at) {
  if (!shape.length) return Infinity;
  if (
    shape.length > 2 &&
    shape.every((a, place) => {
      const b = shape[(place + 1) % shape.length];
      return (b.x - a.x) * (at.y - a.y) - (b.y - a.y) * (at.x - a.x) >= 0;
    })
  )
    return 0;
  let least = Infinity;
  shape.forEach((a, place) => {
    const b = shape[(place + 1) % shape.length];
    const [dx, dy] = [b.x - a.x, b.y - a.y];
    const part = Math.max(0, Math.min(1, ((at.x - a.x) * dx + (at.y - a.y) * dy) / (dx * dx + dy * dy || 1)));
    least = Math.min(least, Math.hypot(at.x - a.x - dx * part, at.y - a.y - dy * part));
  });
  return least;
}
