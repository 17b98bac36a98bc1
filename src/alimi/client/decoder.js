/** The strict, pure decoder of the `text/event-stream` format: bytes in, events out. */

/** @typedef {import("./types.d.ts").SseEvent} SseEvent */

/** More than this without an end of line or of block is no stream of ours. */
const LIMIT = 1 << 20;

export class Decoder {
  /** The last event id, as a reconnect must send it. */
  lastId = "";
  /** @type {number | null} milliseconds, from the last valid `retry:` */
  retry = null;
  #text = new TextDecoder("utf-8", { ignoreBOM: true });
  /** What is nothing if it comes next: a byte order mark at the start, the LF of a CRLF. */
  #skip = "\ufeff";
  #rest = "";
  #event = "";
  #id = "";
  /** @type {string[]} */
  #data = [];
  #size = 0;

  /**
   * @param {Uint8Array} bytes
   * @returns {SseEvent[]} the events that these bytes complete
   */
  push(bytes) {
    let text = this.#text.decode(bytes, { stream: true });
    /** @type {SseEvent[]} */
    const events = [];
    if (!text) return events;
    if (text[0] === this.#skip) text = text.slice(1);
    this.#skip = text.endsWith("\r") ? "\n" : "";
    const lines = text.split(/\r\n|\r|\n/);
    lines[0] = this.#rest + lines[0];
    this.#rest = /** @type {string} */ (lines.pop());
    for (const line of lines) this.#line(line, events);
    if (this.#rest.length + this.#size > LIMIT) throw new RangeError("event too long");
    return events;
  }

  /** @param {string} line @param {SseEvent[]} events */
  #line(line, events) {
    if (!line) return this.#dispatch(events);
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value[0] === " ") value = value.slice(1);
    if (name === "data") {
      this.#data.push(value);
      this.#size += value.length + 1;
    } else if (name === "event") this.#event = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && /^[0-9]+$/.test(value)) this.retry = +value;
  }

  /** @param {SseEvent[]} events */
  #dispatch(events) {
    this.lastId = this.#id;
    if (this.#data.length) {
      events.push({ event: this.#event || "message", data: this.#data.join("\n"), id: this.#id });
    }
    this.#event = "";
    this.#data = [];
    this.#size = 0;
  }
}
