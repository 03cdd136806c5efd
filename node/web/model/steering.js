// Steering: steps are sent with the token that the devnet printed. Without it the page is read-only.

const KEPT = "cairn-token";
/** A step that takes longer is given up: a fork mines blocks, all else is quick. */
const PATIENCE = 60_000;
/** A step that takes longer is reported to be under way, and again after each interval. */
const LATE = 1000;
/** Longest time of a step in the queue. After it the step is not done, and the reply names the one under way. */
const TURN = 500;

/** Takes the token out of the address bar, and keeps it for this tab. */
export function takeToken(place = location, store = sessionStorage, past = history) {
  const found = /^#token=([\w-]+)/.exec(place.hash);
  if (found) {
    store.setItem(KEPT, found[1]);
    past.replaceState(null, "", `${place.pathname}${place.search}#/`);
  }
  return store.getItem(KEPT);
}

const isLate = (error) => error.name === "TimeoutError";

function silence(error) {
  if (!isLate(error)) return "The server does not answer.";
  return `The server has not answered for ${PATIENCE / 1000} s. It is unknown whether the step was done.`;
}

export class Steering {
  /** `late(is)` is called when a step takes long, and when that has ended. */
  constructor(token, late) {
    Object.assign(this, { token, late });
  }

  get may() {
    return Boolean(this.token);
  }

  forget() {
    this.token = null;
    sessionStorage.removeItem(KEPT);
  }

  /** Sends a step. Throws an error whose message is a sentence. */
  async send(step, body = {}) {
    if (!this.token) throw new Error("This page has no token. Open the address that cairn devnet printed.");
    const timer = setInterval(() => this.late(true), LATE);
    try {
      return await this.carryOut(step, body);
    } finally {
      clearInterval(timer);
      this.late(false);
    }
  }

  async carryOut(step, body) {
    let answer;
    try {
      answer = await fetch(`v1/${step}?wait_ms=${TURN}`, {
        method: "POST",
        headers: { authorization: `Bearer ${this.token}`, "content-type": "application/json" },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(PATIENCE),
      });
    } catch (error) {
      throw new Error(silence(error));
    }
    const reply = await answer.json().catch((error) => ({ error: isLate(error) ? silence(error) : undefined }));
    // A token of another devnet is of no use: the page is read-only again, and says how to get one.
    if (answer.status === 401 || answer.status === 403) this.forget();
    if (!answer.ok || reply.error) {
      throw new Error(
        typeof reply.error === "string" ? reply.error : (reply.error?.message ?? `The server answers ${answer.status}.`),
      );
    }
    return reply;
  }
}
