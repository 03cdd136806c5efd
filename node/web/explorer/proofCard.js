// The proof as a picture: leaf, path, root, header, work, each with a tick or a cross and its values.

import { busy } from "../lib/busy.js";
import { h, replace, s } from "../lib/dom.js";
import { check, fromHex, places } from "../model/proof.js";
import { count } from "../lib/format.js";

export function proofCard(explorer, txid, blockHash) {
  const isGenesis = blockHash === explorer.world.chain.genesis_hash;
  // Only the verdict is announced; what led to it is there to be read.
  const said = h("div", { "aria-live": "polite" });
  const shown = h("div");
  const tools = h("div", { class: "tools" });
  const element = h(
    "section",
    { class: "card" },
    h("h2", null, "Proof that the block holds it"),
    h(
      "p",
      { class: "soft" },
      "Your browser computes every hash itself. The node is asked for the bytes, not believed. Hashes are written as people see them, from the last byte to the first; when one is hashed again, its bytes go in from the first to the last.",
    ),
    tools,
    said,
    shown,
  );
  if (!globalThis.crypto?.subtle) {
    replace(
      said,
      h(
        "p",
        { class: "warn" },
        "This browser lends its SHA-256 only to pages from this machine or over HTTPS. Open the page by 127.0.0.1 or localhost to check proofs.",
      ),
    );
    return element;
  }
  const begin = h("button", { type: "button", onclick: () => load() }, "Fetch the proof and check it");
  replace(tools, begin);

  async function load() {
    try {
      const bytes = fromHex(await busy(explorer.call("gettxoutproof", [txid], blockHash), begin));
      const select = h(
        "select",
        { "aria-label": "What to falsify" },
        places(bytes).map(({ name }, place) => h("option", { value: place }, name)),
      );
      const show = async (changed, what) => {
        const { verdict, picture } = await look(() => check(changed, txid, blockHash, isGenesis), what);
        replace(said, verdict);
        replace(shown, picture);
      };
      replace(
        tools,
        h("button", { type: "button", onclick: () => show(bytes, null) }, "Check the true proof"),
        h(
          "button",
          {
            type: "button",
            onclick: () => {
              const place = places(bytes)[Number(select.value)];
              const changed = Uint8Array.from(bytes);
              changed[place.at] ^= 1;
              show(changed, `One bit of byte ${place.at} was changed, in ${place.name}.`);
            },
          },
          "Falsify one byte of",
        ),
        select,
      );
      await show(bytes, null);
      // The button that was pressed is gone.
      said.querySelector("h3")?.focus({ preventScroll: true });
    } catch (error) {
      replace(said, h("p", { class: "warn" }, `No proof: ${error.message}`));
    }
  }
  return element;
}

/** Checks a proof: what is said of it, and what is shown. */
async function look(verify, falsified) {
  let result;
  try {
    result = await verify();
  } catch (error) {
    const words = `${falsified ?? ""} The proof is malformed: ${error.message}.`;
    return { verdict: h("p", { class: "warn" }, words), picture: null };
  }
  const words = result.ok ? "The proof holds: the block holds the transaction." : "The proof does not hold.";
  const kind = result.ok ? "verdict good" : "verdict bad";
  const verdict = [
    falsified ? h("p", { class: "soft" }, falsified) : null,
    h("h3", { class: kind, tabindex: -1 }, `${result.ok ? "✓" : "✗"} ${words}`),
  ];
  return { verdict, picture: picture(result) };
}

function picture(result) {
  return h(
    "div",
    null,
    fitting(result),
    h(
      "ol",
      { class: "checks" },
      result.checks.map((one) =>
        h(
          "li",
          { class: one.ok ? "ok" : "bad" },
          h("strong", null, `${one.ok ? "✓" : "✗"} ${one.name}. `),
          one.what,
          h(
            "dl",
            { class: "facts long-facts" },
            h("div", null, h("dt", null, "computed"), h("dd", null, h("code", { class: "long" }, one.found))),
            h("div", null, h("dt", null, "expected"), h("dd", null, h("code", { class: "long" }, one.expected))),
          ),
        ),
      ),
    ),
    h(
      "details",
      null,
      h("summary", null, `The path in full: ${count(result.levels.length, "level")}`),
      h(
        "ol",
        { class: "checks" },
        result.levels.map((level) =>
          h(
            "li",
            null,
            level.side === "none"
              ? "No sibling: the node moves up as it is."
              : [`Sibling on the ${level.side}: `, h("code", { class: "long" }, level.sibling)],
            h("br"),
            "gives ",
            h("code", { class: "long" }, level.result),
          ),
        ),
      ),
    ),
  );
}

