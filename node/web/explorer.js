// The explorer's rooms: search, block, transaction, address, mempool. Every page has an address of its own.

import { h, replace } from "./dom.js";
import { ask } from "./ask.js";
import { find } from "./search.js";
import { blockPage } from "./blockpage.js";
import { transactionPage } from "./txpage.js";
import { addressPage } from "./addresspage.js";
import { mempoolPage } from "./mempoolpage.js";
import { homePage } from "./explorerhome.js";

export class Explorer {
  /** `steering` and `act(step, body, words)` are for the faucet. */
  constructor(world, steering, act) {
    Object.assign(this, { world, steering, act, node: 0 });
    this.select = h("select", {
      id: "asked",
      onchange: () => {
        this.node = Number(this.select.value);
        this.load();
      },
    });
    this.asked = h("p", { class: "soft asked" }, h("label", { for: "asked" }, "Asked: "), this.select);
    this.body = h("div", { class: "page" });
    this.element = h("div", null, this.asked, this.body);
    this.known = "";
  }

  enter(room, parts, query) {
    this.place = { room, parts, query };
    const wanted = Number(query.get("node") ?? NaN);
    if (Number.isInteger(wanted)) this.node = wanted;
    this.known = "";
    this.options();
    this.load();
  }

  leave() {
    this.turn = (this.turn ?? 0) + 1;
    this.page = null;
  }

  /** Which nodes can be asked. */
  options() {
    const nodes = [...this.world.nodes.values()].filter((node) => !node.isPeer);
    const known = nodes.map((node) => `${node.id}${node.up}`).join();
    if (known === this.known) return;
    this.known = known;
    this.asked.hidden = this.world.kind === "node";
    if (nodes.length && !nodes.some((node) => node.id === this.node && node.up))
      this.node = nodes.find((node) => node.up)?.id ?? 0;
    replace(
      this.select,
      nodes.map((node) =>
        h(
          "option",
          { value: node.id, disabled: !node.up, selected: node.id === this.node },
          `node ${node.id}${node.up ? "" : " (down)"}`,
        ),
      ),
    );
  }

  /** Another node is asked from now on: it knows what the one before does not. */
  choose(node) {
    this.node = node;
    this.select.value = String(node);
  }

  /** Asks the chosen node. */
  ask(method, ...params) {
    return ask(this.node, method, params);
  }

  async load() {
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const { room, parts, query } = this.place;
    this.page = null;
    this.body.setAttribute("aria-busy", "true");
    if (!this.body.firstChild) replace(this.body, h("p", { class: "soft" }, "Asking…"));
    let page;
    try {
      page = await this.make(room, parts, query);
    } catch (error) {
      page = {
        element: h(
          "section",
          { class: "card" },
          h("h2", null, "Not found"),
          h(
            "p",
            null,
            error.code === undefined
              ? `This cannot be shown: ${error.message}`
              : `Node ${this.node} says: ${error.message}`,
          ),
          h("p", { class: "soft" }, "Another node may know more: choose it above."),
          h("p", null, h("button", { type: "button", onclick: () => this.load() }, "Ask again")),
        ),
      };
    }
    if (turn !== this.turn) return;
    this.page = page;
    this.body.removeAttribute("aria-busy");
    replace(this.body, page.element);
    page.shown?.();
  }

  async make(room, parts, query) {
    const isHashed = room === "block" || room === "tx";
    if (isHashed && !/^[0-9a-f]{64}$/i.test(parts[0] ?? "")) throw new Error("a hash has 64 hex digits.");
    switch (room) {
      case "block":
        return blockPage(this, parts[0].toLowerCase());
      case "tx":
        return transactionPage(this, parts[0].toLowerCase(), query.get("block"));
      case "address":
        return addressPage(this, parts[0] ?? "", Number(query.get("skip")) || 0);
      case "mempool":
        return mempoolPage(this);
      case "search": {
        const text = query.get("q") ?? "";
        const to = await find(this, text);
        if (to) {
          // The search itself is not worth a step back.
          location.replace(to);
          return { element: h("p", { class: "soft" }, "Found.") };
        }
        return {
          element: h(
            "section",
            { class: "card" },
            h("h2", null, "Nothing found"),
            h("p", null, "No height, block, transaction or address matches ", h("code", null, text), "."),
            h(
              "p",
              { class: "soft" },
              "A height is a number; hashes and txids have 64 hex digits; addresses begin with ",
              h("code", null, `${this.world.chain.address_prefix}1`),
              ".",
            ),
          ),
        };
      }
      case "explorer":
        return homePage(this);
      default:
        return {
          element: h(
            "section",
            { class: "card" },
            h("h2", null, "There is no such room"),
            h("p", null, h("a", { href: "#/" }, "To the network")),
          ),
        };
    }
  }

  /** Something changed: a page that lives hears of it, others stay as they were read. */
  update() {
    this.options();
  }

  tick() {
    this.page?.tick?.();
  }

  hear(kind, data) {
    if (!this.element.isConnected) return;
    // The page was opened before the first view came: now there is somebody to ask.
    if (kind === "view") this.options();
    this.page?.hear?.(kind, data);
  }
}
