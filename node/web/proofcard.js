// The proof as a picture: leaf, path, root, header, work, each with a tick or a cross and its values.

import { h, replace, s } from "./dom.js";
import { check, fromHex, places } from "./proof.js";
import { count } from "./format.js";

export function proofCard(explorer, txid, blockHash) {
  const isGenesis = blockHash === explorer.world.chain.genesis_hash;
  const out = h("div", { "aria-live": "polite" });
  const tools = h("div", { class: "tools" });
  const element = h(
    "section",
    { class: "card" },
    h("h2", null, "Proof that the block holds it"),
    h(
      "p",
      { class: "soft" },
      "Your browser computes every hash itself. The node is asked for the bytes, not believed.",
    ),
    tools,
    out,
  );
  if (!globalThis.crypto?.subtle) {
    replace(
      out,
      h(
        "p",
        { class: "warn" },
        "This browser lends its SHA-256 only to pages from this machine or over HTTPS. Open the page by 127.0.0.1 or localhost to check proofs.",
      ),
    );
    return element;
  }
  const begin = h("button", { type: "button", onclick: () => load() }, "Ask for the proof and check it");
  replace(tools, begin);

  async function load() {
    begin.disabled = true;
    try {
      const bytes = fromHex(await explorer.ask("gettxoutproof", [txid], blockHash));
      const select = h(
        "select",
        { "aria-label": "What to falsify" },
        places(bytes).map(({ name }, place) => h("option", { value: place }, name)),
      );
      const show = async (changed, what) =>
        replace(out, await picture(() => check(changed, txid, blockHash, isGenesis), what));
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
    } catch (error) {
      begin.disabled = false;
      replace(out, h("p", { class: "warn" }, `No proof: ${error.message}`));
    }
  }
  return element;
}

async function picture(verify, falsified) {
  let result;
  try {
    result = await verify();
  } catch (error) {
    return h("p", { class: "warn" }, `${falsified ?? ""} The proof cannot even be read: ${error.message}.`);
  }
  const verdict = result.ok ? "The proof holds: the block holds the transaction." : "The proof does not hold.";
  return h(
    "div",
    null,
    falsified ? h("p", { class: "soft" }, falsified) : null,
    h("p", { class: result.ok ? "verdict good" : "verdict bad" }, `${result.ok ? "✓" : "✗"} ${verdict}`),
    h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "The way up, as a picture" }, drawing(result)),
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
      h("summary", null, `The ${count(result.levels.length, "level")} of the path in full`),
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
const WIDE = 168;

/** The path from the leaf (bottom) to the root (top), siblings beside it. */
function drawing({ levels, leaf, root, checks, index, count: leaves }) {
  const height = (levels.length + 2) * ROW;
  const width = 580;
  const ok = (name) => checks.find((one) => one.name === name)?.ok;
  const parts = [];
  const short = (hex) => `${hex.slice(0, 8)}…${hex.slice(-4)}`;
  const box = (x, y, words, kind, title) =>
    s(
      "g",
      { class: `hashbox ${kind}` },
      s("rect", { x: x - WIDE / 2, y: y - 15, width: WIDE, height: 30, rx: 6 }),
      s("text", { x, y: y + 4, "text-anchor": "middle" }, words),
      s("title", null, title),
    );
  const middle = width / 2;
  let y = height - ROW / 2;
  let x = middle;
  parts.push(box(x, y, `leaf ${short(leaf)}`, ok("Transaction") ? "good" : "bad", leaf));
  levels.forEach((level, place) => {
    const up = y - ROW;
    if (level.sibling) {
      const way = level.side === "left" ? -1 : 1;
      const sx = middle + way * 190;
      parts.unshift(
        s("path", {
          class: "joint",
          d: `M${x} ${y - 15}V${up + 15}M${sx} ${y - 15}C${sx} ${up + 25} ${x} ${y - 5} ${x} ${up + 15}`,
        }),
      );
      parts.push(box(sx, y, short(level.sibling), "given", level.sibling));
    } else parts.unshift(s("path", { class: "joint", d: `M${x} ${y - 15}V${up + 15}` }));
    y = up;
    x = middle;
    const isTop = place === levels.length - 1;
    parts.push(
      box(
        x,
        y,
        isTop ? `root ${short(level.result)}` : short(level.result),
        isTop ? (ok("Root") ? "good" : "bad") : "made",
        level.result,
      ),
    );
  });
  const top = y - ROW;
  parts.unshift(s("path", { class: "joint", d: `M${x} ${y - 15}V${top + 15}` }));
  parts.push(box(x, top, `header ${short(root)}`, ok("Root") && ok("Header") ? "good" : "bad", root));
  parts.push(
    s(
      "text",
      { class: "side-words", x: x + WIDE / 2 + 12, y: top + 4 },
      `${ok("Root") ? "=" : "≠"} root, ${ok("Work") ? "enough work" : "too little work"}`,
    ),
  );
  return s(
    "svg",
    {
      class: "proof",
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "img",
      "aria-label": `The way from leaf ${index} of ${leaves} up to the root: ${ok("Root") ? "it arrives" : "it does not arrive"}`,
    },
    parts,
  );
}
