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
    const { announced } = this.world.nodes.get(this.id) ?? {};
    const block = announced && this.world.blocks.get(announced.hash);
    let [words, to] = [value, link];
    if (announced && name === "Tip") words = `${announced.height} · ${short(announced.hash)}`;
    if (announced && name === "Tip" && block && !block.isGenesis) to = `#/block/${announced.hash}`;
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
