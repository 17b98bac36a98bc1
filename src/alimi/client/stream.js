/** One open stream over `fetch`: status handling, back-off, watchdog, resume. */

import { Backoff } from "./backoff.js";
import { Decoder } from "./decoder.js";

/** @typedef {import("./types.d.ts").SseEvent} SseEvent */
/** @typedef {import("./types.d.ts").State} State */

/** Statuses after which nobody tries again by themselves. @type {Record<number, State | undefined>} */
export const ENDS = { 204: "out", 401: "out", 403: "denied" };

/**
 * @typedef {object} StreamOptions
 * @property {string} url
 * @property {(event: SseEvent) => void} onEvent
 * @property {(state: State) => void} onState
 * @property {() => Promise<Record<string, string> | null>} [refresh] asked once after a 401
 * @property {number} [ping] milliseconds between the server's pings
 */

export class Stream {
  /** @type {State} */
  state = "closed";
  cursor = "";
  /** @type {Record<string, string> | null} */
  headers = null;
  #backoff = new Backoff();
  /** @type {AbortController | null} the present attempt */
  #turn = null;
  #run = 0;
  /** Stays in `retry` while it tries, so that nobody's banner flickers. */
  #lost = false;
  #heard = 0;
  /** @type {string | null} */
  #after = null;

  /** @param {StreamOptions} options */
  constructor(options) {
    this.options = options;
    this.ping = options.ping || 15_000;
  }

  /** Opens, or opens again after an end; a stream that is open stays. */
  async open() {
    if (this.state !== "closed" && this.state !== "out" && this.state !== "denied") return;
    const run = ++this.#run;
    this.#lost = false;
    this.#backoff.failures = 0;
    while (run === this.#run) {
      if (!this.#lost) this.#set("connecting");
      const end = await this.#attempt(run);
      if (run !== this.#run) return;
      if (end) return this.#set(end);
      this.#lost = true;
      this.#set("retry");
      await this.#backoff.wait(this.#after);
    }
  }

  close() {
    this.#run++;
    this.#turn?.abort();
    this.#backoff.wake?.();
    this.#set("closed");
  }

  /** Something woke up (network, page): do not wait longer, do not trust a silent stream. */
  poke() {
    if (this.#backoff.failures) this.#backoff.wake?.();
    if (Date.now() - this.#heard > this.ping * 1.5) this.#turn?.abort();
  }

  /** @param {State} state */
  #set(state) {
    if (state === this.state) return;
    this.state = state;
    this.options.onState(state);
  }

  /**
   * @param {number} run
   * @returns {Promise<State | undefined>} the state in which to stay, or none: try again
   */
  async #attempt(run, fresh = false) {
    const turn = (this.#turn = new AbortController());
    const bark = () => turn.abort();
    this.#after = null;
    this.#heard = Date.now();
    let dog = setTimeout(bark, this.ping * 2.5);
    try {
      const answer = await this.#request(turn.signal);
      if (answer.status === 401 && !fresh && this.options.refresh) {
        this.headers = await this.options.refresh();
        if (this.headers && run === this.#run) return await this.#attempt(run, true);
      }
      const end = verdict(answer);
      if (end || !answer.body || !isStream(answer)) {
        this.#after = answer.headers.get("retry-after");
        this.#backoff.failures++;
        return end;
      }
      this.#backoff.failures = 0;
      const decoder = new Decoder();
      const reader = answer.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done || run !== this.#run) return;
        clearTimeout(dog);
        dog = setTimeout(bark, this.ping * 2.5);
        this.#take(decoder, value);
        if (run !== this.#run) return;
      }
    } catch {
      this.#backoff.failures++;
    } finally {
      clearTimeout(dog);
      turn.abort();
    }
  }

  /** @param {AbortSignal} signal */
  #request(signal) {
    /** @type {Record<string, string>} */
    const headers = { ...this.headers, Accept: "text/event-stream" };
    if (this.cursor) headers["Last-Event-ID"] = this.cursor;
    return fetch(this.options.url, {
      headers,
      signal,
      cache: "no-store",
      credentials: "include",
    });
  }

  /** @param {Decoder} decoder @param {Uint8Array} bytes */
  #take(decoder, bytes) {
    this.#heard = Date.now();
    this.#lost = false;
    this.#set("live");
    for (const event of decoder.push(bytes)) {
      if (event.id) this.cursor = event.id;
      this.options.onEvent(event);
    }
    if (decoder.lastId) this.cursor = decoder.lastId;
    if (decoder.retry !== null) this.#backoff.retry = decoder.retry;
  }
}

/** @param {Response} answer @returns {State | undefined} */
function verdict(answer) {
  // A redirect to a page is how many applications say "log in first".
  if (answer.redirected && answer.ok && !isStream(answer)) return "out";
  return ENDS[answer.status];
}

/** @param {Response} answer */
function isStream(answer) {
  return answer.ok && (answer.headers.get("content-type") || "").startsWith("text/event-stream");
}
