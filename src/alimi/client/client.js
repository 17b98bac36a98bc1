/** The inbox in a page, without a face: finds out whose, shares the stream, keeps the store true. */

import { Api, Problem } from "./api.js";
import { Backoff } from "./backoff.js";
import { tagOf, versionOf } from "./feed.js";
import { Marks } from "./marks.js";
import { link } from "./sharing.js";
import { Store } from "./store.js";
import { ENDS } from "./stream.js";

/** @typedef {import("./types.d.ts").Frame} Frame */
/** @typedef {import("./types.d.ts").News} News */
/** @typedef {import("./types.d.ts").State} State */
/** @typedef {import("./types.d.ts").Mark} Mark */
/** @typedef {import("./types.d.ts").Marked} Marked */

/** A shared stream that says nothing for so long, not even a ping, is gone. */
const SILENCE = 90_000;
/** Coming back to the page asks at most this often who is logged in. */
const GLANCE = 5_000;
/** So often a page that is looked at reminds the feed to ask, should the stream be lost. */
const LOOK = 5_000;

/** @type {Record<string, import("./types.d.ts").Action>} */
const OPPOSITE = { read: "unread", unread: "read", archive: "unarchive", unarchive: "archive" };

export class Client {
  /**
   * Called with `change`, `state`, `counts`, `notification`, `signal`, `hello`, `reset`, and `gone`
   * with the ids of rows that were read, archived or deleted.
   * @type {(type: string, detail?: any) => void}
   */
  tell = () => {};
  /** @type {State} */
  state = "closed";
  tag = "";
  store = new Store();
  /** @type {import("./sharing.js").Link | null} */
  #link = null;
  #run = 0;
  #heard = 0;
  #looked = 0;
  #backoff = new Backoff();
  /** Of marks that did not get through. */
  #again = new Backoff();
  #timer = 0;
  #told = "";
  #load = 0;
  /** @type {AbortController | null} */
  #life = null;

