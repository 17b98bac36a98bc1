/** What this page knows of the inbox: rows, views, counts, and marks not yet confirmed. */

import { tagOf, versionOf } from "./feed.js";

/** @typedef {import("./types.d.ts").Notification} Notification */
/** @typedef {import("./types.d.ts").Frame} Frame */
/** @typedef {import("./types.d.ts").Flags} Flags */
/** @typedef {import("./types.d.ts").Mark} Mark */
/** @typedef {import("./types.d.ts").View} View */

/** @typedef {{ids: string[], next: string | null, state: "" | "loading" | "ready" | "error"}} List */
/** @typedef {{mark: Mark, ids: Set<string>}} Overlay a mark that the server has not confirmed */

/** A list longer than this is fetched anew instead of growing on. */
const LONG = 500;

/** @returns {List} */
const list = () => ({ ids: [], next: null, state: "" });

/** @param {Notification} row */
const isUnread = (row) => !row.archived_at && !row.read_at;
/** @param {Notification} row */
const isUnseen = (row) => !row.archived_at && !row.seen_at;

export class Store {
  /** @type {Map<string, Notification>} as the server told them */
  #rows = new Map();
  /** @type {Set<Overlay>} */
  #overlays = new Set();
  /** @type {Map<string, number>} what was told as new, so that a second telling is silent */
  #told = new Map();
  /** @type {Frame[] | null} what came while a page was under way */
  #meanwhile = null;
  #counts = { unread: 0, unseen: 0 };
  #countedAt = 0;
  /** @type {Record<View, List>} */
  views = { all: list(), unread: list(), archived: list() };
  /** How far this page follows the inbox: the stream's position, not the server's head. */
  cursor = "";

  get version() {
    return versionOf(this.cursor);
  }

  /** Forgets all of it. @param {boolean} [overlays] the unconfirmed marks too */
  wipe(overlays) {
    this.#rows.clear();
    this.#told.clear();
    this.views = { all: list(), unread: list(), archived: list() };
    this.cursor = "";
    this.#counts = { unread: 0, unseen: 0 };
    this.#countedAt = 0;
    if (overlays) this.#overlays.clear();
  }

  /** Counts as the server told them; an older telling changes nothing. @param {Frame} told */
  count({ unread, unseen, cursor, version }) {
    const at = version ?? versionOf(cursor || "");
    if (unread === undefined || unseen === undefined || at < this.#countedAt) return;
    this.#counts = { unread, unseen };
    this.#countedAt = at;
  }

  /** Everything up to here is known, or will be asked for. @param {string} cursor */
  reach(cursor) {
    if (versionOf(cursor) > this.version) this.cursor = cursor;
  }

  /** The stream goes on from here; what lies before and was missed makes the lists stale. */
  /** @param {string} cursor */
  resume(cursor) {
    if (versionOf(cursor) > this.version) this.stale();
    this.reach(cursor);
  }

  /**
   * A frame of the stream about rows.
   * @param {Frame} frame
   * @returns {Notification | undefined} the row, if it is news to this page
   */
  apply(frame, replayed = false) {
    if (!replayed) this.#meanwhile?.push(frame);
    this.count(frame);
    this.reach(`${tagOf(this.cursor)}.${frame.version}`);
    if (frame.id) return this.#add(/** @type {Notification} */ (frame));
    // Over 100 rows the frame cannot name them all.
    if (frame.all) this.stale();
    if (frame.seen_upto) this.#patch([...this.#rows.keys()], frame, frame.seen_upto);
    if (frame.ids) this.#patch(frame.ids, frame);
  }

  /** Lists are to be loaded again when next looked at. */
  stale() {
    for (const view of Object.values(this.views)) view.state = "";
  }

  /** @param {Notification} frame */
  #add(frame) {
    const { unread, unseen, ...row } = /** @type {Notification & Frame} */ (frame);
    const told = this.#told.get(row.id) || 0;
    this.#put(row);
    for (const name of /** @type {View[]} */ (["all", "unread"])) {
      const view = this.views[name];
      if (view.state !== "ready" || view.ids.includes(row.id)) continue;
      view.ids.unshift(row.id);
      if (view.ids.length > LONG) view.state = "";
    }
    if (told >= row.version) return;
    this.#told.set(row.id, row.version);
    if (this.#told.size > LONG) this.#told.delete(this.#told.keys().next().value || "");
    return row;
  }

  /** @param {Notification} row */
  #put(row) {
    if ((this.#rows.get(row.id)?.version || 0) <= row.version) this.#rows.set(row.id, row);
  }

  /** @param {string[]} ids @param {Frame} frame @param {number} [seenUpto] */
  #patch(ids, frame, seenUpto) {
    for (const id of ids) {
      const row = this.#rows.get(id);
      if (seenUpto) {
        if (row && row.version <= seenUpto) row.seen_at ||= new Date().toISOString();
        continue;
      }
      if (frame.deleted) this.#rows.delete(id);
      else if (row && row.version <= (frame.version || 0)) {
        this.#move(row, frame);
        for (const flag of /** @type {(keyof Flags)[]} */ (["seen_at", "read_at", "archived_at"])) {
          if (flag in frame) row[flag] = frame[flag];
        }
        row.version = frame.version || row.version;
      } else if (!row) this.#absent(frame);
    }
  }

  /** A row that enters a list which does not hold it: that list is loaded again. */
  /** @param {Notification} row @param {Flags} flags */
  #move(row, flags) {
    if (flags.archived_at && !row.archived_at) this.views.archived.state = "";
    if (!flags.archived_at && row.archived_at) this.#absent(flags);
    else if (row.read_at && !flags.read_at && !this.views.unread.ids.includes(row.id)) {
      this.views.unread.state = "";
    }
  }

