// Drawing at most once per frame, whatever happens in between. A hidden page draws nothing.

const jobs = new Set();
let isAsked = false;

/** Runs a job in the next frame; requested twice, it runs once. */
export function draw(job) {
  jobs.add(job);
  if (isAsked) return;
  isAsked = true;
  requestAnimationFrame(run);
}

function run(now) {
  isAsked = false;
  const list = [...jobs];
  jobs.clear();
  for (const job of list) job(now);
}

/** Whether the reader prefers less motion. */
const quiet = matchMedia("(prefers-reduced-motion: reduce)");
export const isCalm = () => quiet.matches;

/** Slow at both ends. */
export const ease = (part) => (part < 0.5 ? 2 * part * part : 1 - (2 - 2 * part) ** 2 / 2);

/** A canvas's context with sharp pixels for its size, cleared. */
export function canvas(element, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (element.width !== w || element.height !== h) {
    element.width = w;
    element.height = h;
  }
  const context = element.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}
