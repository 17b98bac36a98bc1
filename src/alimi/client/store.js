/** What this page knows of the inbox: one list, the counts, and marks not yet confirmed. */

import { tagOf, versionOf } from "./feed.js";

/** @typedef {import("./types.d.ts").Notification} Notification */
/** @typedef {import("./types.d.ts").Frame} Frame */
/** @typedef {import("./types.d.ts").Mark} Mark */
/** @typedef {import("./types.d.ts").View} View */
/** @typedef {import("./types.d.ts").Counts} Counts */

/** @typedef {{mark: Mark, ids: Set<string>}} Overlay a mark that the server has not confirmed */

/** A list longer than this is loaded anew instead of growing on. */
const LONG = 500;

/** @param {Notification | undefined} row @param {"read_at" | "seen_at"} flag */
const lacks = (row, flag) => +!!(row && !row.archived_at && !row[flag]);

export class Store {
  /** @type {Map<string, Notification>} as the server told them */
  #rows = new Map();
  /** @type {string[]} */
  #ids = [];
  /** @type {Set<Overlay>} */
  #overlays = new Set();
  /** @type {Set<string>} what was told as new, so that a second telling is silent */
  #told = new Set();
  /** @type {Frame[]} what came while a page was under way */
  #late = [];
  #unread = 0;
  #unseen = 0;
  #countedAt = 0;
  /** @type {View} */
  view = "all";
  /** @type {string | null} where the list's next page begins */
  next = null;
  /** @type {"" | "loading" | "ready" | "error"} of the list; empty: it is to be loaded */
  state = "";
  /** How far this page follows the inbox: the stream's position, not the server's head. */
  cursor = ".0";

  /** Forgets what the server told. @param {boolean} [marks] and what was marked here */
  wipe(marks) {
    this.#rows.clear();
    this.#told.clear();
    if (marks) this.#overlays.clear();
    this.#ids = [];
    this.#late = [];
    this.state = "";
    this.cursor = tagOf(this.cursor) + ".0";
    this.#unread = this.#unseen = this.#countedAt = 0;
    this.next = null;
  }

  /** @param {View} view */
  select(view) {
    this.view = view;
    this.state = "";
    this.#ids = [];
  }

