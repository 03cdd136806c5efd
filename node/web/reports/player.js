// A scenario during playback: the first room over another world, whose time is virtual.

import { disable, h, replace, setText } from "../lib/dom.js";
import { expectations } from "./reportView.js";
import { Overview } from "../network/overview.js";
import { World } from "../model/world.js";
import { Feed } from "../model/feed.js";
import { PLAYED, speeds } from "../lib/widgets.js";
import { days } from "../lib/format.js";

/** A blink of the connection is no news. */
const BLINK = 800;

export class Player {
  /** `played` is what the server says of it; `most()` is how long it may last, as far as that is known. */
  constructor(played, most, steering, notice) {
    const { name, speed } = played;
    Object.assign(this, { steering, notice, most, world: new World(), pace: speed, sent: 0 });
    this.world.beginsAtGenesis = true;
    Object.assign(this, { isPaused: Boolean(played.is_paused), isStopped: Boolean(played.is_stopped) });
    this.overview = new Overview(this.world, null, async () => false, notice);
    this.title = h("h2", { tabindex: -1 }, name);
    this.met = h("div", { "aria-live": "polite" });
    this.time = h("span", { class: "scrub-time" });
    this.state = h("strong", { class: "play-state", role: "status" });
    this.lost = h("p", { class: "warn", role: "alert" });
    this.speed = speeds(
      { "aria-label": "Speed", onchange: () => this.setPace(Number(this.speed.value)) },
      speed,
      PLAYED,
    );
    const step = (label, act) => h("button", { type: "button", class: "small", onclick: act }, label);
    this.pauseButton = step("Pause", () => this.turn());
    this.stopButton = step("Stop", () => this.stop());
    this.element = h(
      "div",
      { class: "stack" },
      h(
        "section",
        { class: "card" },
        h(
          "div",
          { class: "row" },
          this.title,
          h("p", { class: "tools" }, this.time, this.state),
          h("div", { class: "tools" }, this.pauseButton, this.stopButton, this.speed),
        ),
        this.lost,
        this.met,
      ),
      this.overview.element,
    );
    this.feed = new Feed(
      this.world,
      "v1/player",
      (kind, data) => this.onEvent(kind, data),
      (word, why) => this.connection(word, why),
    );
    this.mark();
  }

  begin() {
    return this.feed.start();
  }

  onEvent(kind, data) {
    if (kind === "expectation" || kind === "view" || kind === "over") this.judge();
    // Virtual time is as late as the last thing that happened in it.
    const at = kind === "view" ? data.now_ms : data.at_ms;
    if (at !== undefined) this.latest = at;
    if (kind === "view" || kind === "over") this.mark();
    this.overview.handle(kind, data);
    if (!document.hidden) this.overview.update();
  }

  judge() {
    const { expectations: list, isOver } = this.world;
    replace(this.met, isOver ? expectations(list) : hopes(list, this.isStopped));
  }

  /** Nothing follows any more. */
  get isEnded() {
    return this.world.isOver || this.isStopped || this.isGone;
  }

  /** What is so now, in a word, and which knobs do anything. */
  mark() {
    const word = this.world.isOver ? "over" : this.isStopped ? "stopped" : this.isPaused ? "paused" : "";
    setText(this.state, this.isGone ? "" : word);
    setText(this.pauseButton, this.isPaused ? "Go on" : "Pause");
    const isIdle = this.isEnded || !this.steering.may;
    for (const knob of [this.pauseButton, this.stopButton, this.speed]) disable(knob, isIdle, () => this.title);
    this.showTime();
  }

  /** The server's state of this playback: another client may have steered it. */
  heed(plays) {
    this.showPace(plays.speed);
    this.isPaused = plays.is_paused;
    if (plays.is_stopped) this.end();
    this.mark();
  }

  /** It was stopped, here or elsewhere. */
  end() {
    if (this.isStopped) return;
    this.isStopped = true;
    this.judge();
    this.mark();
  }

  connection(word, why = "") {
    clearTimeout(this.timer);
    if (word !== "lost") return setText(this.lost, "");
    // The server is there and plays nothing: it was started again, and will not play this on.
    if (why.includes("404")) return this.gone();
    const words = `The stream of this play is lost (${why.replace(/\.$/, "")}). The page tries again by itself.`;
    this.timer = setTimeout(() => setText(this.lost, words), BLINK);
    return undefined;
  }

  gone() {
    this.feed.stop();
    this.isGone = true;
    this.mark();
    setText(this.lost, "No scenario is playing now. The page shows what it received.");
  }

  async send(verb, body = {}) {
    // What the server said before this step is news no more.
    this.sent += 1;
    try {
      await this.steering.send(`player/${verb}`, body);
      return true;
    } catch (error) {
      this.notice(error.message, true);
      // The token may be gone.
      this.mark();
      return false;
    } finally {
      this.sent += 1;
    }
  }

  /** Pauses what runs, and lets go on what is paused. */
  async turn() {
    const isPaused = !this.isPaused;
    if (!(await this.send(isPaused ? "pause" : "resume"))) return;
    this.isPaused = isPaused;
    this.mark();
  }

  async setPace(speed) {
    if (await this.send("speed", { speed })) this.pace = speed;
    // If it was rejected, it goes on as it did.
    this.showPace(this.pace);
  }

  showPace(speed) {
    this.pace = speed;
    this.speed.value = String(speed);
  }

  async stop() {
    if (await this.send("stop")) this.end();
  }

  /** How late it is, and while it runs how late it may become. */
  showTime() {
    const most = this.isEnded ? undefined : this.most();
    const at = this.latest === undefined ? "" : days(this.latest);
    setText(this.time, at && most ? `${at} of at most ${days(most)}` : at);
  }

  tick() {
    this.mark();
    this.overview.tick();
  }

  /** The room is left: the stream ends, the scenario goes on. */
  rest() {
    clearTimeout(this.timer);
    this.feed.stop();
  }
}

/** The expectations, before they are judged. */
function hopes(list, isStopped) {
  if (!list.length) return null;
  const word = isStopped ? "– not judged, the play was stopped: " : "○ open: ";
  return h(
    "ul",
    { class: "checks plain", "aria-label": "Expectations" },
    list.map((one) => h("li", { class: "open" }, h("strong", null, word), one.expected)),
  );
}
