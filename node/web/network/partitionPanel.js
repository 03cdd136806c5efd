// Partition and heal: tools above the picture, the effect of a proposed cut, and a plain form for the same.

import { disable, h, hide, setText } from "../lib/dom.js";
import { groupsText, groupsWords, sameGroups } from "../model/groups.js";

export class PartitionPanel {
  constructor(world, proposal, network, may, act, notice) {
    Object.assign(this, { world, proposal, network, may, act, notice, real: world.groups });
    this.lineButton = h(
      "button",
      { type: "button", class: "small", onclick: () => this.drawLine(), title: "Then draw a line through the picture" },
      "Draw a cut",
    );
    this.healButton = h("button", { type: "button", class: "small good", onclick: () => this.heal() }, "Heal");
    this.tools = h("div", { class: "tools" }, this.lineButton, this.healButton);
    this.words = h("p", { class: "proposal-words" });
    this.bar = h(
      "div",
      { class: "proposal", hidden: true },
      this.words,
      h(
        "div",
        { class: "tools" },
        h("button", { type: "button", class: "strong", onclick: () => this.apply() }, "Cut here"),
        h("button", { type: "button", onclick: () => this.proposal.undo() }, "Undo"),
      ),
    );
    this.field = h("input", {
      type: "text",
      id: "cut-field",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "0,1 / 2,3",
    });
    this.error = h("p", { class: "error", role: "alert" });
    this.form = h(
      "details",
      { class: "cut-form" },
      h("summary", null, "Cut by keyboard or by numbers"),
      h(
        "p",
        { class: "soft" },
        "Drag a node out of its group, or into another. Drag across free space to draw a line. On a node, press G and then a letter. Or write the groups:",
      ),
      h(
        "form",
        { class: "tools", onsubmit: (event) => this.typed(event) },
        h("label", { for: "cut-field" }, "Partition"),
        this.field,
        h("button", { type: "submit", class: "small" }, "Show"),
      ),
      this.error,
      h(
        "p",
        { class: "tools" },
        h("button", { type: "button", class: "small", onclick: () => this.fork() }, "Show me a fork"),
        h("span", { class: "soft" }, "cuts in halves, mines on both sides, heals."),
      ),
    );
    this.mute = h("p", { class: "soft" });
    // The bar comes and goes, and what comes is not announced; this is always there.
    this.said = h("p", { class: "unseen", role: "status", "aria-live": "polite" });
    this.element = h("div", null, this.said, this.mute, this.form);
  }

  update() {
    const isDevnet = this.world.kind === "devnet";
    const may = this.may();
    this.followGroups();
    for (const part of [this.form, this.tools]) hide(part, !may, () => this.network.first);
    // A partition that is not possible any more is not proposed.
    if (!may && this.proposal.groups) return void this.proposal.drop();
    this.mute.hidden = may || !isDevnet || !this.isOffered;
    setText(this.mute, "Read only: to steer, open the address with the token that cairn devnet printed.");
    disable(this.healButton, this.world.isWhole, () => this.network.first);
    this.lineButton.setAttribute("aria-pressed", String(this.network.element.classList.contains("cutting")));
    const { groups } = this.proposal;
    hide(this.bar, !groups, () => (this.isCut && !this.healButton.disabled ? this.healButton : this.network.first));
    this.isCut = false;
    const words = !groups ? "" : groups.length > 1 ? `This makes ${groupsWords(groups)}.` : "This joins all groups.";
    setText(this.said, words);
    if (groups) setText(this.words, words);
  }

  /** A proposal is meant for the groups at its time: it is dropped when another client cuts or heals. */
  followGroups() {
    const { groups } = this.world;
    const isNews = !sameGroups(groups, this.real);
    this.real = groups;
    if (!isNews || !this.proposal.groups || this.isApplying) return;
    if (!sameGroups(groups, this.proposal.groups))
      this.notice("The network was cut or healed meanwhile; the proposal is dropped.");
    this.proposal.drop();
  }

  drawLine() {
    this.network.element.classList.toggle("cutting");
    this.update();
  }

  /** Cuts in halves, mines a longer chain on one side, heals: a reorganization to look at. */
  async fork() {
    if (this.isForking) return;
    this.isForking = true;
    await this.act("fork", { blocks: 3 }, "Forked and healed: the shorter branch is stale now.");
    this.isForking = false;
  }

  typed(event) {
    event.preventDefault();
    const ids = [...this.world.nodes.keys()];
    setText(this.error, this.proposal.type(this.field.value, ids, this.world.groups) ?? "");
  }

  async apply() {
    const { groups } = this.proposal;
    if (!groups) return;
    const isHealing = groups.length < 2;
    // The event may arrive before the reply.
    this.isApplying = true;
    const isDone = isHealing
      ? await this.act("heal", {}, "Healed: all nodes may reach each other again.")
      : await this.act(
          "partition",
          { groups: groupsText(groups) },
          `Cut: ${groupsText(groups)} no longer reach each other.`,
        );
    this.isApplying = false;
    if (!isDone) return;
    // The server's event follows a moment later; the picture does not jump back until then.
    this.world.apply("groups", { groups: isHealing ? [[...this.world.nodes.keys()]] : groups });
    this.isCut = true;
    this.proposal.drop();
  }

  async heal() {
    this.proposal.drop();
    await this.act("heal", {}, "Healed: all nodes may reach each other again.");
  }
}
