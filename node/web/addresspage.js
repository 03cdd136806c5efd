// An address's page: what it holds, and its history.

import { h, table } from "./dom.js";
import { code, copy, fact, link } from "./bits.js";
import { coins, date } from "./format.js";

const PAGE = 50;

export async function addressPage(explorer, address, skip) {
  let told;
  let why = null;
  try {
    told = await explorer.ask("getaddresshistory", address, PAGE, skip);
  } catch (error) {
    why = error.message;
    const valid = await explorer.ask("validateaddress", address).catch(() => null);
    if (valid && valid.isvalid === false) throw new Error(valid.error ?? "That is no address of this chain.");
  }
  const facts = h(
    "dl",
    { class: "facts long-facts" },
    fact("Address", code(address), " ", copy(address)),
    told
      ? [
          fact("Holds", h("strong", null, `${coins(told.balance)} coins`)),
          fact("Received", `${coins(told.received)} coins`),
          fact("Transactions", String(told.txs)),
        ]
      : null,
  );
  const faucet = () =>
    h(
      "p",
      null,
      h(
        "button",
        {
          type: "button",
          onclick: async () => {
            const isPaid = await explorer.act(
              "faucet",
              { address, amount: "10", node: explorer.node },
              "The faucet paid 10 coins.",
            );
            if (isPaid) explorer.load();
          },
        },
        "Pay 10 coins from the faucet",
      ),
    );
  const element = h(
    "article",
    null,
    h(
      "section",
      { class: "card" },
      h("h2", null, "Address"),
      facts,
      explorer.steering.may && explorer.world.kind === "devnet" ? faucet() : null,
      why ? h("p", { class: "warn" }, `Node ${explorer.node} tells no history: ${why}`) : null,
    ),
    told?.unconfirmed?.length
      ? h(
          "section",
          { class: "card" },
          h("h2", null, "Waiting"),
          table(
            "Transactions that wait",
            ["Transaction", "Coins"],
            told.unconfirmed.map((entry) => [
              link("tx", entry.txid, `${entry.txid.slice(0, 16)}…`),
              signed(entry.amount),
            ]),
          ),
        )
      : null,
    told
      ? h(
          "section",
          { class: "card" },
          h("h2", null, "History"),
          told.history.length
            ? table(
                "History of the address",
                ["Height", "Transaction", "Time", "Confirmations", "Coins"],
                told.history.map((entry) => [
                  link("block", entry.blockhash, String(entry.height)),
                  link("tx", entry.txid, `${entry.txid.slice(0, 16)}…`),
                  date(entry.time_ms),
                  entry.confirmations,
                  signed(entry.amount),
                ]),
              )
            : h("p", { class: "soft" }, "Nothing yet."),
          pages(address, skip, told),
        )
      : null,
  );
  return { element };
}

function signed(amount) {
  const text = coins(amount);
  return text.startsWith("-") ? `−${text.slice(1)}` : `+${text}`;
}

function pages(address, skip, told) {
  const isMore = told.history.length === PAGE;
  if (!skip && !isMore) return null;
  const to = (place) => `#/address/${address}?skip=${Math.max(0, place)}`;
  return h(
    "p",
    { class: "tools" },
    skip ? h("a", { class: "button small", href: to(skip - PAGE) }, "← newer") : null,
    isMore ? h("a", { class: "button small", href: to(skip + PAGE) }, "older →") : null,
  );
}
