// A step that takes its time shows it on the button that began it.

import { setAttr } from "./dom.js";

/** What takes no longer than this only flickers. */
const PATIENCE = 300;

let pressed = null;

/** Remembers which button was pressed last; one that is at work takes no second press. */
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
