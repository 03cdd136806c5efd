// A scenario while it is played: the first room over another world, whose time is virtual.

import { h, replace, setText } from "./dom.js";
import { expectations } from "./reportview.js";
import { Overview } from "./overview.js";
import { World } from "./model.js";
import { Feed } from "./feed.js";
import { PLAYED, speeds } from "./bits.js";
import { clock } from "./format.js";

/** A blink of the connection is no news. */
const BLINK = 800;

export class Player {
  constructor(name, speed, steering, notice) {
    Object.assign(this, { steering, notice, world: new World(), pace: speed });
    this.overview = new Overview(this.world, null, async () => false, notice);
    this.title = h("h2", { tabindex: -1 }, name);
    this.met = h("div", { "aria-live": "polite" });
    this.time = h("span", { class: "scrub-time" });
    this.lost = h("p", { class: "warn", role: "alert" });
    this.speed = speeds(
      { "aria-label": "Speed", onchange: () => this.setPace(Number(this.speed.value)) },
      speed,
      PLAYED,
    );
    const step = (label, act) => h("button", { type: "button", class: "small", onclick: act }, label);
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
          this.time,
          h(
            "div",
            { class: "tools" },
            step("Pause", () => this.send("pause")),
            step("Go on", () => this.send("resume")),
            step("Stop", () => this.stop()),
            this.speed,
          ),
        ),
        this.lost,
        this.met,
      ),
      this.overview.element,
    );
    this.feed = new Feed(
      this.world,
      "v1/player",
      (kind, data) => this.told(kind, data),
      (word, why) => this.connection(word, why),
    );
  }

  begin() {
    return this.feed.start();
  }

  told(kind, data) {
    if (kind === "view") this.connection("live");
    if (kind === "expectation" || kind === "view" || kind === "over") this.judge();
    // Virtual time is as late as the last thing that happened in it.
    const at = kind === "view" ? data.now_ms : data.at_ms;
    if (at !== undefined) this.latest = at;
    this.overview.hear(kind, data);
    if (!document.hidden) this.overview.update();
  }

  judge() {
    const { expectations: list, isOver } = this.world;
    replace(this.met, isOver ? expectations(list) : hopes(list, this.isStopped));
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
    setText(this.lost, "The server plays nothing now. What is shown here is all that was heard.");
  }

  async send(verb, body = {}) {
    try {
      await this.steering.send(`player/${verb}`, body);
      return true;
    } catch (error) {
      this.notice(error.message, true);
      return false;
    }
  }

  async setPace(speed) {
    if (await this.send("speed", { speed })) this.pace = speed;
    // If it was refused, it goes on as it did.
    this.showPace(this.pace);
  }

  showPace(speed) {
    this.pace = speed;
    this.speed.value = String(speed);
  }

  async stop() {
    if (!(await this.send("stop"))) return;
    this.isStopped = true;
    this.judge();
  }

  tick() {
    setText(this.time, this.latest === undefined ? "" : clock(this.latest));
    this.overview.tick();
  }

  /** Nobody looks: the stream ends, the scenario goes on. */
  rest() {
    clearTimeout(this.timer);
    this.feed.stop();
  }
}

/** What is expected, while nobody can know yet. */
function hopes(list, isStopped) {
  if (!list.length) return null;
  const word = isStopped ? "– not judged, the play was stopped: " : "○ open: ";
  return h(
    "ul",
    { class: "checks plain", "aria-label": "Expectations" },
    list.map((one) => h("li", { class: "open" }, h("strong", null, word), one.expected)),
  );
}
