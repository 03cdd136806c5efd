// Groups of a partition: read from text, written as text, divided by a line, changed by moving a node. Pure.

/** The letter people call a group by. */
export const letter = (place) => (place < 26 ? String.fromCharCode(65 + place) : `${place + 1}`);

/** "0,1 / 2,3". */
export const groupsText = (groups) => groups.map((group) => group.join(",")).join(" / ");

/** "A: 0, 1 and B: 2, 3", for sentences. */
export const groupsWords = (groups) => groups.map((group, place) => `${letter(place)}: ${group.join(", ")}`).join("; ");

/** Reads "0,1 / 2,3"; nodes that are not named form one more group. Returns groups, or an error to show. */
export function parseGroups(text, ids) {
  const known = new Set(ids);
  const seen = new Set();
  const groups = [];
  for (const part of text.split("/")) {
    const group = [];
    for (const word of part.split(/[,\s]+/).filter(Boolean)) {
      const id = /^\d+$/.test(word) ? Number(word) : NaN;
      if (!known.has(id)) return { error: `“${word}” is not a node: write numbers with commas, a slash between groups.` };
      if (seen.has(id)) return { error: `Node ${id} is named twice.` };
      seen.add(id);
      group.push(id);
    }
    if (!group.length) return { error: "A group is empty: write numbers on both sides of each slash." };
    groups.push(group);
  }
  const rest = ids.filter((id) => !seen.has(id));
  if (rest.length) groups.push(rest);
  if (groups.length < 2) return { error: "One group of all nodes is not a partition: put a slash between two groups." };
  return { groups };
}

/** Moves a node to the group at a place; a place beyond the last makes a new group. */
export function move(groups, id, place) {
  const moved = groups.map((group) => group.filter((other) => other !== id));
  if (place >= moved.length) moved.push([id]);
  else moved[place] = [...moved[place], id].sort((a, b) => a - b);
  return moved.filter((group) => group.length);
}

/** Divides every group that a line passes through. `places` holds each node's {x, y}. */
export function cutByLine(groups, places, from, to) {
  const side = (at) => (to.x - from.x) * (at.y - from.y) - (to.y - from.y) * (at.x - from.x);
  const along = (at) => (to.x - from.x) * (at.x - from.x) + (to.y - from.y) * (at.y - from.y);
  const length = (to.x - from.x) ** 2 + (to.y - from.y) ** 2;
  const cut = groups.flatMap((group) => {
    const left = group.filter((id) => places.get(id) && side(places.get(id)) > 0);
    const right = group.filter((id) => !left.includes(id));
    if (!left.length || !right.length) return [group];
    // The line must pass between the two: some connection of theirs is crossed within its length.
    const isCrossed = left.some((a) =>
      right.some((b) => {
        const [p, q] = [places.get(a), places.get(b)];
        if (!p || !q) return false;
        const part = side(p) / (side(p) - side(q));
        const at = along({ x: p.x + (q.x - p.x) * part, y: p.y + (q.y - p.y) * part });
        return at >= 0 && at <= length;
      }),
    );
    return isCrossed ? [left, right] : [group];
  });
  return cut;
}

/** Whether two lists of groups say the same. */
export function sameGroups(one, other) {
  const canon = (groups) =>
    groups
      .map((group) => [...group].sort((a, b) => a - b).join(","))
      .sort()
      .join("/");
  return canon(one) === canon(other);
}
