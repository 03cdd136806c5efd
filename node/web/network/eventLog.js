// The log of events: a list, and a live region that screen readers announce at a measured pace.

import { h, setText, keyed } from "../lib/dom.js";
import { clock, span } from "../lib/format.js";

/** Lines shown. */
const SHOWN = 40;
/** The ear gets one message in this time. */
const HASTE = 2500;

export class Log {
  constructor(world) {
    this.world = world;
    this.list = h("ol", { class: "log", reversed: true, tabindex: 0, "aria-labelledby": "log-title" });
    this.none = h("p", { class: "soft" }, "Nothing yet: partitions, heals and reorganizations are listed here.");
    this.element = h(
      "section",
      { class: "card", "aria-labelledby": "log-title" },
      h("h2", { id: "log-title" }, "What happened"),
      this.none,
      this.list,
    );
  }

  update() {
    const { marks, changes } = this.world;
    if (this.seen === changes.marks || !this.element.isConnected) return;
    this.seen = changes.marks;
    const last = marks.slice(-SHOWN).reverse();
    this.none.hidden = last.length > 0;
    keyed(
      this.list,
      last,
      (mark) => mark,
      (mark) =>
        h("li", { class: `mark-${mark.kind}` }, h("time", null, clock(mark.at_ms)), h("span", null, sentence(mark))),
    );
  }
}

/** A mark in words; how long something took is said once. */
export function sentence(mark) {
  const took = mark.took_ms;
  return took !== null && took !== undefined && !/\d (ms|s|min|h)\b/.test(mark.text)
    ? `${mark.text} after ${span(took)}`
    : mark.text;
}

export class Live {
  constructor(element) {
    Object.assign(this, { element, waiting: [], timer: null });
  }

  /** Says something soon; what comes meanwhile is joined. */
  say(text) {
    if (document.hidden) return;
    this.waiting.push(text);
    this.timer ??= setTimeout(() => this.speak(), 150);
  }

  speak() {
    const many = this.waiting.length;
    const text = many > 3 ? `${this.waiting.slice(0, 2).join(". ")}. And ${many - 2} more.` : this.waiting.join(". ");
    this.waiting = [];
    setText(this.element, text);
    this.timer = setTimeout(() => {
      this.timer = null;
      if (this.waiting.length) this.say(this.waiting.pop());
    }, HASTE);
  }
}
