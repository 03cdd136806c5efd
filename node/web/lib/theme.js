// Light or dark: as the system has it, or as the reader chose.

import { repaint } from "./branchColours.js";

const KEPT = "cairn-theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };
const WORDS = { auto: "as the system", light: "light", dark: "dark" };

/** Lets a button go through the three; `changed()` is called after each change. */
export function theme(button, changed) {
  const put = (name) => {
    if (name === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    button.setAttribute("aria-label", `Colours: ${WORDS[name]}`);
    button.title = `Colours: ${WORDS[name]}`;
    button.dataset.name = name;
    repaint();
    changed();
  };
  let kept = "auto";
  try {
    kept = localStorage.getItem(KEPT) ?? "auto";
  } catch {
    // Storage may be forbidden; then the choice lasts as long as the page.
  }
  put(NEXT[kept] ? kept : "auto");
  button.addEventListener("click", () => {
    const name = NEXT[button.dataset.name];
    put(name);
    try {
      localStorage.setItem(KEPT, name);
    } catch {
      // As above.
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    repaint();
    changed();
  });
}
