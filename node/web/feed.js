// A view and the events after it become one model that stays true: fetched again after a gap, after
// another start of the server, and when the connection was lost for good. A server that hangs keeps its
// connections open: only that nothing is heard of it any more tells.

import { viewOfNode, NodeEvents } from "./single.js";

const KINDS = [
  "block",
  "got",
  "tip",
  "reorganised",
  "transaction",
  "link",
  "groups",
  "node",
  "status",
  "agreement",
  "mark",
  "expectation",
  "over",
];
const SLOWEST = 10_000;
/** A server that beats is heard at least every 5 s. */
const SILENCE = 12_000;
/** A view that takes longer is given up. */
const PATIENCE = 10_000;
/** A view that takes longer is told to be late, and still waited for. */
const LATE = 4000;

/** A browser opens six connections to one server: a tab that nobody looks at leaves its own to others. */
const UNSEEN = 10_000;

const SILENT = "The server does not answer.";

export class Feed {
  /** `base` is "v1" or "v1/player". `told(kind, data)` hears events, `state(word)` how the connection is. */
  constructor(world, base, told, state) {
    Object.assign(this, { world, base, told, state, wait: 500, stopped: false, beats: false });
    document.addEventListener("visibilitychange", () => this.look());
  }

  /** Rests while the page is hidden, and goes on from a new view when it is seen again. */
  look() {
    clearTimeout(this.unseen);
    if (!document.hidden) return void (this.rests && this.start());
    if (this.stopped) return;
    this.unseen = setTimeout(() => {
      this.stop();
      this.rests = true;
    }, UNSEEN);
  }

  async start() {
    this.stop();
    this.stopped = false;
    const turn = (this.turn = (this.turn ?? 0) + 1);
    this.late = setTimeout(() => this.lose(SILENT), LATE);
    try {
      const view = await this.view();
      if (turn !== this.turn || this.stopped) return;
      clearTimeout(this.late);
      this.run = view.run ?? null;
      this.isNode = view.kind === "node";
      this.world.load(this.isNode ? viewOfNode(view) : view);
      this.wait = 500;
      this.told("view", view);
      this.follow(view.next);
    } catch (error) {
      if (turn !== this.turn || this.stopped) return;
      clearTimeout(this.late);
      this.lose(error.message);
      this.again();
    }
  }

  async view() {
    let answer;
    try {
      const accept = { accept: "application/json" };
      answer = await fetch(`${this.base}/view`, { headers: accept, signal: AbortSignal.timeout(PATIENCE) });
    } catch {
      throw new Error(SILENT);
    }
    if (!answer.ok) throw new Error(`The server answers ${answer.status}.`);
    return answer.json().catch(() => {
      throw new Error("The server's answer cannot be read.");
    });
  }

  /** Tries again, each time a little later. */
  again() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.start(), this.wait);
    this.wait = Math.min(SLOWEST, this.wait * 1.7);
  }

  follow(next) {
    const source = (this.source = new EventSource(`${this.base}/events?from=${next}`));
    this.heard();
    this.watch = setInterval(() => this.listen(), 1000);
    source.addEventListener("beat", () => {
      this.beats = true;
      this.heard();
    });
    source.addEventListener("hello", (event) => {
      this.heard();
      const { run, beat_ms: beat } = JSON.parse(event.data);
      // It says so itself: while there is much to tell it never beats.
      this.beats ||= beat > 0;
      // Another start of the server counts from another beginning: nothing we know holds any more.
      if (this.run !== null && run !== this.run) this.start();
      else this.live();
      this.run = run;
    });
    source.addEventListener("gap", () => this.start());
    if (this.isNode) {
      const translate = new NodeEvents(this.world);
      for (const kind of NodeEvents.kinds) {
        source.addEventListener(kind, (event) => {
          this.heard();
          for (const [name, data] of translate.hear(kind, JSON.parse(event.data))) this.hear(name, data);
        });
      }
    } else {
      for (const kind of KINDS) source.addEventListener(kind, (event) => this.hear(kind, JSON.parse(event.data)));
    }
    source.onerror = () => {
      this.lose("The connection to the server was lost.");
      // The browser tries again by itself unless the answer was no stream.
      if (source.readyState === EventSource.CLOSED) this.again();
    };
  }

  /** The first reason stands until the server is back: attempts that fail are no news. */
  lose(why) {
    this.state("lost", (this.why ??= why));
  }

  live() {
    this.why = null;
    this.state("live");
  }

  heard() {
    this.heardAt = performance.now();
  }

  /** Who beat once and beats no more hangs. A server that never beat may just have nothing to tell. */
  listen() {
    if (!this.beats || performance.now() - this.heardAt < SILENCE) return;
    this.stop();
    this.lose(`The server has not been heard for ${SILENCE / 1000} s.`);
    this.start();
  }

  hear(kind, data) {
    this.heard();
    this.world.apply(kind, data);
    this.told(kind, data);
  }

  stop() {
    this.stopped = true;
    this.rests = false;
    clearTimeout(this.unseen);
    clearTimeout(this.timer);
    clearTimeout(this.late);
    clearInterval(this.watch);
    this.source?.close();
    this.source = null;
  }
}
