/** A stream and its latest word, kept for all who listen: in a worker, a leader or a lone page. */

import { Api, Problem } from "./api.js";
import { Backoff } from "./backoff.js";
import { ENDS, Stream } from "./stream.js";

/** @typedef {import("./types.d.ts").News} News */
/** @typedef {import("./types.d.ts").Word} Word */
/** @typedef {import("./types.d.ts").SseEvent} SseEvent */
/** @typedef {import("./types.d.ts").Frame} Frame */
/** @typedef {import("./types.d.ts").State} State */

/** So long without a stream, and news is asked for instead; so often, as long as that lasts. */
const ASK = 10_000;

/** The recipient's part of a cursor. @param {string} cursor */
export const tagOf = (cursor) => cursor.split(".")[0];

/** The version in a cursor. @param {string} cursor */
export const versionOf = (cursor) => Number(cursor.split(".")[1]) || 0;

export class Feed {
  /** @type {Partial<import("./types.d.ts").Counts>} */
  #counts = {};
  /** @type {((headers: Record<string, string> | null) => void) | null} */
  #answer = null;
  /** @type {Promise<Record<string, string> | null> | null} */
  #fresh = null;
  /** @type {Api} */
  #api;
  #asks = new Backoff();
  /** Whether asking works where the stream does not. */
  #polls = false;
  #due = 0;
  #proof = 0;

  /**
   * @param {string} base
   * @param {string} tag the one recipient whom this feed may carry
   * @param {(news: News) => void} post to every listener
   */
  constructor(base, tag, post) {
    this.tag = tag;
    this.post = post;
    this.#api = new Api(base);
    // Without headers the session is a cookie's, and no listener can freshen that.
    const refresh = async () =>
      this.stream.headers && (this.stream.headers = await this.#refresh());
    this.stream = new Stream({
      url: base + "v1/inbox/stream",
      onEvent: (event) => this.#take(event),
      onState: (state) => this.#turn(state),
      refresh,
    });
    this.#api.credentials = refresh;
    this.#asks.retry = ASK;
  }

  /** @type {State} */
  get state() {
    return this.#polls ? "polling" : this.stream.state;
  }

  get #lost() {
    // A 403 for the stream alone is a proxy's.
    return /retry|connecting|denied/.test(this.stream.state);
  }

  /** @param {Word} word @param {(news: News) => void} reply to the one who spoke */
  hear(word, reply) {
    const { stream } = this;
    if (word.t === "join") {
      stream.headers ||= word.headers;
      stream.cursor ||= word.cursor;
      // The stream reports its own first state, so a snapshot is for a later guest.
      if (this.#counts.cursor) reply(this.#snap());
      else reply({ t: "state", state: this.state });
      stream.open();
    } else if (word.t === "creds" && word.headers) this.#answer?.(word.headers);
    else if (word.t === "poke") stream.state === "denied" ? stream.open() : stream.poke();
    else if (word.t === "poll") {
      reply({ t: "state", state: this.state });
      if (this.#lost && Date.now() >= this.#due) this.#poll();
    }
  }

  close() {
    this.stream.close();
  }

  /** @returns {News} */
  #snap() {
    return {
      t: "snap",
      state: this.state,
      cursor: this.stream.cursor,
      counts: this.#counts,
    };
  }

  /** @param {State} state of the stream */
  #turn(state) {
    clearTimeout(this.#proof);
    // A stream that a proxy held back until it had ended lives for no time.
    if (state !== "live") this.#polls &&= this.#lost;
    else if (this.#polls) this.#proof = setTimeout(() => ((this.#polls = false), this.#turn(state)), 1000);
    if (!this.#polls) this.#due = Date.now() + (state === "denied" ? 0 : ASK);
    // Who closes it knows; others may have another feed by now.
    if (state !== "closed") this.post({ t: "state", state: this.state });
  }

  /** No stream gets through: asks for what it would have told. */
  async #poll() {
    const { stream } = this;
    // One answer at a time, but none that never comes is waited for.
    this.#due = Date.now() + 3 * ASK;
    this.#api.headers = stream.headers;
    try {
      let told = await this.#api.call("v1/inbox/counts");
      const known = versionOf(stream.cursor);
      if (versionOf(told.cursor) > known) told = await this.#api.call("v1/inbox?limit=20");
      if (!this.#lost) return;
      /** @type {import("./types.d.ts").Page} */
      const { cursor, unread, unseen, items = [] } = told;
      if (tagOf(cursor) !== this.tag) return this.#leave();
      const more = versionOf(cursor) - known;
      const news = items.filter((row) => row.version > known && !row.seen_at && !row.read_at);
      this.#counts = { unread, unseen, cursor };
      for (const row of news.reverse()) {
        // Where nothing else has happened, a list that is shown need not be loaded anew.
        const id = news.length === more && row.version === versionOf(cursor) ? cursor : "";
        this.post({ t: "event", event: "message", frame: { ...row, unread, unseen }, id });
      }
      if (more > 0) stream.cursor = cursor;
      this.post(this.#snap());
      // A server that answers again may take streams again.
      if (!this.#polls) stream.poke();
      this.#asked(true);
    } catch (problem) {
      if (problem instanceof Problem && ENDS[problem.status]) return this.#leave();
      if (this.#lost) this.#asked(false);
    }
  }

  /** Somebody else is logged in now, or nobody: nothing more for our listeners. */
  #leave() {
    this.close();
    this.post({ t: "tag" });
  }

  /** @param {boolean} works */
  #asked(works) {
    this.#polls = works;
    this.#asks.failures = works ? 0 : this.#asks.failures + 1;
    this.#due = Date.now() + this.#asks.next();
    this.post({ t: "state", state: this.state });
  }

  /** Asks the listeners for fresh credentials; who has none stays silent. */
  #refresh() {
    this.#fresh ||= new Promise((resolve) => {
      this.#answer = resolve;
      this.post({ t: "need" });
      setTimeout(resolve, 5000, null);
    });
    return this.#fresh.finally(() => (this.#fresh = null));
  }

  /** @param {SseEvent} event */
  #take({ event, data, id }) {
    if (id && tagOf(id) !== this.tag) return this.#leave();
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
