// The whole page: one model, one feed, rooms by address, the header that is always there.

import { hide, replace, setText } from "./lib/dom.js";
import { draw } from "./lib/frames.js";
import { World } from "./model/world.js";
import { Feed } from "./model/feed.js";
import { Steering, takeToken } from "./model/steering.js";
import { busy } from "./lib/busy.js";
import { Overview } from "./network/overview.js";
import { Agreement } from "./network/agreement.js";
import { Explorer } from "./explorer/explorer.js";
import { Scenarios } from "./reports/scenarios.js";
import { Live, sentence } from "./network/eventLog.js";
import { Pulse } from "./model/singleNode.js";
import { route } from "./lib/router.js";
import { theme } from "./lib/theme.js";
import { letter } from "./model/groups.js";
import { count } from "./lib/format.js";

const part = (id) => document.getElementById(id);
const steering = new Steering(takeToken(), late);
const world = new World();
const live = new Live(part("live"));

/** Says how a step went, for eye and ear. One that is still under way stays to be read. */
function notice(text, isError = false, isUnderWay = false) {
  setText(part("notice"), text);
  part("notice").className = isError ? "notice error" : "notice";
  part("notice").hidden = false;
  notice.isUnderWay = isUnderWay;
  clearTimeout(notice.timer);
  if (!isUnderWay) notice.timer = setTimeout(() => (part("notice").hidden = true), isError ? 12_000 : 4_000);
}

/** A step takes its time, or no longer. */
function late(isLate) {
  if (!isLate) part("notice").hidden ||= Boolean(notice.isUnderWay);
  else if (!feed.isSilent) notice("The devnet is at work on this step…", false, true);
  else notice("No answer from the devnet. The step was sent: it is done if the devnet goes on.", true, true);
}

/** Carries out a step. Returns whether it was done. */
async function act(step, body, words) {
  try {
    await busy(steering.send(step, body));
    notice(words);
    return true;
  } catch (error) {
    notice(error.message, true);
    // The token may be gone: what steers goes with it.
    update();
    return false;
  }
}

const overview = new Overview(world, steering, act, notice);
const agreement = new Agreement(world);
const explorer = new Explorer(world, steering, act);
const scenarios = new Scenarios(steering, notice, world);

/** What is in the room now; `update()` when something changed, `tick()` each second. */
let here = overview;

function header() {
  world.settle();
  const { most, up, tips } = world.agreeing;
  const isNode = world.kind === "node";
  const isNone = !up && world.nodes.size > 0;
  document.body.dataset.kind = world.kind;
  setText(part("chain"), world.chain.name);
  setText(part("version"), world.version ? `cairn ${world.version}` : "");
  const self = world.nodes.get(0);
  setText(part("height"), String((isNode ? self?.height : world.best?.height) ?? "–"));
  if (isNode) {
    setText(part("agree"), String(world.nodes.size - 1));
    setText(part("agree-words"), world.nodes.size === 2 ? "peer" : "peers");
  } else if (isNone) {
    calmly("no node runs", "");
  } else if (up) {
    // Before the first view the running nodes are not known.
    calmly(`${most} of ${up}`, tips > 1 ? `nodes agree, ${tips} tips` : "nodes agree");
  }
  part("agree-box").classList.toggle("apart", isNone || (!isNode && most < up && !world.isWhole));
  const down = [...world.nodes.values()].filter((node) => !node.up).length;
  const silent = silence();
  const answer = silent === 1 ? "does not answer" : "do not answer";
  setText(part("down"), [down && `${down} down`, silent && `${silent} ${answer}`].filter(Boolean).join(", "));
  const banner = part("banner");
  hide(banner, world.isWhole, () => (here === overview ? overview.network.first : part("room-title")));
  if (!world.isWhole) {
    setText(
      part("banner-words"),
      `Partitioned: ${world.groups.map((group, place) => `${letter(place)} has ${members(group)}`).join("; ")}`,
    );
  }
  part("banner-heal").hidden = !steering.may || isNode;
  // The chosen node stays chosen in the next room.
  for (const room of ["explorer", "mempool"])
    document.querySelector(`nav a[data-room^="${room}"]`).href = explorer.to(room);
}

