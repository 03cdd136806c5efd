// The room of scenarios: those the devnet can play, and reports of those that were played before.

import { h, keyed, replace, setText } from "./dom.js";
import { ReportView, expectations } from "./reportview.js";
import { readReport } from "./report.js";
import { Overview } from "./overview.js";
import { World } from "./model.js";
import { Feed } from "./feed.js";
import { speeds } from "./bits.js";
import { clock, count, span } from "./format.js";

export class Scenarios {
  constructor(steering, notice) {
    Object.assign(this, { steering, notice });
    this.list = h("ul", { class: "scenario-list plain" });
    this.none = h("p", { class: "soft" }, "Asking which scenarios there are…");
    this.seed = h("input", { type: "number", id: "seed", min: 0, value: 1, class: "narrow" });
    this.speed = speeds({ id: "speed" });
    this.file = h("input", {
      type: "file",
      accept: ".json,application/json",
      id: "report-file",
      onchange: () => this.take(this.file.files[0]),
    });
    this.drop = h(
      "section",
      { class: "card drop" },
      h("h2", null, "Open a report"),
      h(
        "p",
        { class: "soft" },
        "Choose or drop the ",
        h("code", null, "report.json"),
        " that ",
        h("code", null, "cairn simulate FILE --report DIR"),
        " wrote. It stays on this machine.",
      ),
      h("p", null, h("label", { for: "report-file", class: "unseen" }, "A report.json"), this.file),
    );
    this.stage = h("div");
    this.element = h(
      "div",
      { class: "stack" },
      h(
        "div",
        { class: "rooms even" },
        h(
          "section",
          { class: "card", "aria-labelledby": "play-title" },
          h("h2", { id: "play-title" }, "Play a scenario"),
          h(
            "p",
            { class: "tools" },
            h("label", { for: "seed" }, "Seed"),
            this.seed,
            h("label", { for: "speed" }, "Speed"),
            this.speed,
          ),
          this.none,
          this.list,
        ),
        this.drop,
      ),
      this.stage,
    );
    for (const kind of ["dragover", "dragenter"])
      this.drop.addEventListener(kind, (event) => {
        event.preventDefault();
        this.drop.classList.add("over");
      });
    this.drop.addEventListener("dragleave", () => this.drop.classList.remove("over"));
    this.drop.addEventListener("drop", (event) => {
      event.preventDefault();
      this.drop.classList.remove("over");
      this.take(event.dataTransfer.files[0]);
    });
  }

  async enter() {
    this.player?.begin();
    if (this.isAsked) return;
    try {
      const answer = await fetch("v1/scenarios");
      // Not every server can play: a node alone cannot, and an older devnet cannot either.
      if (!answer.ok) throw new Error();
      const scenarios = await answer.json();
      this.isAsked = true;
      setText(this.none, scenarios.length ? "" : "There are none.");
      keyed(
        this.list,
        scenarios,
        (one) => one.name,
        (one) =>
          h(
            "li",
            null,
            h(
              "div",
              null,
              h("strong", null, one.name),
              h("p", null, one.teaches),
              h(
                "p",
                { class: "soft" },
                `${count(one.nodes, "node")}, ${count(one.steps, "step")}, ${span(one.lasts_ms)}`,
              ),
            ),
            h("button", { type: "button", disabled: !this.steering.may, onclick: () => this.play(one.name) }, "Play"),
          ),
      );
    } catch {
      setText(this.none, "This server plays no scenarios. Play one with cairn simulate, and open its report here.");
    }
  }

  leave() {
    this.player?.rest();
  }

  async take(file) {
    if (!file) return;
    try {
      const report = readReport(await file.text());
      this.player?.end();
      this.player = null;
      replace(this.stage, (this.view = new ReportView(report)).element);
      this.stage.scrollIntoView({ block: "start" });
    } catch (error) {
      this.notice(error.message, true);
    }
  }

  async play(name) {
    const speed = Number(this.speed.value);
    try {
      await this.steering.send("play", { name, seed: Number(this.seed.value), speed });
    } catch (error) {
      return this.notice(error.message, true);
    }
    this.player?.end();
    this.view?.pause();
    this.player = new Player(name, speed, this.steering, this.notice);
    replace(this.stage, this.player.element);
    return this.player.begin();
  }

  update() {
    this.player?.overview.update();
  }

  tick() {
    this.player?.tick();
  }
}

/** A scenario while it is played: the first room over another world, whose time is virtual. */
class Player {
  constructor(name, speed, steering, notice) {
    Object.assign(this, { steering, notice, world: new World() });
    this.overview = new Overview(this.world, null, async () => false, notice);
    this.met = h("div", { "aria-live": "polite" });
    this.time = h("span", { class: "scrub-time" });
    const choice = {
      "aria-label": "Speed",
      onchange: () => this.send("speed", { speed: Number(this.speed.value) }),
    };
    this.speed = speeds(choice, speed);
    const step = (label, verb) =>
      h("button", { type: "button", class: "small", onclick: () => this.send(verb) }, label);
    this.element = h(
      "div",
      { class: "stack" },
      h(
        "section",
        { class: "card" },
        h(
          "div",
          { class: "row" },
          h("h2", null, name),
          this.time,
          h(
            "div",
            { class: "tools" },
            step("Pause", "pause"),
            step("Go on", "resume"),
            step("Stop", "stop"),
            this.speed,
          ),
        ),
        this.met,
      ),
      this.overview.element,
    );
    this.feed = new Feed(
      this.world,
      "v1/player",
      (kind, data) => this.told(kind, data),
      () => {},
    );
  }

  begin() {
    return this.feed.start();
  }

  told(kind, data) {
    if (kind === "expectation" || kind === "view" || kind === "over")
      replace(this.met, expectations(this.world.expectations, this.world.isOver));
    if (data.at_ms !== undefined) this.latest = data.at_ms;
    this.overview.hear(kind, data);
    if (!document.hidden) this.overview.update();
  }

  async send(verb, body = {}) {
    try {
      await this.steering.send(`player/${verb}`, body);
    } catch (error) {
      this.notice(error.message, true);
    }
  }

  tick() {
    // Virtual time is as late as the last thing that happened in it.
    setText(this.time, this.latest === undefined ? "" : clock(this.latest));
    this.overview.tick();
  }

  /** Nobody looks: the stream ends, the scenario goes on. */
  rest() {
    this.feed.stop();
  }

  end() {
    this.feed.stop();
  }
}
