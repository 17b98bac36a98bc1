/** The panel: header, views, the list and its states. */

import { BELL, CHECK, CROSS, arrange, h, icon, safe, say, set } from "./dom.js";
import { Row } from "./row.js";

/** @typedef {import("./types.d.ts").Notification} Notification */
/** @typedef {import("./types.d.ts").Mark} Mark */
/** @typedef {import("./types.d.ts").View} View */
/** @typedef {import("./i18n.js").Key} Key */

/**
 * @typedef {object} Owner what the panel needs of its bell
 * @property {import("./client.js").Client} client
 * @property {import("./i18n.js").I18n} i18n
 * @property {import("./announcer.js").Announcer} announcer
 * @property {HTMLElement} host
 * @property {HTMLElement} button
 * @property {(row: Notification, event: Event) => void} openRow
 * @property {() => void} update
 */

/** @type {View[]} */
const VIEWS = ["all", "unread", "archived"];
/** @type {Record<View, Key>} */
const EMPTY = { all: "noAll", unread: "noUnread", archived: "noArchived" };
/** How long a mark can be undone by its line. */
const UNDO = 8000;

export class Panel {
  open = false;
  /** @type {View} */
  #view = "all";
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** @type {Map<string, HTMLElement[]>} */
  #days = new Map();
  /** @type {Set<string>} news that waits behind the pill, so that nothing moves under the reader */
  #held = new Set();
  #current = "";
  #seen = 0;
  #line = 0;
  /** @type {(() => void) | null} */
  #undo = null;
  /** @type {AbortController | null} */
  #life = null;

