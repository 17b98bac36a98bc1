/** The panel: header, views, the list and its states. Made anew when the language changes. */

import { catalogues } from "./catalogues.js";
import { BELL, CHECK, CROSS, arrange, h, icon, label, safe, say, set } from "./dom.js";
import { addCatalogue } from "./i18n.js";
import { panelCatalogues } from "./panel-catalogues.js";
import { panelSheet } from "./panel-styles.js";
import { modalOver } from "./place.js";
import { makeRow } from "./row.js";
import { day } from "./times.js";
import { isQuiet } from "./toasts.js";

/** @typedef {import("./types.d.ts").Notification} Notification */
/** @typedef {import("./types.d.ts").Mark} Mark */
/** @typedef {import("./types.d.ts").View} View */
/** @typedef {import("./i18n.js").Key} Key */

for (const [lang, words] of Object.entries(panelCatalogues)) {
  // What the page has replaced by now stays.
  addCatalogue(lang, { ...words, ...catalogues[lang] });
}

/** How long a mark can be undone by its line. */
const UNDO = 8000;

/** @param {import("./bell.js").AlimiBell} bell @returns {import("./types.d.ts").Panel} */
export function makePanel(bell) {
  const { i18n } = bell;
  /** @type {Map<string, ReturnType<typeof makeRow>>} */
  let rows = new Map();
  /** @type {Map<string, Node>} */
  const days = new Map();
  /** @type {Set<string>} news that waits behind the pill, so that nothing moves under the reader */
  const held = new Set();
  let open = false;
  let current = "";
  let whose = "";
  let was = "";
  let worry = "";
  let warn = 0;
  let seen = 0;
  let line = 0;
  let clock = 0;
  /** @type {(() => void) | undefined} */
  let undo;

  /** @param {Key} key */
  const t = (key) => i18n.t(key);
  const client = () => /** @type {import("./client.js").Client} */ (bell.client);
  const store = () => client().store;
  const inList = () => list.contains(focused());
  const focused = () => root.activeElement;

  /** @param {Key | ""} key @param {() => void} click */
  const action = (key, click) => h("button.action", { click }, key && t(key));
  /** @param {Key} key @param {string} path @param {() => void} click */
  const button = (key, path, click) => label(h("button.icon", { click }), t(key), path);
  const title = h("h2.title", { id: "title", tabindex: -1 }, t("title"));
  const readAll = button("readAll", CHECK, () => {
    title.focus();
    mark({ action: "read", upto: store().cursor });
  });
  const categories = (bell.getAttribute("categories") || "").split(/\s+/).filter(Boolean);
  /** @type {View[]} */
  const views = ["all", "unread", ...categories.map((name) => /** @type {const} */ (`category:${name}`)), "archived"];
  const tabs = views.map((view) =>
    h("button.tab", { role: "tab", id: view, "aria-controls": "list", click: () => select(view) }),
  );
  const trouble = h("p");
  const banner = h("div.note", {}, trouble, action("retry", () => client().poke()));
  const pill = h("button.pill", { click: () => release(true) });
  const items = h("ul", { role: "list" });
  const says = h("p");
  const offers = action("", () => client().load(!!rows.size && !!store().next));
  const none = h("slot", { name: "empty" }, icon(BELL));
  const tail = h("div", {}, none, says, offers);
  const list = h(
    "div.list",
    { id: "list", role: "tabpanel", tabindex: -1, focusin: () => keepFocus(paint) },
    pill,
    items,
    tail,
  );
  const told = h("p");
  const back = action("undo", () => undo?.());
  const note = h("div.note", { hidden: "" }, told, back);
  /** @param {string} attribute @param {Key} key */
  const to = (attribute, key) => {
    const href = safe(bell.getAttribute(attribute));
    return href && h("a.action", { href }, t(key));
  };
  const ask =
    bell.hasAttribute("system-notifications") &&
    globalThis.Notification?.permission === "default" &&
    action("desktop", () =>
      Notification.requestPermission().then(() => keepFocus(() => ask && (ask.remove(), render()))),
    );
  const slot = h("slot", { name: "footer" });
  const ends = [to("all-href", "viewAll"), ask, slot, to("settings-href", "settings")];
  const footer = h("div.footer", {}, ...ends);
  const element = h(
    "dialog.panel",
    {
      id: "panel",
      popover: "manual",
      // Clicked where nothing is, it still hears the keys.
      tabindex: -1,
      "aria-labelledby": "title",
      keydown: onKey,
      /** @param {Event} event */
      cancel(event) {
        event.preventDefault();
        hide(true);
      },
      /** @param {FocusEvent} event */
      focusout({ relatedTarget: next }) {
        const to = /** @type {Node | null} */ (next);
        // What the page put into a slot is in the bell, but not in its root.
        if (to && !root.contains(to) && !bell.contains(to)) hide();
      },
    },
    h(
      "div.header",
      {},
      title,
      h("slot", { name: "header" }),
      readAll,
      button("close", CROSS, () => hide(true)),
    ),
    h("div.tabs", { role: "tablist", "aria-labelledby": "title" }, ...tabs),
    banner,
    list,
    note,
    footer,
  );
  const root = /** @type {ShadowRoot} */ (bell.shadowRoot);
  if (!root.adoptedStyleSheets.includes(panelSheet)) root.adoptedStyleSheets.push(panelSheet);
  // The end in sight asks for more; its button is for those who do not scroll.
  new IntersectionObserver(
    // On a busy page several come at once, and the first is of the list as it was.
    (seen) => seen.at(-1)?.isIntersecting && open && store().state === "ready" && client().load(true),
    { root: list, rootMargin: "200px" },
  ).observe(tail);

  /** @param {Event} event */
  const outside = (event) => event.composedPath().includes(bell) || hide();

  function show() {
    if (open) return;
    open = true;
    // What a modal dialog makes inert can only be used from a dialog above it.
    const modal = !!modalOver(bell);
    if (modal) element.showModal();
    else element.showPopover();
    // Chromium takes every dialog in the top layer for a modal one.
    set(element, { "aria-modal": modal });
    addEventListener("pointerdown", outside);
    clock = setInterval(update, 30_000);
    store().state = was = whose = "";
    bell.update();
    title.focus();
    client().seen();
  }

  /** The focus returns to the bell, if it is in here. @param {boolean} [home] in any case */
  function hide(home) {
    if (!open) return;
    open = false;
    home ||= element.contains(focused());
    removeEventListener("pointerdown", outside);
    clearInterval(clock);
    if (element.open) element.close();
    else element.hidePopover();
    release();
    notice();
    if (home) bell.button.focus();
    bell.update();
  }

  /** Something new came in. @param {string} id */
  function news(id) {
    if (!open) return;
    if (list.scrollTop > 8 || inList()) held.add(id);
    clearTimeout(seen);
    seen = setTimeout(() => open && !document.hidden && client().seen(), 1000);
  }

  /** @param {boolean} [go] */
  function release(go) {
    held.clear();
    list.scrollTop = 0;
    update();
    if (go) goTo(0);
  }

  /** @param {View} view */
  function select(view) {
    try {
      client().marks.storage?.setItem(choice(), view);
    } catch {
      // A full storage: the choice is forgotten with the page.
    }
    store().select(view);
    release();
  }

  /** Where the reader's choice of a view is kept. */
  const choice = () => `alimi-view ${client().api.base} ${client().tag}`;

  /** Opened, it is as this reader left it. */
  function recall() {
    const { view, counts } = store();
    const { storage } = client().marks;
    const kept = storage ? storage.getItem(choice()) : view;
    const known = views.find((one) => one === kept) || "all";
    // The badge promised news, and there is none in the archive.
    const wanted = known === "archived" && counts.unseen ? "all" : known;
    if (wanted !== view) store().select(wanted);
  }

  function update() {
    if (open) keepFocus(render);
  }

  /** What has the focus may go by this change: then it is with what is nearest. */
  /** @param {() => void} change */
  function keepFocus(change) {
    const had = focused();
    const listed = inList();
    const at = [...rows.values()].findIndex((row) => row.element.contains(had));
    change();
    if (!had || focused()?.checkVisibility()) return;
    title.focus();
    if (listed) goTo(at);
  }

  function render() {
    const { state, tag } = client();
    if (tag && whose !== tag) {
      whose = tag;
      recall();
    }
    const { view, counts, state: loaded } = store();
    // A list that went stale, or wrong while the stream was away, is loaded when it is back.
    const again = loaded === "error" && was !== state && /live|polling/.test(state);
    was = state;
    if (tag && !bell.out && (!loaded || again)) client().load();
    readAll.disabled = !counts.unread;
    // It says "all", and means the inbox.
    readAll.hidden = view !== "all" && view !== "unread";
    tabs.forEach((tab, at) => {
      const on = views[at] === view;
      const n = at === 1 && counts.unread ? " " + i18n.number(counts.unread) : "";
      say(tab, (t(views[at]) || views[at].split(":")[1]) + n);
      set(tab, { "aria-selected": on, tabindex: on ? 0 : -1 });
    });
    const bad = state === "retry" ? "offline" : state === "polling" ? state : bell.out;
    banner.hidden = !bad;
    if (bad) say(trouble, t(bad));
    if (bad !== worry) {
      worry = bad;
      clearTimeout(warn);
      // Said by the region that was there before, and not for a moment's loss.
      if (bad) warn = setTimeout(() => bell.announce(t(bad)), 1000);
    }
    if (ask) ask.hidden = !!bell.out;
    footer.hidden = !footer.querySelector(":not(slot,[hidden])") && !bell.querySelector("[slot=footer]");
    const loud = store().rows.filter((row) => held.has(row.id) && !row.read_at && !isQuiet(row));
    // What does not ask to be looked at comes in as soon as it moves nothing.
    if (!loud.length && list.scrollTop < 9 && !inList()) held.clear();
    say(pill, i18n.t("news", loud.length));
    pill.hidden = !loud.length;
    paint();
  }

  function paint() {
    const shown = bell.out ? [] : store().rows.filter(({ id }) => !held.has(id));
    const at = shown.find(({ id }) => rows.get(id)?.element.contains(focused()));
    current = (at || shown.find(({ id }) => id === current) || shown[0])?.id || "";
    const old = rows;
    rows = new Map();
    /** @type {Set<Node>} */
    const nodes = new Set();
    for (const row of shown) {
      const made = old.get(row.id) || makeRow(row, bell, mark);
      rows.set(row.id, made);
      made.update(row, i18n, row.id === current);
      const name = day(i18n, new Date(row.created_at));
      if (!days.has(name)) days.set(name, h("li.day", {}, h("h3", {}, name)));
      nodes.add(/** @type {Node} */ (days.get(name))).add(made.element);
    }
    arrange(items, [...nodes]);
    ending(shown.length);
  }

  /** What stands below the rows, or in their place. @param {number} count */
  function ending(count) {
    const { next, view, state } = store();
    const busy = !bell.out && state !== "ready" && state !== "error";
    /** @type {Key | ""} */
    let text = "";
    /** @type {Key | ""} */
    let offer = "";
    if (state === "error") [text, offer] = ["error", "retry"];
    else if (next) offer = "more";
    else text = count ? "end" : view === "all" ? "none" : "nothing";
    if (busy || bell.out) text = offer = "";
    set(list, { "aria-labelledby": view, "aria-busy": busy });
    set(tail, { class: count ? "more" : busy ? "empty bones" : "empty", part: "empty" });
    none.hidden = !!count || !text;
    say(says, text && t(text));
    say(offers, offer && t(offer));
    says.hidden = !text;
    offers.hidden = !offer;
  }

  /** @param {Mark} mark */
  async function mark(mark) {
    const leaves = /arc/.test(mark.action);
    const sent = client().mark(mark);
    if (leaves || mark.upto) {
      const key = mark.upto ? "didReadAll" : mark.action === "archive" ? "didArchive" : "didRestore";
      notice(key, () => client().undo(mark, sent).catch(failed));
    }
    await sent.catch(failed);
  }

  function failed() {
    notice("failed");
  }

  /** The line above the foot; without a text it goes. */
  /** @param {Key} [key] @param {() => void} [revert] */
  function notice(key, revert) {
    clearTimeout(line);
    if (note.contains(focused())) title.focus();
    undo = revert && (() => (notice(), revert()));
    note.hidden = !key;
    back.hidden = !undo;
    if (!key) return;
    say(told, t(key));
    bell.announce(t(key));
    const later = () => {
      // Not while it is being read or reached for.
      if (note.matches(":hover,:focus-within")) line = setTimeout(later, 1000);
      else notice();
    };
    line = setTimeout(later, UNDO);
  }

  /** Focuses the row at this place in the list. @param {number} at */
  function goTo(at) {
    const link = [...rows.values()].at(Math.min(at, rows.size - 1))?.link;
    link?.focus();
    link?.scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (event.isComposing || event.altKey || event.metaKey) return;
    // In what the page put into a slot, all other keys are the page's.
    const move = (focused() || event.key === "Escape") && moves(event.ctrlKey)[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    move();
  }

  /** What the keys do where the focus is. @param {boolean} ctrl */
  function moves(ctrl) {
    const tab = tabs.findIndex((one) => one === focused());
    const at = [...rows.keys()].indexOf(current);
    const down = () => goTo(inList() ? at + 1 : 0);
    const up = () => goTo(Math.max(0, at - 1));
    const row = rows.get(current);
    /** @type {Record<string, (() => void) | undefined>} */
    const keys = { Escape: () => hide(true), ArrowDown: down, PageDown: down, ArrowUp: up, PageUp: up };
    const own = bell.hasAttribute("shortcuts");
    // The last row that was archived leaves the focus outside of the list.
    if (own) keys.u = undo;
    /** @param {number} to */
    const turn = (to) => () => (select(views[to % views.length]), tabs[to % views.length].focus());
    if (tab >= 0) {
      const last = views.length - 1;
      const [right, left] = element.matches(":dir(rtl)") ? [last, 1] : [1, last];
      return { ...keys, ArrowRight: turn(tab + right), ArrowLeft: turn(tab + left), Home: turn(0), End: turn(last) };
    }
    if (!inList()) return keys;
    if (ctrl) return { Home: () => tabs[views.indexOf(store().view)].focus(), End: after };
    return {
      ...keys,
      Home: () => goTo(0),
      End: () => goTo(rows.size),
      ...(own && { r: () => row?.read.click(), e: () => row?.archive.click() }),
    };
  }

  /** To the first stop behind the list, else to its end. */
  function after() {
    const own = bell.querySelector("[slot=footer]:is(a,button),[slot=footer] :is(a,button)");
    const stops = [back, ...ends].map((one) => (one === slot ? own : one));
    const stop = stops.find((one) => one && one.checkVisibility());
    if (stop) /** @type {HTMLElement} */ (stop).focus();
    else goTo(rows.size);
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
