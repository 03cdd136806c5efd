// An address's page: its balance and its history.

import { RpcError, InvalidRequest } from "../lib/rpc.js";
import { h, LiveTable, replace, setText } from "../lib/dom.js";
import { code, copy, fact } from "../lib/widgets.js";
import { coins, count, date } from "../lib/format.js";
import { running } from "./nodeLookup.js";

const PAGE = 50;

export async function addressPage(explorer, address, skip) {
  // This is answered whatever was written; a history of what is no address is an error.
  const { turn } = explorer;
  const meant = await explorer.call("validateaddress", address);
  if (meant.isvalid === false) throw new InvalidRequest(meant.error ?? "that is not an address of this chain.");
  const from = (node) => explorer.callNode(node, "getaddresshistory", address, PAGE, skip);
  const { reply, why, others } = await read(explorer, from, turn);
  const state = h("p", { class: "soft", "aria-live": "polite" });
  const holds = h("strong");
  const facts = [
    fact("Holds", holds, " coins"),
    fact("Received", h("span"), " coins"),
    fact("Transactions", h("span")),
  ];
  const waiting = waitingCard(explorer);
  const history = historyCard(explorer, address, skip);
  const more = elsewhere(explorer, address, others);
  const fill = (answer) => {
    state.className = "soft";
    setText(state, stateWords(explorer, answer));
    more.hidden = !others.length || isKnown(answer);
    setText(holds, coins(answer.balance));
    setText(facts[1].querySelector("span"), coins(answer.received));
    setText(facts[2].querySelector("span"), String(answer.txs));
    waiting.fill(answer.unconfirmed ?? []);
    history.fill(answer);
  };
  const lost = (error) => {
    state.className = "warn";
    setText(state, `${explorer.Name} has no history of it: ${error.message}`);
  };
  if (reply) fill(reply);
  else lost(why);
  const element = h(
    "article",
    null,
    h(
      "section",
      { class: "card" },
      h("h2", null, "Address"),
      h("dl", { class: "facts long-facts" }, fact("Address", code(address), " ", copy(address)), reply ? facts : null),
      explorer.steering.may && explorer.world.kind === "devnet" ? faucet(explorer, address) : null,
      state,
      others.length ? more : null,
    ),
    reply ? [waiting.element, history.element] : null,
  );
  // Outputs of a transaction do not come with it: any may be for this address.
  const concerns = (kind, data) => (kind === "tip" || kind === "transaction") && data.node === explorer.node;
  if (!reply) return { element };
  return { element, concerns, refresh: async () => fill(await from(explorer.node)), lost };
}

/** The chosen node's history; if it has none, that of one which has, or who those are if the node was wanted. */
async function read(explorer, from, turn) {
  let [reply, why] = [null, null];
  try {
    reply = await historyOf(explorer, explorer.node, from);
  } catch (error) {
    if (!(error instanceof RpcError) || error.isSilence) throw error;
    why = error;
  }
  if (reply && isKnown(reply)) return { reply, why, others: [] };
  const others = [];
  for (const { id } of running(explorer).filter(({ id }) => id !== explorer.node)) {
    const answer = await historyOf(explorer, id, from).catch(() => null);
    if (!answer || !isKnown(answer)) continue;
    if (explorer.chosen === null) {
      explorer.answers(id, turn);
      return { reply: answer, why: null, others: [] };
    }
    others.push(id);
  }
  return { reply, why, others };
}

/** A node without an address index is not called for a history. */
async function historyOf(explorer, node, from) {
  if (explorer.world.nodes.get(node)?.hasHistories !== false) return from(node);
  throw new RpcError("The address index is not kept: start the node with --address-index", -1);
}

const isKnown = (reply) => reply.txs > 0 || reply.unconfirmed?.length > 0;

function stateWords(explorer, reply) {
  const unconfirmed = reply.unconfirmed?.length ?? 0;
  const asked = explorer.world.kind === "node" ? "" : `As node ${explorer.node} has it. `;
  if (!unconfirmed) return `${asked}Nothing is unconfirmed.`;
  return `${asked}${count(unconfirmed, "unconfirmed transaction")}.`;
}

function elsewhere(explorer, address, nodes) {
  const links = nodes.map((node, place) => [
    place ? ", " : " ",
    h("a", { href: explorer.to("address", address, {}, node) }, `node ${node}`),
  ]);
  return h("p", null, `${explorer.Name} knows of no transaction of it. There is more at`, links, ".");
}

function faucet(explorer, address) {
  const pay = async () => {
    const body = { address, amount: "10", node: explorer.node };
    if (await explorer.act("faucet", body, "The faucet paid 10 coins.")) explorer.soon();
  };
  return h("p", null, h("button", { type: "button", onclick: pay }, "Pay 10 coins from the faucet"));
}

function waitingCard(explorer) {
  const rows = new LiveTable("Unconfirmed transactions", ["Transaction", "Coins"]);
  const element = h("section", { class: "card" }, h("h2", null, "Waiting"), rows.element);
  const fill = (list) => {
    rows.show(
      list,
      (entry) => entry.txid,
      (entry) => [explorer.link("tx", entry.txid, `${entry.txid.slice(0, 16)}…`), signed(entry.amount)],
    );
    // An empty table that has the focus keeps it.
    element.hidden = !list.length && rows.element !== document.activeElement;
  };
  return { element, fill };
}

function historyCard(explorer, address, skip) {
  const rows = new LiveTable("History of the address", ["Height", "Transaction", "Time", "Confirmations", "Coins"]);
  const none = h("p", { class: "soft" }, "Nothing yet.");
  const turns = h("p", { class: "tools" });
  const element = h("section", { class: "card" }, h("h2", null, "History"), none, rows.element, turns);
  let isMore = null;
  const fill = ({ history }) => {
    none.hidden = history.length > 0;
    rows.element.hidden = !history.length;
    rows.show(
      history,
      (entry) => `${entry.blockhash} ${entry.txid}`,
      (entry) => [
        explorer.link("block", entry.blockhash, String(entry.height)),
        explorer.link("tx", entry.txid, `${entry.txid.slice(0, 16)}…`),
        date(entry.time_ms),
        entry.confirmations,
        signed(entry.amount),
      ],
    );
    if (isMore === (isMore = history.length === PAGE)) return;
    replace(turns, skip ? turn("← newer", skip - PAGE) : null, isMore ? turn("older →", skip + PAGE) : null);
    turns.hidden = !turns.firstChild;
  };
  const turn = (words, place) => {
    const query = place > 0 ? { skip: place } : {};
    return h("a", { class: "button small", href: explorer.to("address", address, query) }, words);
  };
  return { element, fill };
}

function signed(amount) {
  const text = coins(amount);
  return text.startsWith("-") ? `−${text.slice(1)}` : `+${text}`;
}