  /** @param {Owner} owner */
  constructor(owner) {
    this.owner = owner;
    this.heading = h("h2", { id: "title", tabindex: -1 });
    this.all = h("button", { class: "icon", click: () => this.markAll() }, icon(CHECK));
    this.cross = h("button", { class: "icon", click: () => this.hide(true) }, icon(CROSS));
    this.tabs = VIEWS.map((name) =>
      h("button", { role: "tab", part: "tab", id: "tab-" + name, "aria-controls": "list", click: () => this.select(name) }),
    );
    this.banner = h("div", { class: "banner", part: "banner", hidden: "" });
    this.pill = h("button", { class: "pill", part: "pill", hidden: "", click: () => this.#release(true) });
    this.days = h("div");
    this.tail = h("div", { class: "tail" });
    this.list = h("div", { class: "list", part: "list", id: "list", role: "tabpanel", tabindex: -1 }, this.pill, this.days, this.tail);
    this.undo = h("div", { class: "undo", part: "undo", hidden: "" });
    this.foot = h("div", { class: "foot", part: "footer" });
    this.element = h(
      "dialog",
      { id: "panel", class: "panel", part: "panel", popover: "manual", "aria-labelledby": "title" },
      h("div", { class: "head", part: "header" }, this.heading, h("slot", { name: "header" }), this.all, this.cross),
      h("div", { class: "tabs", role: "tablist" }, ...this.tabs),
      this.banner,
      this.list,
      this.undo,
      this.foot,
    );
    set(this.element, {
      keydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
      focusout: (/** @type {FocusEvent} */ event) => this.#left(event),
      cancel: (/** @type {Event} */ event) => (event.preventDefault(), this.hide(true)),
    });
    this.list.addEventListener("focusin", (event) => this.#focused(event));
    // A tail in sight asks for more; its button is for those who do not scroll.
    const root = this.list;
    new IntersectionObserver(
      ([{ isIntersecting }]) => isIntersecting && this.open && this.#state !== "error" && this.more(),
      { root, rootMargin: "200px" },
    ).observe(this.tail);
  }

  get #state() {
    return this.owner.client.store.views[this.#view].state;
  }

  show() {
    if (this.open) return;
    this.open = true;
    // What a modal dialog makes inert can only be used from a dialog above it.
    const modal = [...document.querySelectorAll("dialog:modal")].some((d) => !d.contains(this.owner.host));
    if (modal) this.element.showModal();
    else this.element.showPopover();
    const { signal } = (this.#life = new AbortController());
    const place = () => this.#place();
    addEventListener("resize", place, { signal });
    addEventListener("scroll", place, { signal, capture: true, passive: true });
    document.addEventListener(
      "pointerdown",
      (event) => event.composedPath().includes(this.owner.host) || this.hide(),
      { signal },
    );
    const clock = setInterval(() => this.update(), 30_000);
    signal.addEventListener("abort", () => clearInterval(clock));
    this.update();
    this.#place();
    this.heading.focus({ preventScroll: true });
    this.owner.client.seen();
    this.owner.update();
  }

  /** @param {boolean} [back] the focus returns to the bell */
  hide(back) {
    if (!this.open) return;
    this.open = false;
    this.#life?.abort();
    if (this.element.open) this.element.close();
    else this.element.hidePopover();
    this.#release();
    this.#notice();
    this.list.scrollTop = 0;
    if (back) this.owner.button.focus();
    this.owner.update();
  }

  /** Under the bell, or above it where there is more room; never off the screen. */
  #place() {
    const bell = this.owner.button.getBoundingClientRect();
    const { style, offsetWidth } = this.element;
    const start = getComputedStyle(this.owner.host).direction === "rtl" ? bell.left : bell.right - offsetWidth;
    const below = innerHeight - bell.bottom - 16;
    const up = below < 320 && bell.top > below;
    const put = (/** @type {string} */ name, /** @type {number} */ px) => style.setProperty(name, px + "px");
    put("--x", Math.max(8, Math.min(start, innerWidth - offsetWidth - 8)));
    put("--h", up ? bell.top - 16 : below);
    style.removeProperty(up ? "--y" : "--b");
    if (up) put("--b", innerHeight - bell.top + 8);
    else put("--y", bell.bottom + 8);
  }

  /** Something new came in. @param {Notification} row */
  news(row) {
    if (!this.open) return;
    const inside = this.list.contains(this.#focus());
    if (this.list.scrollTop > 8 || inside) this.#held.add(row.id);
    clearTimeout(this.#seen);
    this.#seen = setTimeout(() => this.open && !document.hidden && this.owner.client.seen(), 1000);
  }

  /** @returns {Element | null} */
  #focus() {
    return /** @type {ShadowRoot} */ (this.element.getRootNode()).activeElement;
  }

  /** @param {boolean} [go] */
  #release(go) {
    this.#held.clear();
    if (!go) return;
    this.list.scrollTop = 0;
    this.update();
    this.#go(0);
  }

  /** @param {View} name */
  select(name) {
    const { store } = this.owner.client;
    store.tidy();
    this.#view = name;
    this.list.scrollTop = 0;
    this.#held.clear();
    this.update();
  }

  more() {
    return this.owner.client.load(this.#view, true);
  }

  update() {
    if (!this.open) return;
    const { client, i18n } = this.owner;
    if (!this.#state && client.tag && !this.#closed) client.load(this.#view);
    if (this.#state === "error" && client.state === "live" && this.#was !== "live") client.load(this.#view);
    this.#was = client.state;
    this.#texts();
    const rows = this.#closed ? [] : client.store.list(this.#view).filter((row) => !this.#held.has(row.id));
    this.#list(rows);
    this.#tail(rows.length);
    this.pill.hidden = !this.#held.size;
    say(this.pill, i18n.t("pill", { n: this.#held.size }));
  }

  #was = "";

  get #closed() {
    return /out|denied/.test(this.owner.client.state);
  }

  #texts() {
    const { client, i18n, host } = this.owner;
    const { t } = { t: i18n.t.bind(i18n) };
    say(this.heading, t("title"));
    for (const [button, key] of /** @type {[HTMLButtonElement, Key][]} */ ([
      [this.all, "markAll"],
      [this.cross, "close"],
    ])) {
      set(button, { "aria-label": t(key), title: t(key) });
    }
    this.all.disabled = !client.store.counts.unread;
    VIEWS.forEach((name, at) => {
      const on = name === this.#view;
      const n = name === "unread" ? client.store.counts.unread : 0;
      say(this.tabs[at], t(name) + (n ? ` ${i18n.number.format(n)}` : ""));
      set(this.tabs[at], { "aria-selected": on, tabindex: on ? 0 : -1 });
    });
    set(this.list, { "aria-labelledby": "tab-" + this.#view, "aria-busy": this.#state === "loading" });
    const { state } = client;
    /** @type {Key | undefined} */
    const bad = state === "retry" ? "offline" : this.#closed ? /** @type {Key} */ (state) : undefined;
    this.banner.hidden = !bad;
    if (bad && this.banner.textContent !== t(bad) + t("retry")) {
      this.banner.replaceChildren(h("span", {}, t(bad)), h("button", { click: () => client.poke() }, t("retry")));
    }
    this.#footer(host);
  }

  /** @param {HTMLElement} host */
  #footer(host) {
    const { i18n } = this.owner;
    /** @type {(attribute: string, key: Key) => Node | null} */
    const to = (attribute, key) => {
      const href = safe(host.getAttribute(attribute));
      return href && h("a", { href }, i18n.t(key)) ? h("a", { href }, i18n.t(key)) : null;
    };
    const ask =
      host.hasAttribute("system-notifications") &&
      globalThis.Notification?.permission === "default" &&
      h("button", { click: () => Notification.requestPermission().then(() => this.update()) }, i18n.t("desktop"));
    const shown = [host.getAttribute("all-href"), host.getAttribute("settings-href"), !!ask, i18n.lang].join();
    if (this.foot.dataset.shown === shown) return;
    this.foot.dataset.shown = shown;
    const slot = h("slot", { name: "footer" });
    this.foot.replaceChildren(.../** @type {Node[]} */ ([to("all-href", "viewAll"), ask, slot, to("settings-href", "settings")].filter(Boolean)));
    this.foot.hidden = this.foot.childElementCount < 2 && !host.querySelector("[slot=footer]");
  }

  /** @param {Notification[]} rows */
  #list(rows) {
    const { i18n } = this.owner;
    /** @type {Map<string, Node[]>} */
    const days = new Map();
    const ids = new Set();
    for (const row of rows) {
      ids.add(row.id);
      const made = this.#rows.get(row.id) || this.#make(row);
      made.update(row, i18n);
      const day = i18n.day(new Date(row.created_at));
      days.set(day, [...(days.get(day) || []), made.element]);
    }
    for (const id of this.#rows.keys()) if (!ids.has(id)) this.#rows.delete(id);
    if (!ids.has(this.#current)) this.#current = rows[0]?.id || "";
    for (const [id, row] of this.#rows) row.current(id === this.#current);
    arrange(this.days, [...days].map(([day, nodes]) => this.#day(day, nodes)));
    for (const day of this.#days.keys()) if (!days.has(day)) this.#days.delete(day);
  }

  /** @param {Notification} row */
  #make(row) {
    const made = new Row(row, this.owner.openRow, (r, action) => this.mark({ action, ids: [r.id] }));
    this.#rows.set(row.id, made);
    return made;
  }

  /** @param {string} day @param {Node[]} nodes */
  #day(day, nodes) {
    let [section, list] = this.#days.get(day) || [];
    if (!section) {
      list = h("ul", { role: "list", "aria-label": day });
      section = h("section", {}, h("h3", { part: "day" }, day), list);
      this.#days.set(day, [section, list]);
    }
    arrange(list, nodes);
    return section;
  }

  /** @param {number} count rows shown */
  #tail(count) {
    const { client, i18n } = this.owner;
    const { next } = client.store.views[this.#view];
    const state = this.#closed ? "closed" : this.#state || "loading";
    const shown = [state, !count, !!next, this.#view, i18n.lang].join();
    if (this.tail.dataset.shown === shown) return;
    this.tail.dataset.shown = shown;
    set(this.tail, { class: count ? "tail" : state === "loading" ? "bones" : "tail only", part: count ? null : "empty" });
    const text = (/** @type {Key} */ key) => h("p", { tabindex: -1 }, i18n.t(key));
    const again = (/** @type {Key} */ key, /** @type {boolean} */ more) =>
      h("button", { click: () => client.load(this.#view, more) }, i18n.t(key));
    /** @type {Node[]} */
    let nodes = [];
    if (state === "error") nodes = [text("error"), again("retry", !!count && !!next)];
    else if (state === "loading") nodes = count ? [text("loading")] : [1, 2, 3, 4].map(() => h("i"));
    else if (state !== "ready") nodes = [];
    else if (next) nodes = [again("more", true)];
    else if (count) nodes = [text("end")];
    else nodes = [h("slot", { name: "empty" }, h("div", {}, icon(BELL), text(EMPTY[this.#view])))];
    this.tail.replaceChildren(...nodes);
  }

  markAll() {
    const { cursor } = this.owner.client.store;
    this.heading.focus();
    this.mark({ action: "read", upto: cursor });
  }

  /** @param {Mark} mark */
  async mark(mark) {
    const { client, i18n } = this.owner;
    const rows = [...this.#rows.values()];
    const at = rows.findIndex(({ row }) => row.id === mark.ids?.[0]);
    const leaves = /archive/.test(mark.action) && this.list.contains(this.#focus());
    const next = rows[at + 1] || rows[at - 1];
    const sent = client.mark(mark);
    /** @type {Key | null} */
    const text = mark.upto ? "didReadAll" : mark.action === "archive" ? "didArchive" : mark.action === "unarchive" ? "didUnarchive" : null;
    if (leaves) (next?.link || this.tail.querySelector("p") || this.heading).focus();
    if (text) this.#notice(i18n.t(text), () => client.undo(mark, sent).catch(() => this.#failed()));
    await sent.catch(() => this.#failed());
  }

  #failed() {
    this.#notice(this.owner.i18n.t("failed"));
  }

  /** The line at the foot; without a text it goes. */
  /** @param {string} [text] @param {() => void} [undo] */
  #notice(text, undo) {
    clearTimeout(this.#line);
    if (this.undo.contains(this.#focus())) this.heading.focus();
    this.#undo = undo ? () => (this.#notice(), undo()) : null;
    this.undo.hidden = !text;
    if (!text) return;
    this.undo.replaceChildren(h("span", {}, text));
    if (undo) this.undo.append(h("button", { click: () => this.#undo?.() }, this.owner.i18n.t("undo")));
    this.owner.announcer.say(text);
    const later = () => {
      // Not while it is being read or reached for.
      if (this.undo.matches(":hover,:focus-within")) this.#line = setTimeout(later, 1000);
      else this.#notice();
    };
    this.#line = setTimeout(later, UNDO);
  }

  /** @param {FocusEvent} event */
  #left({ relatedTarget }) {
    const root = this.element.getRootNode();
    if (relatedTarget && !root.contains(/** @type {Node} */ (relatedTarget)) && !this.owner.host.contains(/** @type {Node} */ (relatedTarget))) this.hide();
  }

  /** @param {Event} event */
  #focused({ target }) {
    for (const [id, { element }] of this.#rows) {
      if (element.contains(/** @type {Node} */ (target))) this.#current = id;
    }
    for (const [id, row] of this.#rows) row.current(id === this.#current);
  }

  /** Focuses the row at this place in the list. @param {number} at */
  #go(at) {
    const rows = [...this.days.querySelectorAll("li")];
    const row = rows[Math.max(0, Math.min(at, rows.length - 1))];
    /** @type {HTMLElement | null | undefined} */ (row?.querySelector(".link"))?.focus();
    row?.scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing || event.altKey) return;
    const done = event.key === "Escape" ? this.hide(true) : this.#keyTab(event) && this.#keyList(event);
    if (done === undefined) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  /** Each key handler answers true when the key is not its own. */
  /** @param {KeyboardEvent} event @returns {true | void} */
  #keyTab({ key }) {
    const at = this.tabs.findIndex((tab) => tab === this.#focus());
    const turn = getComputedStyle(this.element).direction === "rtl" ? -1 : 1;
    const to = { ArrowRight: at + turn, ArrowLeft: at - turn, Home: 0, End: 2 }[key];
    if (at < 0 || to === undefined) return true;
    const tab = (to + 3) % 3;
    this.select(VIEWS[tab]);
    this.tabs[tab].focus();
  }

  /** @param {KeyboardEvent} event @returns {true | void} */
  #keyList({ key, ctrlKey, metaKey }) {
    const rows = [...this.#rows.values()];
    const at = rows.findIndex(({ element }) => element.contains(this.#focus()));
    const inside = this.list.contains(this.#focus());
    if (inside && ctrlKey && key === "Home") return this.tabs[VIEWS.indexOf(this.#view)].focus();
    if (inside && ctrlKey && key === "End") return this.#after();
    if (ctrlKey || metaKey) return true;
    if (key === "ArrowDown" || key === "PageDown") return this.#go(at + 1);
    if (key === "ArrowUp" || key === "PageUp") return this.#go(at < 0 ? 0 : at - 1);
    if (!inside) return true;
    if (key === "Home") return this.#go(0);
    if (key === "End") return this.#go(rows.length);
    if (!this.owner.host.hasAttribute("shortcuts")) return true;
    if (key === "u") return this.#undo?.();
    const row = rows[at];
    if (key === "r" && row) return row.read.click();
    if (key === "e" && row) return row.archive.click();
    return true;
  }

  #after() {
    const next = this.element.querySelector(".undo button,.foot a,.foot button");
    /** @type {HTMLElement} */ (next || this.tail.querySelector("button,p") || this.heading).focus();
  }
}
