// The room of scenarios: those that the devnet can play, and reports of earlier runs.

import { disable, h, keyed, replace, setAttr, setText } from "../lib/dom.js";
import { ReportView } from "./reportView.js";
import { readReport } from "../model/report.js";
import { Player } from "./player.js";
import { PLAYED, speeds } from "../lib/widgets.js";
import { get } from "../lib/get.js";
import { count, foreign, span } from "../lib/format.js";

/** Seeds beyond this would lose digits on their way. */
const LARGEST = Number.MAX_SAFE_INTEGER;
/** Limit of a report's file, in bytes: no scenario writes more. */
const LARGEST_REPORT = 200_000_000;
/** An answer that takes longer is not waited for, in milliseconds. */
const PATIENCE = 4000;
/** Interval between two requests for the state of the player, in milliseconds. */
const NEWS = 3000;

export class Scenarios {
  /** `world` is the server's own, which says whether it can play scenarios. */
  constructor(steering, notice, world) {
    Object.assign(this, { steering, notice, world });
    this.list = h("ul", { class: "scenario-list plain" });
    // How long each may last, by its name.
    this.lasts = new Map();
    this.none = h("p", { class: "soft" }, "Asking which scenarios there are…");
    this.mute = h(
      "p",
      { class: "soft", hidden: true },
      "Read only: open the address that cairn devnet printed, with its token.",
    );
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
    this.stage = h("div", { class: "stage" });
    this.element = h(
      "div",
      { class: "stack" },
      // A running scenario comes first; the list is below it.
      this.stage,
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
          this.mute,
          this.list,
        ),
        this.drop,
      ),
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

  enter() {
    this.player?.begin();
    // A failed request is repeated when the room is opened again.
    if (!this.list.firstChild) this.isAsked = false;
    this.followToken();
    this.load();
  }

  /** The token may have come meanwhile, or been forgotten. */
  followToken() {
    const { may } = this.steering;
    this.mute.hidden = may || !this.list.firstChild;
    for (const button of this.list.querySelectorAll("button")) disable(button, !may, () => this.seed);
  }

  /** Loads the scenarios and the state of the player, once the server's kind is known. */
  load() {
    if (this.isAsked || !this.world.nodes.size) return;
    this.isAsked = true;
    if (this.world.kind === "node") return this.playsNothing();
    this.offer();
    this.follow();
  }

  playsNothing() {
    setText(this.none, "This server plays no scenarios. Play one with cairn simulate, and open its report here.");
  }

  async offer() {
    try {
      const scenarios = await get("v1/scenarios", PATIENCE);
      setText(this.none, scenarios.length ? "" : "There are none.");
      for (const one of scenarios) this.lasts.set(one.name, one.lasts_ms);
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
                `${count(one.nodes, "node")}, ${count(one.steps, "step")}, at most ${span(one.lasts_ms)}`,
              ),
            ),
            h("button", { type: "button", onclick: () => this.play(one.name) }, "Play"),
          ),
      );
      this.isUnknown = false;
      this.followToken();
    } catch (error) {
      // An older devnet cannot play.
      if (error.message.includes("404")) return this.playsNothing();
      this.isUnknown = true;
      setText(this.none, `${error.message} The page loads the list of scenarios again.`);
    }
  }

  /** Shows what plays already: the page was opened again, or another client plays. A report that is shown stays. */
  async follow() {
    this.asked = performance.now();
    if (this.stage.firstChild && !this.player) return;
    const sent = this.player?.sent;
    const { plays } = await get("v1/player", PATIENCE).catch(() => ({ plays: null }));
    if (!plays || !this.element.isConnected) return;
    // A report was opened meanwhile.
    if (this.stage.firstChild && !this.player) return;
    const shown = this.player?.feed.run;
    // A picture that is on its way is waited for.
    if (this.player && shown === undefined) return;
    // A reply to an earlier request does not know of this step.
    if (plays.run === shown) return void (this.player.sent === sent && this.player.heed(plays));
    if (plays.is_stopped) return;
    await this.show(plays).begin();
  }

  leave() {
    this.player?.rest();
  }

  async take(file) {
    if (!file) return;
    // Who chooses another one while the first is read wants the other.
    const turn = (this.turn = {});
    try {
      if (file.size > LARGEST_REPORT) throw new Error("It is larger than 200 MB, the limit of a report.");
      const text = await file.text();
      if (turn !== this.turn) return;
      const view = new ReportView(readReport(text));
      this.player?.rest();
      this.player = null;
      this.view?.pause();
      replace(this.stage, (this.view = view).element);
      this.nameFile(file);
      this.stage.scrollIntoView({ block: "start" });
    } catch (error) {
      // What is looked at stays.
      this.nameFile(this.opened);
      this.notice(`${foreign(file.name)} was not opened. ${error.message}`, true);
    }
  }

  /** The field names the report that is looked at: not one that was rejected, and a dropped one too. */
  nameFile(file) {
    this.opened = file;
    const named = new DataTransfer();
    if (file) named.items.add(file);
    this.file.files = named.files;
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
    const player = this.show({ name, speed });
    // The stage is above what was pressed, and grows with what is on it.
    player.title.focus({ preventScroll: true });
    this.stage.scrollIntoView({ block: "start" });
    await player.begin();
    requestAnimationFrame(() => this.stage.scrollIntoView({ block: "start" }));
  }

  show(played) {
    // A report that is still read comes too late.
    this.turn = null;
    this.player?.rest();
    this.view?.pause();
    this.view = null;
    this.nameFile(null);
    const player = new Player(played, () => this.lasts.get(played.name), this.steering, this.notice);
    this.player = player;
    replace(this.stage, player.element);
    return player;
  }

  update() {
    this.load();
    this.followToken();
    this.player?.overview.update();
    this.view?.repaint();
  }

  tick() {
    this.player?.tick();
    if (!this.isAsked || this.world.kind === "node" || performance.now() - this.asked < NEWS) return;
    this.follow();
    if (this.isUnknown) this.offer();
  }
}
