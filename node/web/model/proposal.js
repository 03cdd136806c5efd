// A proposed partition: groups that are not yet in force, with undo. Pure.

import { move, parseGroups, sameGroups, cutByLine } from "./groups.js";

export class Proposal {
  /** `onChange` is called after every change. */
  constructor(onChange) {
    this.steps = [];
    this.onChange = onChange;
  }

  /** The groups proposed, or none. */
  get groups() {
    return this.steps.at(-1) ?? null;
  }

  put(groups, real) {
    if (sameGroups(groups, this.groups ?? real)) return false;
    this.steps.push(groups);
    // Back where the network is: nothing is proposed.
    if (sameGroups(groups, real)) this.steps = [];
    this.onChange();
    return true;
  }

  /** Moves a node to the group at a place, or into one of its own. */
  move(id, place, real) {
    return this.put(move(this.groups ?? real, id, place), real);
  }

  /** Cuts along a line. */
  cut(places, from, to, real) {
    return this.put(cutByLine(this.groups ?? real, places, from, to), real);
  }

  /** Takes typed text; returns an error to show, or nothing. */
  type(text, ids, real) {
    const { groups, error } = parseGroups(text, ids);
    if (!error) this.put(groups, real);
    return error ?? null;
  }

  undo() {
    this.steps.pop();
    this.onChange();
  }

  drop() {
    if (!this.steps.length) return;
    this.steps = [];
    this.onChange();
  }
}