  /** Counts as the server told them; an older telling changes nothing. @param {Frame} told */
  count({ unread, unseen, cursor, version = versionOf(cursor || "") }) {
    if (unread === undefined || version < this.#countedAt) return;
    this.#unread = unread;
    this.#unseen = unseen || 0;
    this.#countedAt = version;
  }

  /** Everything up to here is known. @param {string} cursor */
  reach(cursor) {
    if (versionOf(cursor) > versionOf(this.cursor)) this.cursor = cursor;
  }

  /** The stream goes on from here: what lies before and was missed is to be loaded. */
  /** @param {string} cursor */
  resume(cursor) {
    if (versionOf(cursor) > versionOf(this.cursor)) this.state = "";
    this.reach(cursor);
  }

  /**
   * A frame of the stream about rows.
   * @param {Frame} frame
   * @param {string} [at] the event's id: only there may a page that is left go on later
   * @returns {Notification | undefined} the row, if it is news to this page
   */
  apply(frame, at) {
    const { id, ids = [], version = 0, seen_upto } = frame;
    if (this.state === "loading") this.#late.push(frame);
    this.count(frame);
    if (at) this.reach(at);
    if (id) return this.#add(/** @type {Notification} */ (frame));
    // Over 100 rows the frame cannot name them all.
    if (frame.all) this.state = "";
    if (seen_upto) {
      for (const row of this.#rows.values()) {
        if (row.version <= seen_upto) row.seen_at ||= row.created_at;
      }
    }
    for (const one of ids) this.#patch(one, frame, version);
  }

  /** @param {Notification} row */
  #add(row) {
    this.#put(row);
    if (this.state && this.#fits(row) && !this.#ids.includes(row.id)) {
      this.#ids.unshift(row.id);
      if (this.#ids.length > LONG) this.state = "";
    }
    const key = row.id + " " + row.version;
    if (this.#told.has(key)) return;
    if (this.#told.size > LONG) this.#told.clear();
    this.#told.add(key);
    return row;
  }

  /** @param {Notification} row */
  #put(row) {
    if (this.state && !(Number(this.#rows.get(row.id)?.version) > row.version)) {
      this.#rows.set(row.id, row);
    }
  }

  /** @param {string} id @param {Frame} frame @param {number} version */
  #patch(id, { deleted, seen_at, read_at, archived_at }, version) {
    const row = this.#rows.get(id);
    if (deleted) this.#rows.delete(id);
    else if (!row) {
      // It may come into this list, or not; only a look will tell.
      if (this.view === "archived" && archived_at) this.state = "";
    } else if (version >= row.version) {
      const now = { ...row, version, seen_at, read_at, archived_at };
      this.#rows.set(id, now);
      // It comes back to a list that was loaded without it.
      if (this.#fits(now) && !this.#ids.includes(id)) this.state = "";
    }
  }

  /** Whether this list may show it. @param {Notification} row */
  #fits({ archived_at, category }) {
    const [filter, value = category] = this.view.split(":");
    return !archived_at === (filter !== "archived") && category === value;
  }

  /** @param {import("./types.d.ts").Page} page @param {boolean} [more] */
  merge(page, more) {
    if (!more) {
      // What came in meanwhile stands before the page, the rest is replaced.
      this.#ids = this.#ids.filter((id) => this.#late.some((frame) => frame.id === id));
      for (const id of this.#rows.keys()) if (!this.#ids.includes(id)) this.#rows.delete(id);
      this.reach(page.cursor);
    }
    for (const row of page.items) this.#put(row);
    this.#ids = [...new Set([...this.#ids, ...page.items.map((row) => row.id)])];
    this.next = page.next;
    this.count(page);
    this.state = "ready";
    for (const frame of this.#late.splice(0)) this.apply(frame);
  }

  /** @param {string} id @returns {Notification | undefined} as the reader shall see it */
  row(id) {
    let row = this.#rows.get(id);
    for (const { ids, mark } of this.#overlays) {
      if (row && ids.has(id)) row = marked(row, mark.action);
    }
    return row;
  }

  /** What the list shows. @returns {Notification[]} */
  get rows() {
    const rows = this.#ids.map((id) => this.row(id));
    return /** @type {Notification[]} */ (rows.filter((row) => row && this.#fits(row)));
  }

  /** The server's counts, moved by what is marked here and not yet confirmed. @type {Counts} */
  get counts() {
    let unread = this.#unread;
    let unseen = this.#unseen;
    for (const [id, was] of this.#overlays.size ? this.#rows : []) {
      const is = this.row(id);
      unread += lacks(is, "read_at") - lacks(was, "read_at");
      unseen += lacks(is, "seen_at") - lacks(was, "seen_at");
    }
    for (const { mark } of this.#overlays) {
      if (!mark.upto || versionOf(mark.upto) < this.#countedAt) continue;
      unseen = 0;
      if (mark.action !== "seen") unread = 0;
    }
    return { unread: Math.max(0, unread), unseen: Math.max(0, unseen), cursor: this.cursor };
  }

  /** Shows a mark before it is confirmed. */
  /** @param {Mark} mark @param {string[]} [ids] @returns {Overlay} */
  lay(mark, ids = mark.ids) {
    const overlay = { mark, ids: new Set(ids || (mark.upto ? this.#rows.keys() : [])) };
    this.#overlays.add(overlay);
    return overlay;
  }

  /** Takes it back: what the server told shows again. @param {Overlay} overlay */
  lift(overlay) {
    this.#overlays.delete(overlay);
  }

  /** @param {Overlay} overlay @param {import("./types.d.ts").Marked} answer */
  confirm(overlay, answer) {
    const { action } = overlay.mark;
    this.lift(overlay);
    if (action !== "seen" && answer.count > answer.changed.length) this.state = "";
    for (const id of answer.changed) {
      const row = this.#rows.get(id);
      this.#patch(id, (row && marked(row, action)) || { deleted: true }, answer.version);
    }
    this.count(answer);
  }
}

/** @param {Notification} row @param {string} action @returns {Notification | undefined} */
function marked(row, action) {
  const now = new Date().toISOString();
  const seen_at = row.seen_at || now;
  if (action === "seen") return { ...row, seen_at };
  if (action === "read") return { ...row, seen_at, read_at: now };
  if (action === "unread") return { ...row, read_at: null };
  if (action === "archive") return { ...row, archived_at: now };
  if (action === "unarchive") return { ...row, archived_at: null };
}
