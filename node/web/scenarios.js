// The room of scenarios: those the devnet can play, and reports of those that were played before.

import { h, keyed, replace, setAttr, setText } from "./dom.js";
import { ReportView } from "./reportview.js";
import { readReport } from "./report.js";
import { Player } from "./player.js";
import { PLAYED, speeds } from "./bits.js";
import { count, span } from "./format.js";

/** Seeds beyond this would lose digits on their way. */
const LARGEST = Number.MAX_SAFE_INTEGER;
/** Where this browser remembers what was played last: a server where nothing plays is not asked in vain. */
const KEPT = "cairn-played";

export class Scenarios {
  /** `world` is the server's own, which tells whether it can play at all. */
  constructor(steering, notice, world) {
    Object.assign(this, { steering, notice, world });
    this.list = h("ul", { class: "scenario-list plain" });
    this.none = h("p", { class: "soft" }, "Asking which scenarios there are…");
    this.seed = h("input", {
      type: "number",
      id: "seed",
      min: 0,
      max: LARGEST,
      step: 1,
      value: 1,
      class: "narrow",
      "aria-describedby": "seed-error",
    });
    this.error = h("p", { class: "error", role: "alert", id: "seed-error" });
    this.speed = speeds({ id: "speed" }, 4, PLAYED);
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
          this.error,
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
    // Another tab played something: it is the one that runs now.
    addEventListener("storage", ({ key, oldValue }) => key === KEPT && this.follow(parse(oldValue)));
  }

  enter() {
    this.player?.begin();
    // What could not be asked is asked again when somebody comes back.
    if (!this.list.firstChild) this.isAsked = false;
    // The token may have come meanwhile, or been forgotten.
    for (const button of this.list.querySelectorAll("button")) button.disabled = !this.steering.may;
    this.ask();
  }

  /** Asks what can be played and what is played, once it is known who could play. */
  ask() {
    if (this.isAsked || !this.world.nodes.size) return;
    this.isAsked = true;
    if (this.world.kind === "node") return this.playsNothing();
    this.offer();
    this.restore();
  }

  playsNothing() {
    setText(this.none, "This server plays no scenarios. Play one with cairn simulate, and open its report here.");
  }

  async offer() {
    try {
      const answer = await fetch("v1/scenarios");
      // An older devnet cannot play.
      if (!answer.ok) throw new Error();
      const scenarios = await answer.json();
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
      this.playsNothing();
    }
  }

  /** Shows what plays already: the page was opened again, or in a second tab. */
  restore() {
    const played = parse(localStorage.getItem(KEPT));
    if (played && !this.player) this.show(played).begin();
  }

  /** Another tab changed what is played. A report that is looked at stays. */
  follow(was) {
    const played = parse(localStorage.getItem(KEPT));
    if (!played || (this.stage.firstChild && !this.player)) return;
    if (played.at === was?.at) return void this.player?.showPace(played.speed);
    const player = this.show(played);
    if (this.element.isConnected) player.begin();
  }

  leave() {
    this.player?.rest();
  }

  async take(file) {
    if (!file) return;
    try {
      const report = readReport(await file.text());
      this.player?.rest();
      this.player = null;
      replace(this.stage, (this.view = new ReportView(report)).element);
      this.stage.scrollIntoView({ block: "start" });
    } catch (error) {
      this.notice(error.message, true);
    }
  }

  /** The seed that is written, or null with words on what is wrong with it. */
  readSeed() {
    const text = this.seed.value.trim();
    const isGood = /^\d+$/.test(text) && Number(text) <= LARGEST;
    setAttr(this.seed, "aria-invalid", isGood ? null : "true");
    setText(this.error, isGood ? "" : `A seed is a whole number from 0 to ${LARGEST.toLocaleString("en")}.`);
    if (!isGood) this.seed.focus();
    return isGood ? Number(text) : null;
  }

  async play(name) {
    const speed = Number(this.speed.value);
    const seed = this.readSeed();
    if (seed === null) return;
    try {
      await this.steering.send("play", { name, seed, speed });
    } catch (error) {
      return void this.notice(error.message, true);
    }
    const played = { name, speed, at: Date.now() };
    keep(played);
    const player = this.show(played);
    // The stage is below what was pressed, and grows with what is on it.
    player.title.focus({ preventScroll: true });
    this.stage.scrollIntoView({ block: "start" });
    await player.begin();
    requestAnimationFrame(() => this.stage.scrollIntoView({ block: "start" }));
  }

  show(played) {
    this.player?.rest();
    this.view?.pause();
    const player = new Player(played.name, played.speed, this.steering, this.notice, (changes) => {
      keep(changes && { ...played, ...changes });
      // Nothing was heard of it: there is nothing to leave on the stage.
      if (!changes && !player.world.nodes.size) this.clear();
    });
    this.player = player;
    replace(this.stage, player.element);
    return player;
  }

  clear() {
    this.player = null;
    replace(this.stage);
  }

  update() {
    this.ask();
    this.player?.overview.update();
  }

  tick() {
    this.player?.tick();
  }
}

/** What was played last, or null. */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Remembers what is played; null forgets it. A browser that keeps nothing is no reason not to play. */
function keep(played) {
  try {
    if (played) localStorage.setItem(KEPT, JSON.stringify(played));
    else localStorage.removeItem(KEPT);
  } catch {
    // Then a second tab does not know of it.
  }
}
