/** Marks on their way: sent at once, or kept for the same recipient until there is a way. */

import { Problem } from "./api.js";

/** @typedef {import("./types.d.ts").Mark} Mark */
/** @typedef {import("./types.d.ts").Marked} Marked */
/** @typedef {import("./store.js").Overlay} Overlay */

/** More than this and the oldest are given up: a bound, not a promise. */
const KEPT = 100;

export class Marks {
  /** @type {Set<Overlay>} */
  #waiting = new Set();
  #key = "";
  /** @type {Mark[] | null} what a full or forbidden storage did not take */
  #spare = null;
  #busy = false;

  /**
   * @param {import("./api.js").Api} api
   * @param {import("./store.js").Store} store
   * @param {Storage | null} [storage]
   */
  constructor(api, store, storage = storageOf()) {
    this.api = api;
    this.store = store;
    this.storage = storage;
    this.prefix = `alimi-marks ${api.base} `;
  }

  /** Whether something is still to be sent. */
  get waits() {
    return !!this.#waiting.size;
  }

  /** From now on marks are this recipient's; those kept for another are wiped. */
  /** @param {string} tag */
  adopt(tag) {
    if (this.#key === this.prefix + tag) return;
    this.#key = this.prefix + tag;
    this.#waiting.clear();
    this.#spare = null;
    for (const key of Object.keys(this.storage || {})) {
      if (key.startsWith(this.prefix) && key !== this.#key) this.storage?.removeItem(key);
    }
    for (const mark of this.#kept()) this.#waiting.add(this.store.lay(mark));
  }

  /**
   * @param {Mark} mark
   * @param {string[]} [ids] the rows that it is known to touch
   * @returns {Promise<Marked | null>} null when it is kept for later
   */
  async send(mark, ids) {
    const overlay = this.store.lay(mark, ids);
    const key = this.#key;
    try {
      return await this.#post(overlay, key);
    } catch (problem) {
      if (!(problem instanceof Problem) || !problem.passing || key !== this.#key) {
        this.store.lift(overlay);
        throw problem;
      }
      this.#waiting.add(overlay);
      this.#keep([...this.#kept(), mark]);
      return null;
    }
  }

  /** Sends what was kept. Call when the stream has just proved who is logged in. */
  async flush() {
    // A second sender would find nothing kept, and take it for sent.
    if (this.#busy) return;
    this.#busy = true;
    try {
      return await this.#sendKept();
    } finally {
      this.#busy = false;
    }
  }

  async #sendKept() {
    const key = this.#key;
    const marks = this.#kept();
    const overlays = [...this.#waiting];
    // Taken out before they are sent, so that two tabs do not both send them.
    this.#keep([]);
    while (marks.length && key === this.#key) {
      try {
        await this.api.call("v1/inbox/mark", marks[0]);
      } catch (problem) {
        if (problem instanceof Problem && (problem.passing || problem.status === 401)) break;
      }
      marks.shift();
    }
    if (key !== this.#key) return;
    if (marks.length) return this.#keep([...marks, ...this.#kept()]);
    for (const overlay of overlays) {
      this.#waiting.delete(overlay);
      this.store.lift(overlay);
    }
    return overlays.length > 0;
  }

  /** A kept mark is not to be sent after all. @param {Mark} mark */
  forget(mark) {
    const text = JSON.stringify(mark);
    this.#keep(this.#kept().filter((kept) => JSON.stringify(kept) !== text));
    for (const overlay of this.#waiting) {
      if (JSON.stringify(overlay.mark) !== text) continue;
      this.#waiting.delete(overlay);
      this.store.lift(overlay);
    }
  }

  /** @param {Overlay} overlay @param {string} key */
  async #post(overlay, key) {
    /** @type {Marked} */
    const answer = await this.api.call("v1/inbox/mark", overlay.mark);
    if (key === this.#key) this.store.confirm(overlay, answer);
    return answer;
  }

  /** @returns {Mark[]} */
  #kept() {
    if (this.#spare) return this.#spare;
    try {
      return JSON.parse(this.storage?.getItem(this.#key) || "[]");
    } catch {
      return [];
    }
  }

  /** @param {Mark[]} marks */
  #keep(marks) {
    marks = marks.slice(-KEPT);
    this.#spare = this.storage ? null : marks;
    try {
      if (marks.length) this.storage?.setItem(this.#key, JSON.stringify(marks));
      else this.storage?.removeItem(this.#key);
    } catch {
      this.#spare = marks;
    }
  }
}

function storageOf() {
  try {
    return localStorage;
  } catch {
    return null;
  }
}