/** A block on its way divides the nodes for some milliseconds: only what lasts is shown so large. */
function calmly(figure, words) {
  const now = performance.now();
  if (calmly.figure !== figure) Object.assign(calmly, { figure, since: now });
  const isBlink = now - calmly.since < 400 && now - (calmly.shownAt ?? -Infinity) < 2500;
  if (isBlink && !calmly.isAwaited) {
    clearTimeout(calmly.timer);
    calmly.timer = setTimeout(() => draw(header), 420);
    return;
  }
  calmly.isAwaited = false;
  clearTimeout(calmly.timer);
  calmly.shownAt = now;
  setText(part("agree"), figure);
  setText(part("agree-words"), words);
}

/** Number of nodes that run and do not answer; a screen reader announces changes. */
function silence() {
  const now = new Set([...world.nodes.values()].filter((node) => node.up && !node.answers).map((node) => node.id));
  for (const id of now) if (!silence.before?.has(id)) live.say(`Node ${id} does not answer`);
  for (const id of silence.before ?? []) if (!now.has(id) && world.nodes.get(id)?.up) live.say(`Node ${id} answers`);
  silence.before = now;
  return now.size;
}

function members(group) {
  if (group.length > 8) return count(group.length, "node");
  return `node${group.length === 1 ? "" : "s"} ${group.join(", ")}`;
}

function update() {
  draw(header);
  here.update();
}

function onEvent(kind, data) {
  if (kind === "mark") live.say(sentence(data));
  // The log says that all agree: what stands above it must not say otherwise.
  if (kind === "mark" && (data.kind === "heal" || data.kind === "agreed")) calmly.isAwaited = true;
  if (kind === "node") live.say(`Node ${data.id} is ${data.up ? "up" : "down"}`);
  if (here === overview) overview.handle(kind, data);
  explorer.handle(kind, data);
  pulse.handle(kind);
  // A hidden page draws when it is seen again.
  if (!document.hidden) update();
}

function connection(word, why) {
  const isLost = word === "lost";
  document.body.dataset.state = word;
  clearTimeout(connection.timer);
  // A blink is no news.
  if (isLost) connection.timer = setTimeout(() => (part("lost").hidden = false), 800);
  else part("lost").hidden = true;
  setText(part("lost-words"), isLost ? `${why} The page tries again by itself.` : "");
}

const TITLES = {
  "": "Network",
  agreement: "Agreement",
  scenarios: "Scenarios",
  mempool: "Mempool",
  search: "Search",
  block: "Block",
  tx: "Transaction",
  address: "Address",
  explorer: "Explorer",
};

function show({ room, parts, query }) {
  const title = TITLES[room] ?? "Not found";
  document.title = `${title} · Cairn`;
  setText(part("room-title"), title);
  for (const link of document.querySelectorAll("nav a")) {
    const is = link.dataset.room.split(" ").includes(room || "network");
    if (is) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  here.leave?.();
  here = room === "" ? overview : room === "agreement" ? agreement : room === "scenarios" ? scenarios : explorer;
  replace(part("room"), here.element);
  here.enter?.(room, parts, query);
  if (show.before) part("room-title").focus({ preventScroll: true });
  if (show.before) scrollTo(0, 0);
  show.before = true;
  update();
}

const pulse = new Pulse(world, onEvent);
const feed = new Feed(world, "v1", onEvent, connection);
part("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const q = part("search-field").value.trim();
  if (!q) return;
  const to = explorer.to("search", null, { q });
  // The same once more is a question too: the answer may be another now.
  if (location.hash === to) explorer.load();
  else location.hash = to;
});
// Addresses are rooms here, so the way past the header cannot be one.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  part("main").focus();
});
part("banner-heal").addEventListener("click", () => act("heal", {}, "Healed: all nodes may reach each other again."));
theme(part("theme"), update);
document.addEventListener("visibilitychange", () => !document.hidden && update());
setInterval(() => {
  if (document.hidden) return;
  world.unsettled = true;
  draw(header);
  here.tick?.();
  if (document.body.dataset.state === "live") pulse.tick();
}, 1000);
route(show, () => (steering.token = takeToken()));
feed.start();
