// A view and the events after it become one model that stays true: fetched again after a gap, after
// another start of the server, and when the connection was lost for good. What is new is asked for again and
// again: a stream would keep one of the browser's six connections for each window. One window sends requests and
// passes events to the others; one that gets none for a moment sends its own, so that none needs another.

import { get } from "../lib/get.js";
import { viewOfNode, NodeEvents } from "./singleNode.js";

const SLOWEST = 10_000;
/** Interval between two requests for new events, in milliseconds. */
const EVERY = 100;
/** A window that another one has just served sends no request. Up to twice as long, at random, so that one is first. */
const OVERHEARD = 250;
/** News that takes longer does not come. */
const PATIENCE = 4000;
/** A server that has answered nothing for so long is silent. */
const SILENCE = 1000;
/** A view that takes longer is given up. */
const LONGEST_VIEW = 10_000;
/** A view that takes longer is reported as late, and still awaited. */
const LATE = 1500;

/** A hidden tab sends no requests. */
const UNSEEN = 10_000;

export class Feed {
  /** `base` is "v1" or "v1/player". `onEvent(kind, data)` gets events, `state(word)` the state of the connection. */
  constructor(world, base, onEvent, state) {
    Object.assign(this, { world, base, onEvent, state, wait: 500, stopped: false });
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
    // The page may have been opened in a hidden tab.
    this.look();
    if (globalThis.BroadcastChannel) {
      this.others = new BroadcastChannel(this.base);
      this.others.onmessage = ({ data }) => this.overhear(data);
    }
    const turn = (this.turn = (this.turn ?? 0) + 1);
    this.late = setTimeout(() => this.lose("The server does not answer."), LATE);
    try {
      const view = await get(`${this.base}/view`, LONGEST_VIEW);
      if (!this.is(turn)) return;
      clearTimeout(this.late);
      this.run = view.run;
      this.isNode = view.kind === "node";
      this.world.load(this.isNode ? viewOfNode(view) : view);
      this.wait = 500;
      this.live();
      this.onEvent("view", view);
      this.next = view.next;
      this.translate = this.isNode ? new NodeEvents(this.world) : null;
      await this.follow(turn);
    } catch (error) {
      if (!this.is(turn)) return;
      clearTimeout(this.late);
      this.lose(error.message);
      this.again();
    }
  }

  /** Whether this is still the latest start, and nothing has ended it. */
  is(turn) {
    return turn === this.turn && !this.stopped;
  }

  /** Whether the server has not answered for longer than it ever takes. */
  get isSilent() {
    return performance.now() - (this.heardAt ?? 0) > SILENCE;
  }

  /** Tries again, each time a little later. */
  again() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.start(), this.wait);
    this.wait = Math.min(SLOWEST, this.wait * 1.7);
  }

  /** Requests new events at intervals, unless another window passes them on, until a restart or the end. */
  async follow(turn) {
    for (;;) {
      const [from, begun] = [this.next, performance.now()];
      const news = await get(`${this.base}/events?from=${from}`, PATIENCE);
      if (!this.is(turn)) return;
      // Another start of the server counts from another beginning: nothing we know holds any more.
      if (news.gap || news.run !== this.run) return void this.start();
      this.take({ ...news, from });
      this.others?.postMessage({ ...news, from });
      if (news.more) continue;
      // A slow server gets fewer requests.
      const now = performance.now();
      this.due = now + Math.max(EVERY, now - begun);
      while (this.due > performance.now()) {
        const wait = this.due - performance.now();
        await new Promise((go) => (this.timer = setTimeout(go, wait)));
      }
    }
  }

  /** Takes the events that another window received. */
  overhear(news) {
    if (news.run !== this.run || news.from > this.next) return;
    this.take(news);
    this.due = performance.now() + OVERHEARD * (1 + Math.random());
  }

  /** Takes the events of a reply that are not known yet. */
  take({ from, next, events }) {
    this.heardAt = performance.now();
    const fresh = events.slice(this.next - from);
    this.next = Math.max(this.next, next);
    for (const [kind, data] of fresh) {
      if (!this.translate) this.handle(kind, data);
      else for (const [name, sent] of this.translate.handle(kind, data)) this.handle(name, sent);
    }
  }

  /** The first reason stands until the server is back: attempts that fail are no news. */
  lose(why) {
    this.state("lost", (this.why ??= why));
  }

  live() {
    this.why = null;
    this.state("live");
  }

  /** What the page cannot show is for the console, and keeps nothing else from being shown. */
  handle(kind, data) {
    try {
      this.world.apply(kind, data);
      this.onEvent(kind, data);
    } catch (error) {
      reportError(error);
    }
  }

  stop() {
    this.stopped = true;
    this.rests = false;
    clearTimeout(this.unseen);
    clearTimeout(this.timer);
    clearTimeout(this.late);
    this.others?.close();
  }
}
