/** The panel: header, views, the list and its states. */

import { BELL, CHECK, CROSS, arrange, h, icon, safe, say, set } from "./dom.js";
import { label, makeRow } from "./row.js";

/** @typedef {import("./types.d.ts").Notification} Notification */
/** @typedef {import("./types.d.ts").Mark} Mark */
/** @typedef {import("./types.d.ts").View} View */
/** @typedef {import("./i18n.js").Key} Key */
/** @typedef {import("./bell.js").AlimiBell} AlimiBell */

/** @type {View[]} */
const VIEWS = ["all", "unread", "archived"];
/** How long a mark can be undone by its line. */
const UNDO = 8000;

/** @param {AlimiBell} bell */
export function makePanel(bell) {
  let open = false;
  /** @type {Map<string, ReturnType<typeof makeRow>>} */
  let rows = new Map();
  /** @type {Map<string, HTMLElement[]>} */
  let days = new Map();
  /** @type {Set<string>} news that waits behind the pill, so that nothing moves under the reader */
  const held = new Set();
  let current = "";
  let drawn = "";
  let seen = 0;
  let line = 0;
  /** @type {(() => void) | undefined} */
  let undo;
  /** @type {AbortController} */
  let life;

  /** @param {() => void} click @param {Key} key */
  const action = (click, key) => h("button.action", { click }, bell.i18n.t(key));
  const title = h("h2.title", { id: "title", tabindex: -1 });
  const readAll = h("button.icon", { click: () => markAll() });
  const cross = h("button.icon", { click: () => hide(true) });
  const tabs = VIEWS.map((view) =>
    h("button.tab", { role: "tab", id: view, "aria-controls": "list", click: () => select(view) }),
  );
  const banner = h("div.note");
  const pill = h("button.pill", { click: () => release(true) });
  const sections = h("div");
  const tail = h("div");
  const list = h(
    "div.list",
    { id: "list", role: "tabpanel", tabindex: -1, focusin: () => paint() },
    pill,
    sections,
    tail,
  );
  const note = h("div.note", { hidden: "" });
  const footer = h("div.footer");
  const element = h(
    "dialog.panel",
    {
      id: "panel",
      popover: "manual",
      "aria-labelledby": "title",
      keydown: onKey,
      /** @param {Event} event */
      cancel(event) {
        event.preventDefault();
        hide(true);
      },
      /** @param {FocusEvent} event */
      focusout({ relatedTarget: to }) {
        if (to instanceof Node && !element.getRootNode().contains(to) && !bell.contains(to)) hide();
      },
    },
    h("div.header", {}, title, h("slot", { name: "header" }), readAll, cross),
    h("div.tabs", { role: "tablist" }, ...tabs),
    banner,
    list,
    note,
    footer,
  );
  // The end in sight asks for more; its button is for those who do not scroll.
  new IntersectionObserver(
    ([{ isIntersecting }]) => isIntersecting && open && store().state === "ready" && bell.client?.load(true),
    { root: list, rootMargin: "200px" },
  ).observe(tail);

  const client = () => /** @type {import("./client.js").Client} */ (bell.client);
  const store = () => client().store;
  const focused = () => /** @type {ShadowRoot} */ (element.getRootNode()).activeElement;
  const inList = () => list.contains(focused());
  const closed = () => /out|denied/.test(client().state);

  function show() {
    if (open) return;
    open = true;
    // What a modal dialog makes inert can only be used from a dialog above it.
    const modal = [...document.querySelectorAll("dialog:modal")].some((d) => !d.contains(bell));
    if (modal) element.showModal();
    else element.showPopover();
    life = new AbortController();
    const { signal } = life;
    /** @param {Event} event */
    const outside = (event) => event.composedPath().includes(bell) || hide();
    document.addEventListener("pointerdown", outside, { signal });
    const clock = setInterval(update, 30_000);
    signal.onabort = () => clearInterval(clock);
    store().state = drawn = "";
    list.scrollTop = 0;
    bell.update();
    title.focus();
    client().seen();
  }

  /** @param {boolean} [back] the focus returns to the bell */
  function hide(back) {
    if (!open) return;
    open = false;
    life.abort();
    if (element.open) element.close();
    else element.hidePopover();
    release();
    notice();
    if (back) bell.button.focus();
    bell.update();
  }

  /** Something new came in. @param {Notification} row */
  function news(row) {
    if (!open) return;
    if (list.scrollTop > 8 || inList()) held.add(row.id);
    clearTimeout(seen);
    seen = setTimeout(() => open && !document.hidden && client().seen(), 1000);
  }

  /** @param {boolean} [go] */
  function release(go) {
    held.clear();
    if (!go) return;
    list.scrollTop = 0;
    update();
    goTo(0);
  }

  /** @param {View} view */
  function select(view) {
    store().select(view);
    list.scrollTop = 0;
    held.clear();
    update();
  }

  function update() {
    if (!open) return;
    const { state, tag } = client();
    // A list that went stale or wrong while the stream was away is loaded when it is back.
    if (tag && !closed() && (!store().state || (store().state === "error" && drawn !== state && state === "live"))) {
      drawn = state;
      client().load();
    }
    drawn = state;
    words();
    paint();
    say(pill, bell.i18n.t("news", held.size));
    pill.hidden = !held.size;
  }

  function words() {
    const { i18n } = bell;
    const { state } = client();
    const { unread } = store().counts;
    say(title, i18n.t("title"));
    label(readAll, i18n.t("readAll"), CHECK);
    label(cross, i18n.t("close"), CROSS);
    readAll.disabled = !unread;
    tabs.forEach((tab, at) => {
      const on = VIEWS[at] === store().view;
      say(tab, i18n.t(/** @type {Key} */ (VIEWS[at])) + (at === 1 && unread ? " " + i18n.number(unread) : ""));
      set(tab, { "aria-selected": on, tabindex: on ? 0 : -1 });
    });
    const bad = state === "retry" ? "offline" : closed() ? /** @type {Key} */ (state) : null;
    banner.hidden = !bad;
    set(banner, { class: state === "retry" ? "note late" : "note" });
    if (bad) fill(banner, bad, () => [h("p", {}, i18n.t(bad)), action(() => client().poke(), "retry")]);
    const ask = bell.hasAttribute("system-notifications") && globalThis.Notification?.permission === "default";
    /** @param {string} attribute @param {Key} key */
    const to = (attribute, key) => {
      const href = safe(bell.getAttribute(attribute));
      return href && h("a.action", { href }, i18n.t(key));
    };
    fill(footer, `${ask}`, () => [
      to("all-href", "viewAll"),
      ask && action(() => Notification.requestPermission().then(update), "desktop"),
      h("slot", { name: "footer" }),
      to("settings-href", "settings"),
    ]);
  }

  /** Fills an element anew only when what it shows has changed. */
  /** @param {HTMLElement} place @param {string} key @param {() => (Node | null | false | "")[]} make */
  function fill(place, key, make) {
    key += bell.i18n.lang;
    if (place.dataset.key === key) return;
    place.dataset.key = key;
    place.replaceChildren(.../** @type {Node[]} */ (make().filter(Boolean)));
  }

  function paint() {
    const shown = closed() ? [] : store().rows.filter((row) => !held.has(row.id));
    const inside = shown.find((row) => rows.get(row.id)?.element.contains(focused()));
    current = (inside || shown.find((row) => row.id === current) || shown[0])?.id || "";
    const was = rows;
    rows = new Map();
    /** @type {Map<string, Node[]>} */
    const groups = new Map();
    for (const row of shown) {
      const made = was.get(row.id) || makeRow(row, bell.openRow, (r, action) => mark({ action, ids: [r.id] }));
      rows.set(row.id, made);
      made.update(row, bell.i18n, row.id === current);
      const day = bell.i18n.day(new Date(row.created_at));
      groups.set(day, [...(groups.get(day) || []), made.element]);
    }
    const old = days;
    days = new Map();
    for (const [day, items] of groups) {
      const [section, ul] = old.get(day) || group(day);
      arrange(ul, items);
      days.set(day, [section, ul]);
    }
    arrange(sections, [...days.values()].map(([section]) => section));
    ending(shown.length);
  }

  /** @param {string} day */
  function group(day) {
    const ul = h("ul", { role: "list", "aria-label": day });
    return [h("section", {}, h("h3.day", {}, day), ul), ul];
  }

  /** What stands below the rows, or in their place. @param {number} count */
  function ending(count) {
    const { next, view, state } = store();
    const kind = closed() ? "" : state || "loading";
    const busy = kind === "loading";
    set(list, { "aria-labelledby": view, "aria-busy": busy });
    set(tail, { class: count ? "more" : busy ? "empty bones" : "empty", part: count ? "more" : "empty" });
    fill(tail, [kind, !count, !!next, view].join(), () => {
      /** @param {Key} key */
      const text = (key) => h("p", { tabindex: -1 }, bell.i18n.t(key));
      if (kind === "error") return [text("error"), action(() => client().load(!!count), "retry")];
      if (busy || !kind) return [];
      if (next) return [action(() => client().load(true), "more")];
      if (count) return [];
      return [h("slot", { name: "empty" }, icon(BELL), text(view === "all" ? "none" : "nothing"))];
    });
  }

  function markAll() {
    title.focus();
    mark({ action: "read", upto: store().cursor });
  }

  /** @param {Mark} mark */
  async function mark(mark) {
    const order = [...rows.values()];
    const at = order.findIndex(({ element }) => element === rows.get(mark.ids?.[0] || "")?.element);
    const leaves = /archive/.test(mark.action);
    const next = leaves && inList() && (order[at + 1] || order[at - 1] || { link: title });
    const sent = client().mark(mark);
    next && next.link.focus();
    if (leaves || mark.upto) {
      const key = mark.upto ? "readAll" : mark.action === "archive" ? "archive" : "restore";
      notice(bell.i18n.t("done", 0, bell.i18n.t(key)), () => client().undo(mark, sent).catch(failed));
    }
    await sent.catch(failed);
  }

  function failed() {
    notice(bell.i18n.t("failed"));
  }

  /** The line above the foot; without a text it goes. */
  /** @param {string} [text] @param {() => void} [back] */
  function notice(text, back) {
    clearTimeout(line);
    if (note.contains(focused())) title.focus();
    undo = back && (() => (notice(), back()));
    note.hidden = !text;
    if (!text) return;
    note.replaceChildren(h("p", {}, text), ...(undo ? [action(undo, "undo")] : []));
    bell.announce(text);
    const later = () => {
      // Not while it is being read or reached for.
      if (note.matches(":hover,:focus-within")) line = setTimeout(later, 1000);
      else notice();
    };
    line = setTimeout(later, UNDO);
  }

  /** Focuses the row at this place in the list. @param {number} at */
  function goTo(at) {
    const { link } = [...rows.values()][Math.max(0, Math.min(at, rows.size - 1))] || {};
    link?.focus();
    link?.scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (event.isComposing || event.altKey) return;
    const move = event.key === "Escape" ? () => hide(true) : keyInTabs(event) || keyInList(event);
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    move();
  }

  /** @param {KeyboardEvent} event */
  function keyInTabs({ key }) {
    const at = tabs.findIndex((tab) => tab === focused());
    const turn = element.matches(":dir(rtl)") ? 2 : 1;
    /** @type {Record<string, number>} */
    const keys = { ArrowRight: at + turn, ArrowLeft: at + 3 - turn, Home: 0, End: 2 };
    const to = keys[key] % 3;
    return at >= 0 && to >= 0 && (() => (select(VIEWS[to]), tabs[to].focus()));
  }

  /** @param {KeyboardEvent} event */
  function keyInList({ key, ctrlKey, metaKey }) {
    const at = [...rows.values()].findIndex(({ element: row }) => row.contains(focused()));
    const down = () => goTo(at + 1);
    const up = () => goTo(at - 1);
    const row = rows.get(current);
    /** @type {Record<string, (() => void) | undefined>} */
    let keys = { ArrowDown: down, PageDown: down, ArrowUp: up, PageUp: up };
    if (inList()) {
      keys = ctrlKey
        ? { Home: () => tabs[VIEWS.indexOf(store().view)].focus(), End: () => after().focus() }
        : { ...keys, Home: () => goTo(0), End: () => goTo(rows.size) };
      if (!ctrlKey && !metaKey && bell.hasAttribute("shortcuts")) {
        Object.assign(keys, { r: () => row?.read.click(), e: () => row?.archive.click(), u: undo });
      }
    }
    return keys[key];
  }

  /** @returns {HTMLElement} the first stop behind the list */
  function after() {
    return note.querySelector("button") || footer.querySelector(".action") || title;
  }

  return {
    element,
    show,
    hide,
    update,
    news,
    get open() {
      return open;
    },
  };
}
