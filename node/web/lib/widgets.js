// Widgets: small elements that several pages share.

import { h, setText } from "./dom.js";

/** A row of a list of facts. */
export const fact = (name, ...value) => h("div", null, h("dt", null, name), h("dd", null, value));

/** A hash in full, broken where it must. */
export const code = (text) => h("code", { class: "long" }, text);

/** A link to a page of the explorer. */
export const link = (room, id, words = id, query = "") =>
  h("a", { href: `#/${room}/${encodeURIComponent(id)}${query}`, class: "long" }, words);

/** Playback speeds of a report, in seconds a second. */
const SPEEDS = [1, 4, 16, 60, 600];
/** Playback speeds of the player: some scenarios last for days. */
export const PLAYED = [1, 4, 16, 60, 1000, 10_000];

/** A choice of playback speed. */
export const speeds = (props, chosen = 4, list = SPEEDS) =>
  h(
    "select",
    props,
    list.map((speed) => h("option", { value: speed, selected: speed === chosen }, `${speed.toLocaleString("en")} ×`)),
  );

/** A button that copies a text. */
export function copy(text) {
  const button = h(
    "button",
    {
      type: "button",
      class: "small quiet",
      "aria-label": "Copy",
      onclick: async () => {
        try {
          await navigator.clipboard.writeText(text);
          setText(button, "copied");
        } catch {
          setText(button, "cannot copy");
        }
        setTimeout(() => setText(button, "copy"), 1500);
      },
    },
    "copy",
  );
  return button;
}
