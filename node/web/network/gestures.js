// Gestures in the picture of the network: choose, drag, cut with a line; by pointer and by keys.

/** A pointer that moved less than this only pressed. */
const SLACK = 5;

/** Handles the events of a network's picture. `may()` is whether cuts are allowed; `hint(text)` shows a sentence. */
export function handle(network, may, hint) {
  const { svg, element } = network;
  let press = null;

  const at = (event) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const nodeOf = (event) => {
    const found = event.target.closest?.("[data-id]");
    return found ? Number(found.dataset.id) : null;
  };

  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const id = nodeOf(event);
    press = { id, from: at(event), moved: false, pointer: event.pointerId };
    // A finger on free space scrolls the page unless a cut is being drawn.
    if (id === null && event.pointerType === "touch" && !element.classList.contains("cutting")) press = null;
  });

  svg.addEventListener("pointermove", (event) => {
    if (!press || event.pointerId !== press.pointer || !may()) return;
    const to = at(event);
    if (!press.moved && Math.hypot(to.x - press.from.x, to.y - press.from.y) < SLACK) return;
    if (!press.moved) svg.setPointerCapture(press.pointer);
    press.moved = true;
    if (press.id === null) {
      network.showLine(press.from, to);
    } else {
      network.hand = { id: press.id, ...to };
      network.update();
    }
  });

  const end = (event) => {
    if (!press || event.pointerId !== press.pointer) return;
    const { id, from, moved } = press;
    const to = at(event);
    press = null;
    network.showLine(null);
    network.hand = null;
    if (event.type === "pointercancel") return network.arrange();
    if (!moved) {
      if (id !== null) {
        network.focus(id);
        network.onOpen(id);
      }
      return undefined;
    }
    const { proposal, world } = network;
    element.classList.remove("cutting");
    const isChanged = id === null ? proposal.cut(network.places, from, to, world.groups) : dropNode(id, to);
    if (!isChanged) hint(id === null ? "The line cuts no group in two." : "The node stays in its group.");
    network.arrange();
    return undefined;
  };
  svg.addEventListener("pointerup", end);
  svg.addEventListener("pointercancel", end);

  function dropNode(id, to) {
    const own = network.groups.findIndex((group) => group.includes(id));
    const place = network.groupAt(to, id);
    if (place === own) return false;
    return network.proposal.move(id, place, network.world.groups);
  }

  let isNaming = false;
  svg.addEventListener("keydown", (event) => {
    const id = nodeOf(event);
    if (id === null || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isNaming) {
      isNaming = false;
      if (/^[a-z]$/i.test(event.key) && may()) {
        event.preventDefault();
        const place = event.key.toLowerCase().charCodeAt(0) - 97;
        const isChanged = network.proposal.move(id, Math.min(place, network.groups.length), network.world.groups);
        hint(isChanged ? `Node ${id} goes to group ${event.key.toUpperCase()}.` : `Node ${id} is in that group.`);
      }
      return;
    }
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (ways[event.key]) {
      event.preventDefault();
      const next = towards(network.places, id, ...ways[event.key]);
      if (next !== null) network.focus(next);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      network.onOpen(id);
    } else if (event.key === "g" && may()) {
      isNaming = true;
      hint(`Node ${id}: now press the letter of its group, A to ${String.fromCharCode(65 + network.groups.length)}.`);
    } else if (event.key === "Escape" && network.proposal) {
      network.proposal.drop();
    }
  });
}

/** The nearest place in a direction; what lies off the line counts as twice as far. */
export function towards(places, id, dx, dy) {
  const from = places.get(id);
  let [best, least] = [null, Infinity];
  for (const [other, at] of places) {
    const [x, y] = [at.x - from.x, at.y - from.y];
    const along = x * dx + y * dy;
    if (other === id || along <= 1) continue;
    const far = along + 2 * Math.abs(x * dy - y * dx);
    if (far < least) [best, least] = [other, far];
  }
  return best;
}