  /** @param {string} base address of the mount point */
  constructor(base) {
    this.api = new Api(base.replace(/\/*$/, "/"));
    this.marks = new Marks(this.api, this.store);
  }

  /** How the stream is shared: worker, lock or own. */
  get sharing() {
    return this.#link?.kind;
  }

  start() {
    this.#life?.abort();
    const { signal } = (this.#life = new AbortController());
    const glance = () => document.hidden || this.#glance();
    addEventListener("online", () => this.poke(), { signal });
    addEventListener("focus", glance, { signal });
    document.addEventListener("visibilitychange", glance, { signal });
    // A page in the back/forward cache holds neither stream nor lock.
    addEventListener("pagehide", () => this.#leave(), { signal });
    addEventListener("pageshow", (event) => event.persisted && this.#begin(), { signal });
    const clock = setInterval(() => this.#watch(), LOOK);
    signal.addEventListener("abort", () => clearInterval(clock));
    return this.#begin();
  }

  stop() {
    this.#life?.abort();
    this.#leave();
  }

  /** Tries again at once, for a person who pressed the button. */
  poke() {
    if (this.state === "out" || this.state === "denied") return this.#begin();
    this.#backoff.wake?.();
    this.#link?.say({ t: "poke" });
    this.#check();
  }

  #leave() {
    this.#run++;
    if (this.tag) keepCursor(this.api.base, this.store.cursor);
    this.#backoff.wake?.();
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#link?.close();
    this.#link = null;
    this.#set("closed");
  }

  /** Asks whose inbox this is, then joins the stream of that recipient. */
  async #begin() {
    this.#leave();
    const run = this.#run;
    this.#set("connecting");
    this.#backoff.failures = 0;
    const counts = await this.#ask(run);
    if (!counts || run !== this.#run) return;
    this.#adopt(counts);
    this.#join();
  }

  /** @param {number} run @returns {Promise<import("./types.d.ts").Counts | void>} */
  async #ask(run) {
    for (;;) {
      try {
        return await this.api.call("v1/inbox/counts");
      } catch (problem) {
        if (run !== this.#run) return;
        const end = problem instanceof Problem && ENDS[problem.status];
        if (end) {
          this.#set(end);
          return this.#changed();
        }
        this.#set("retry");
        this.#backoff.failures++;
        await this.#backoff.wait();
        if (run !== this.#run) return;
      }
    }
  }

  /** @param {import("./types.d.ts").Counts} counts */
  #adopt(counts) {
    const tag = tagOf(counts.cursor);
    const other = this.tag;
    if (tag !== other) {
      this.store.wipe(true);
      this.tag = tag;
      this.marks.adopt(tag);
      if (other) this.tell("reset", { ...counts, reason: "recipient" });
    }
    if (other !== tag || !versionOf(this.store.cursor)) {
      this.store.cursor = keptCursor(this.api.base, tag) || counts.cursor;
    }
    this.store.count(counts);
    this.#changed();
  }

  #join() {
    const { base, headers } = this.api;
    this.#link?.close();
    this.#heard = Date.now();
    const made = (this.#link = link({
      base,
      tag: this.tag,
      hear: (news) => made === this.#link && this.#hear(news),
      lost: () => this.#join(),
    }));
    made.say({ t: "join", cursor: this.store.cursor, headers });
  }

  /** @param {News} news */
  #hear(news) {
    this.#heard = Date.now();
    if (news.t === "tag") this.#begin();
    else if (news.t === "need") this.#lend();
    else if (news.t === "event") this.#frame(news);
    else {
      if (news.t === "snap") this.#snap(news);
      this.#set(news.state);
    }
  }

  /** The feed was told 401: who can, lends it fresh headers. */
  async #lend() {
    if (!this.api.credentials) return;
    this.#link?.say({ t: "creds", headers: await this.api.refresh() });
  }

  /** Joined a feed that has been running. @param {News & {t: "snap"}} snap */
  #snap({ cursor, counts }) {
    this.store.resume(cursor);
    this.store.count(counts);
    // For the page it is a beginning as any other: a signal before it went unheard.
    this.tell("hello", counts);
    this.#flush();
    this.#changed();
  }

