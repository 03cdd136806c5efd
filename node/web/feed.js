// A view and the events after it become one model that stays true: fetched again after a gap, after
// another start of the server, and when the connection was lost for good.

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

export class Feed {
  /** `base` is "v1" or "v1/player". `told(kind, data)` hears events, `state(word)` how the connection is. */
  constructor(world, base, told, state) {
    Object.assign(this, { world, base, told, state, wait: 500, stopped: false });
  }

  async start() {
    this.stop();
    this.stopped = false;
    const turn = (this.turn = (this.turn ?? 0) + 1);
    try {
      const answer = await fetch(`${this.base}/view`, { headers: { accept: "application/json" } });
      if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
      const view = await answer.json();
      if (turn !== this.turn || this.stopped) return;
      this.run = view.run ?? null;
      this.isNode = view.kind === "node";
      this.world.load(this.isNode ? viewOfNode(view) : view);
      this.wait = 500;
      this.told("view", view);
      this.follow(view.next);
    } catch (error) {
      if (turn !== this.turn || this.stopped) return;
      this.state("lost", error.message);
      this.again();
    }
  }

  /** Tries again, each time a little later. */
  again() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.start(), this.wait);
    this.wait = Math.min(SLOWEST, this.wait * 1.7);
  }

  follow(next) {
    const source = (this.source = new EventSource(`${this.base}/events?from=${next}`));
    source.addEventListener("hello", (event) => {
      const { run } = JSON.parse(event.data);
      // Another start of the server counts from another beginning: nothing we know holds any more.
      if (this.run !== null && run !== this.run) this.start();
      else this.state("live");
      this.run = run;
    });
    source.addEventListener("gap", () => this.start());
    if (this.isNode) {
      const translate = new NodeEvents(this.world);
      for (const kind of NodeEvents.kinds) {
        source.addEventListener(kind, (event) => {
          for (const [name, data] of translate.hear(kind, JSON.parse(event.data))) this.hear(name, data);
        });
      }
    } else {
      for (const kind of KINDS) source.addEventListener(kind, (event) => this.hear(kind, JSON.parse(event.data)));
    }
    source.onerror = () => {
      this.state("lost", "the connection was lost");
      // The browser tries again by itself unless the answer was no stream.
      if (source.readyState === EventSource.CLOSED) this.again();
    };
  }

  hear(kind, data) {
    this.world.apply(kind, data);
    this.told(kind, data);
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}
