// Colours and signs of branches: a branch has both, so that colour alone never carries a meaning.

/** Outlines in a box from -6 to 6, and what they are called. */
export const SIGNS = [
  { name: "circle", path: "M5 0A5 5 0 1 1 -5 0A5 5 0 1 1 5 0Z" },
  { name: "triangle", path: "M0 -5.5L5.5 4.5L-5.5 4.5Z" },
  { name: "square", path: "M-4.5 -4.5H4.5V4.5H-4.5Z" },
  { name: "diamond", path: "M0 -6L6 0L0 6L-6 0Z" },
  { name: "cross", path: "M-2 -6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z" },
  { name: "star", path: "M0 -6L1.8 -1.9L6 -1.9L2.6 .9L3.7 5.2L0 2.7L-3.7 5.2L-2.6 .9L-6 -1.9L-1.8 -1.9Z" },
  { name: "wedge", path: "M0 5.5L5.5 -4.5L-5.5 -4.5Z" },
  { name: "bar", path: "M-6 -2.2H6V2.2H-6Z" },
];

/** The outlines for a canvas. */
let made = null;
export const signPath = (slot) => (made ??= SIGNS.map((sign) => new Path2D(sign.path)))[slot];

/** The colours of the page as it is now; a canvas cannot use variables of a style sheet. */
let colours = null;
export function palette() {
  if (colours) return colours;
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(name).trim();
  colours = {
    slots: SIGNS.map((_, slot) => get(`--slot${slot}`)),
    on: get("--on-slot"),
    ink: get("--ink"),
    soft: get("--soft"),
    faint: get("--faint"),
    line: get("--line"),
    paper: get("--paper"),
    card: get("--card"),
    warn: get("--warn"),
    accent: get("--accent"),
    good: get("--good"),
    stale: get("--stale"),
  };
  return colours;
}

/** Forgets the colours: light became dark or the other way. */
export function repaint() {
  colours = null;
}
