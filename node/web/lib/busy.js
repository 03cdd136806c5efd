// Busy buttons: the button that began a long step shows that it is under way.

import { setAttr } from "./dom.js";

/** Milliseconds before a button shows it: a shorter step would only flicker. */
const PATIENCE = 300;

let pressed = null;

/** Remembers the button that was pressed last; a busy one ignores a second press. */
document.addEventListener(
  "click",
  (event) => {
    pressed = event.target.closest?.("button") ?? null;
    if (pressed?.getAttribute("aria-busy") !== "true") return;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  true,
);

/** Marks the pressed button while a promise is open. It keeps the focus, which `disabled` would take. */
export async function busy(promise, button = pressed) {
  const show = (is) => {
    setAttr(button, "aria-busy", is ? "true" : null);
    setAttr(button, "aria-disabled", is ? "true" : null);
  };
  const timer = button ? setTimeout(() => show(true), PATIENCE) : null;
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    if (button) show(false);
  }
}