const ROW = 56;
/** Narrower than this, a node and its sibling stand side by side and nothing beside them. */
const NARROW = 480;

/** How the picture is laid out: its width, that of a box, where nodes and siblings stand. */
const LAYOUTS = {
  wide: { width: 580, box: 168, at: () => 290, beside: (side) => (side === "left" ? 100 : 480) },
  narrow: {
    width: 268,
    box: 130,
    at: (side) => ({ left: 202, right: 66 })[side] ?? 134,
    beside: (side) => (side === "left" ? 66 : 202),
  },
};

/** The picture in a box; it is drawn anew when the box becomes narrow or wide. */
function fitting(result) {
  const box = h("div", { class: "proof-box" });
  let drawn = null;
  new ResizeObserver(() => {
    const name = box.clientWidth < NARROW ? "narrow" : "wide";
    if (name === drawn || !box.clientWidth) return;
    drawn = name;
    replace(box, drawing(result, LAYOUTS[name]));
  }).observe(box);
  return box;
}

const short = (hex) => `${hex.slice(0, 8)}…${hex.slice(-4)}`;

/** The path from the leaf (bottom) to the root (top), siblings beside it. */
function drawing({ levels, leaf, root, checks, index, count: leaves }, layout) {
  const height = (levels.length + 2) * ROW + 24;
  const ok = (name) => checks.find((one) => one.name === name)?.ok;
  const parts = [];
  const box = (x, y, words, kind, title) =>
    s(
      "g",
      { class: `hashbox ${kind}` },
      s("rect", { x: x - layout.box / 2, y: y - 15, width: layout.box, height: 30, rx: 6 }),
      s("text", { x, y: y + 4, "text-anchor": "middle" }, words),
      s("title", null, title),
    );
  const joint = (x, y, toX, up) => {
    const way = x === toX ? `V${up + 15}` : `C${x} ${up + 25} ${toX} ${y - 5} ${toX} ${up + 15}`;
    parts.unshift(s("path", { class: "joint", d: `M${x} ${y - 15}${way}` }));
  };
  let y = height - ROW / 2;
  let x = layout.at(levels[0]?.side);
  parts.push(box(x, y, `leaf ${short(leaf)}`, ok("Transaction") ? "good" : "bad", leaf));
  levels.forEach((level, place) => {
    const up = y - ROW;
    const next = layout.at(levels[place + 1]?.side);
    joint(x, y, next, up);
    if (level.sibling) {
      const beside = layout.beside(level.side);
      joint(beside, y, next, up);
      parts.push(box(beside, y, short(level.sibling), "given", level.sibling));
    }
    [x, y] = [next, up];
    const isTop = place === levels.length - 1;
    const kind = !isTop ? "made" : ok("Root") ? "good" : "bad";
    parts.push(box(x, y, isTop ? `root ${short(level.result)}` : short(level.result), kind, level.result));
  });
  const top = y - ROW;
  joint(x, y, x, top);
  parts.push(box(x, top, `header ${short(root)}`, ok("Root") && ok("Header") ? "good" : "bad", root));
  const words = `${ok("Root") ? "=" : "≠"} root, ${ok("Work") ? "enough work" : "too little work"}`;
  parts.push(s("text", { class: "side-words", x, y: top - 24, "text-anchor": "middle" }, words));
  return s(
    "svg",
    {
      class: `proof${layout === LAYOUTS.narrow ? " narrow-proof" : ""}`,
      viewBox: `0 0 ${layout.width} ${height}`,
      width: layout.width,
      height,
      role: "img",
      "aria-label": `The way from leaf ${index + 1} of ${leaves} up to the root: ${ok("Root") ? "it arrives" : "it does not arrive"}`,
    },
    parts,
  );
}