  /** @param {Flags} flags */
  #absent(flags) {
    if (flags.archived_at) this.views.archived.state = "";
    else this.views.all.state = this.views.unread.state = "";
  }

  /** Call before a page is asked for: news from now on is applied to it as well. */
  expect() {
    this.#meanwhile ||= [];
  }

  /** @param {View} name @param {import("./types.d.ts").Page} page @param {boolean} more */
  merge(name, page, more) {
    const view = this.views[name];
    for (const row of page.items) this.#put(row);
    const ids = page.items.map((row) => row.id);
    view.ids = [...new Set(more ? [...view.ids, ...ids] : ids)];
    view.next = page.next;
    view.state = "ready";
    this.count(page);
    if (!more) this.reach(page.cursor);
    const missed = this.#meanwhile || [];
    this.#meanwhile = null;
    for (const frame of missed) this.apply(frame, true);
  }

  /** Takes read rows out of the unread list: not before one comes back to it. */
  tidy() {
    const { unread } = this.views;
    unread.ids = unread.ids.filter((id) => {
      const row = this.row(id);
      return row && isUnread(row);
    });
  }

  /** @param {string} id @returns {Notification | undefined} as the reader shall see it */
  row(id) {
    let row = this.#rows.get(id);
    for (const overlay of this.#overlays) {
      if (row && overlay.ids.has(id)) row = marked(row, overlay.mark.action);
    }
    return row;
  }

  /** @param {View} name @returns {Notification[]} */
  list(name) {
    /** @type {Notification[]} */
    const rows = [];
    for (const id of this.views[name].ids) {
      const row = this.row(id);
      if (row && !row.archived_at === (name !== "archived")) rows.push(row);
    }
    return rows;
  }

  /** The server's counts, moved by what is marked here and not yet confirmed. */
  get counts() {
    let { unread, unseen } = this.#counts;
    /** @type {Set<string>} */
    const touched = new Set();
    let bulk = "";
    for (const { mark, ids } of this.#overlays) {
      for (const id of ids) touched.add(id);
      if (mark.upto && versionOf(mark.upto) >= this.version) bulk += mark.action + " ";
    }
    for (const id of touched) {
      const was = this.#rows.get(id);
      const is = this.row(id);
      if (!was) continue;
      unread += +!!(is && isUnread(is)) - +isUnread(was);
      unseen += +!!(is && isUnseen(is)) - +isUnseen(was);
    }
    if (/read |archive /.test(bulk)) unread = 0;
    if (bulk) unseen = 0;
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
    this.lift(overlay);
    const { action } = overlay.mark;
    if (action !== "seen" && answer.count > answer.changed.length) this.stale();
    for (const id of answer.changed) {
      const row = this.#rows.get(id);
      const flags = row && marked(row, action);
      if (!flags) this.#patch([id], { deleted: action === "delete", version: answer.version });
      else this.#patch([id], { ...flags, version: answer.version });
    }
    this.count(answer);
  }
}

/** @param {Notification} row @param {string} action @returns {Notification | undefined} */
function marked(row, action) {
  const now = new Date().toISOString();
  const seen_at = row.seen_at || now;
  if (action === "seen") return { ...row, seen_at };
  if (action === "read") return { ...row, seen_at, read_at: row.read_at || now };
  if (action === "unread") return { ...row, read_at: null };
  if (action === "archive") return { ...row, archived_at: row.archived_at || now };
  if (action === "unarchive") return { ...row, archived_at: null };
}