  /** @param {News & {t: "event"}} news */
  #frame({ event, frame, id }) {
    if (event === "signal") return this.tell(event, { name: frame.name, data: frame.data });
    if (event === "reset") {
      this.store.wipe();
      // A page that is under way is of the inbox as it was.
      this.#load++;
    }
    if (event === "hello" || event === "reset") {
      this.store.resume(id);
      this.store.count(frame);
      this.tell(event, frame);
      this.#flush();
    } else if (event === "message" || event === "change") {
      const row = this.store.apply(frame, id);
      if (row) this.tell("notification", row);
      if (frame.deleted || frame.read_at || frame.archived_at) this.tell("gone", { ids: frame.ids });
    }
    this.#changed();
  }

  async #flush() {
    if (await this.marks.flush()) this.#changed();
    this.#later();
  }

  /** What did not get through is sent again, also while the stream lives on. */
  #later() {
    if (!this.marks.waits) this.#again.failures = 0;
    else if (!this.#timer) {
      this.#again.failures++;
      const again = () => {
        this.#timer = 0;
        // Else the next `hello` sends them.
        this.#check();
      };
      this.#timer = setTimeout(again, this.#again.next());
    }
  }

  #changed() {
    this.tell("change");
    const { counts } = this.store;
    const told = `${counts.unread} ${counts.unseen}`;
    if (told === this.#told) return;
    this.#told = told;
    this.tell("counts", counts);
  }

  /** Back at the page: is the stream alive? */
  #glance() {
    if (Date.now() - this.#looked < GLANCE) return;
    this.#looked = Date.now();
    this.#watch();
    this.poke();
  }

  /** Still the same recipient? Only then is sent what was kept. */
  async #check() {
    if (this.state !== "live") return;
    const run = this.#run;
    const counts = await this.api.call("v1/inbox/counts").catch((problem) => problem);
    if (run !== this.#run) return;
    if (counts instanceof Problem) counts.status === 401 ? this.#begin() : this.#later();
    else if (tagOf(counts.cursor) !== this.tag) this.#begin();
    else this.#flush();
  }

  #watch() {
    const { state } = this;
    if (state !== "live") {
      // Who does not ask hears nothing, and not because it is gone.
      if (document.hidden) this.#heard = Date.now();
      else this.#link?.say({ t: "poll" });
    }
    const lively = state !== "out" && state !== "denied";
    if (this.#link && lively && Date.now() - this.#heard > SILENCE) this.#join();
  }

  /** @param {State} state */
  #set(state) {
    if (state === this.state) return;
    this.state = state;
    // Who is signed out reads nothing more here.
    if (state === "out" || state === "denied") this.store.wipe();
    this.tell("state", { state });
  }

  /** Loads the list, or its next page. @param {boolean} [more] */
  async load(more = false) {
    const { store } = this;
    const { view, next } = store;
    if (store.state === "loading" || (more && !next)) return;
    store.state = "loading";
    this.#changed();
    const query = new URLSearchParams({ limit: "20" });
    if (more && next) query.set("after", next);
    const [filter, value = "true"] = view.split(":");
    if (filter !== "all") query.set(filter, value);
    const run = ++this.#load;
    try {
      const page = await this.api.call("v1/inbox?" + query);
      // Another list or another recipient by now?
      if (run !== this.#load || store.view !== view) return;
      if (tagOf(page.cursor) !== this.tag) return this.#begin();
      store.merge(page, more);
    } catch (problem) {
      if (run !== this.#load) return;
      store.state = "error";
      this.#refused(problem);
    }
    this.#changed();
  }

  /** @param {unknown} problem a 401 ends more than this one call */
  #refused(problem) {
    if (problem instanceof Problem && problem.status === 401) this.#begin();
  }

  /**
   * Marks, shown at once and taken back if the server refuses.
   * @param {Mark} mark
   * @param {string[]} [ids] the rows that it is known to touch
   * @returns {Promise<Marked | null>} null when it is kept for later
   */
  async mark(mark, ids) {
    const sent = this.marks.send(mark, ids);
    this.#changed();
    try {
      return await sent;
    } catch (problem) {
      this.#refused(problem);
      throw problem;
    } finally {
      this.#later();
      this.#changed();
    }
  }

  /**
   * Takes a mark back: exactly the rows that it changed.
   * @param {Mark} mark
   * @param {Promise<Marked | null>} sent
   */
  async undo(mark, sent) {
    const answer = await sent;
    // Versions are counted in each inbox anew: another's number would hit other rows.
    if (answer && tagOf(answer.cursor) !== this.tag) return;
    const action = OPPOSITE[mark.action];
    if (answer && action) {
      if (answer.count) await this.mark({ action, at: answer.cursor }, answer.changed);
    } else {
      this.marks.forget(mark);
      this.#changed();
    }
  }

  /** The reader has looked: clears the badge everywhere. */
  async seen() {
    const { cursor, counts } = this.store;
    if (counts.unseen && cursor) await this.mark({ action: "seen", upto: cursor }).catch(() => {});
  }
}

/** The next page of this tab goes on where this one stopped. */
/** @param {string} base @param {string} cursor */
function keepCursor(base, cursor) {
  try {
    sessionStorage.setItem("alimi-cursor " + base, cursor);
  } catch {
    // No storage: the next page starts at the inbox's head.
  }
}

/** @param {string} base @param {string} tag */
function keptCursor(base, tag) {
  try {
    const cursor = sessionStorage.getItem("alimi-cursor " + base) || "";
    return tagOf(cursor) === tag ? cursor : "";
  } catch {
    return "";
  }
}
