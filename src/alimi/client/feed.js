/** A stream and its latest word, kept for all who listen: in a worker, a leader or a lone page. */

import { Stream } from "./stream.js";

/** @typedef {import("./types.d.ts").News} News */
/** @typedef {import("./types.d.ts").Word} Word */
/** @typedef {import("./types.d.ts").SseEvent} SseEvent */
/** @typedef {import("./types.d.ts").Frame} Frame */

/** The recipient's part of a cursor. @param {string} cursor */
export const tagOf = (cursor) => cursor.split(".")[0];

/** The version in a cursor. @param {string} cursor */
export const versionOf = (cursor) => Number(cursor.split(".")[1]) || 0;

export class Feed {
  /** @type {Partial<import("./types.d.ts").Counts>} */
  #counts = {};
  /** @type {((headers: Record<string, string> | null) => void) | null} */
  #answer = null;

  /**
   * @param {string} base
   * @param {string} tag the one recipient whom this feed may carry
   * @param {(news: News) => void} post to every listener
   */
  constructor(base, tag, post) {
    this.tag = tag;
    this.post = post;
    this.stream = new Stream({
      url: base + "v1/inbox/stream",
      onEvent: (event) => this.#take(event),
      onState: (state) => post({ t: "state", state }),
      // Without headers the session is a cookie's, and no listener can freshen that.
      refresh: async () => this.stream.headers && this.#refresh(),
    });
  }

  /** @param {Word} word @param {(news: News) => void} reply to the one who spoke */
  hear(word, reply) {
    const { stream } = this;
    if (word.t === "join") {
      stream.headers ||= word.headers;
      stream.cursor ||= word.cursor;
      // The stream reports its own first state, so a snapshot is for a later guest.
      if (this.#counts.cursor) reply(this.#snap());
      else reply({ t: "state", state: stream.state });
      stream.open();
    } else if (word.t === "creds" && word.headers) this.#answer?.(word.headers);
    else if (word.t === "poke") stream.poke();
  }

  close() {
    this.stream.close();
  }

  /** @returns {News} */
  #snap() {
    return {
      t: "snap",
      state: this.stream.state,
      cursor: this.stream.cursor,
      counts: this.#counts,
    };
  }

  /** Asks the listeners for fresh credentials; who has none stays silent. */
  #refresh() {
    return /** @type {Promise<Record<string, string> | null>} */ (
      new Promise((resolve) => {
        this.#answer = resolve;
        this.post({ t: "need" });
        setTimeout(resolve, 5000, null);
      })
    );
  }

  /** @param {SseEvent} event */
  #take({ event, data, id }) {
    if (id && tagOf(id) !== this.tag) {
      // Somebody else is logged in now: none of it is for our listeners.
      this.close();
      return this.post({ t: "tag" });
    }
    const frame = parse(data);
    if (!frame) return;
    if (frame.unread !== undefined) {
      this.#counts = { unread: frame.unread, unseen: frame.unseen, cursor: this.stream.cursor };
    }
    this.post({ t: "event", event, frame, id });
  }
}

/** @param {string} data @returns {Frame | null} */
function parse(data) {
  try {
    const frame = JSON.parse(data);
    return frame && typeof frame === "object" ? frame : null;
  } catch {
    return null;
  }
}
