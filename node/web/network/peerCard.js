// The card of a peer, of which only announced blocks are known; a card without pages has no links.

import { setAttr, setText } from "../lib/dom.js";
import { NodeCard } from "./nodeCard.js";
import { SIGNS } from "../lib/branchColours.js";
import { short, work } from "../lib/format.js";

/** A node's card: of a peer it shows the last announced block; without pages nothing in it is a link. */
export class PeerCard extends NodeCard {
  constructor(hasPages, ...rest) {
    super(...rest);
    this.hasPages = hasPages;
  }

  row(name, value, link = null) {
    const { told } = this.world.nodes.get(this.id) ?? {};
    const block = told && this.world.blocks.get(told.hash);
    let [words, to] = [value, link];
    if (told && name === "Tip") words = `${told.height} · ${short(told.hash)}`;
    if (told && name === "Tip" && block && !block.isGenesis) to = `#/block/${told.hash}`;
    if (block && name === "Work") words = work(block.work);
    super.row(name, words, this.hasPages ? to : null);
  }
}

/** The row of the legend for a node's peers. */
export function peersRow(sign, words) {
  setAttr(sign, "class", "sign peers");
  setAttr(sign, "aria-label", "hollow circle");
  setAttr(sign.firstChild, "d", SIGNS[0].path);
  setText(words, "peers: the last block that each announced");
}
