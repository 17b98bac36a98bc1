/** `<alimi-bell>`: the bell with its badge, panel and toasts. Importing this module defines it. */

import { Client } from "./client.js";
import { BELL, h, icon, safe, say, set } from "./dom.js";
import { I18n } from "./i18n.js";
import { makePlace } from "./place.js";
import { bellSheet } from "./styles.js";
import { isQuiet, makeToasts } from "./toasts.js";

export { addCatalogue } from "./i18n.js";
export { Client } from "./client.js";

/** @typedef {import("./types.d.ts").Notification} Notification */

/** News is spoken at most once in so many milliseconds. */
const PAUSE = 5000;
/** Events of a page's dialogs; they do not bubble. */
const MODAL = ["toggle", "close"];
/** Attributes that put a sign outside the bell: what nobody asks for is not loaded. */
/** @type {Record<string, () => Promise<{default: import("./types.d.ts").MakeSign}>>} */
const SIGNS = {
  "title-badge": () => import("./title.js"),
  "favicon-badge": () => import("./favicon.js"),
  "system-notifications": () => import("./system.js"),
  sound: () => import("./sound.js"),
};

export class AlimiBell extends HTMLElement {
  static observedAttributes = [
    ...["src", "lang", "max", "categories", "all-href", "settings-href"],
    ...Object.keys(SIGNS),
  ];

  /** @type {Client | null} */
  client = null;
  i18n = new I18n("en");
  /** Not said yet: undefined. @type {import("./types.d.ts").Credentials | null | undefined} */
  #credentials;
  /** Made when it is first opened. @type {import("./types.d.ts").Panel | null} */
  panel = null;
  /** What is still to be spoken. @type {Map<string, Notification>} */
  #news = new Map();
  #speak = 0;
  #spoke = 0;
  /** @type {Map<string, import("./types.d.ts").Sign>} */
  #signs = new Map();

  constructor() {
    super();
    this.openRow = this.openRow.bind(this);
    this.badge = h("span.badge", { "aria-hidden": true });
    this.button = h(
      "button.bell",
      {
        "aria-haspopup": "dialog",
        "aria-controls": "panel",
        click: () => this.toggle(),
        animationend: () => this.button.classList.remove("ring"),
      },
      h("slot", { name: "icon" }, icon(BELL)),
      this.badge,
    );
    // There from the start and never inside a button: else it is not spoken.
    this.status = h("div.sr", { role: "status", "aria-atomic": true });
    this.toasts = makeToasts(this.openRow, this.button);
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [bellSheet];
    root.append(this.button);
    this.place = makePlace(this, root, this.toasts, this.status);
    this.place();
  }

  connectedCallback() {
    if (Object.hasOwn(this, "credentials")) {
      // Set before this class was known, it hides the accessor.
      this.#credentials = this.credentials;
      Reflect.deleteProperty(this, "credentials");
    }
    for (const type of MODAL) document.addEventListener(type, this.place, true);
    this.#start();
  }

  disconnectedCallback() {
    this.close();
    this.client?.stop();
    this.client = null;
    this.#sign();
    for (const type of MODAL) document.removeEventListener(type, this.place, true);
    this.toasts.clear();
    this.place();
  }

  /** @param {string} name @param {string | null} was @param {string | null} is */
  attributeChangedCallback(name, was, is) {
    if (!this.client || was === is) return;
    this.#drop(name);
    this.#start(name !== "src");
  }

  /** For pages without a cookie: answers the headers of each request, or null. */
  get credentials() {
    return this.#credentials;
  }

  set credentials(hook) {
    this.#credentials = hook;
    if (this.isConnected) this.#start();
  }

  get state() {
    return this.client?.state || "closed";
  }

  /** Why nothing may be shown: signed out, or not allowed. */
  get out() {
    const { state } = this;
    return state === "out" || state === "denied" ? state : "";
  }

  /** @returns {Promise<void>} */
  async open() {
    const { i18n } = this;
    const module = await import("./panel.js").catch(() => this.announce(i18n.t("error")));
    if (!module || !this.isConnected) return;
    if (i18n !== this.i18n) return this.open();
    if (!this.panel) {
      this.panel = module.makePanel(this);
      this.button.after(this.panel.element);
    }
    this.toasts.clear();
    this.panel.show();
  }

  close() {
    this.panel?.hide();
  }

  toggle() {
    if (this.panel?.open) this.panel.hide(true);
    else this.open();
  }

  /** @param {string} text for those who listen to the page */
  announce(text) {
    // What has just moved is not listened to yet.
    if (this.place()) return void setTimeout(() => this.announce(text), 200);
    // The same words again are to be spoken again.
    say(this.status, this.status.textContent === text ? text + "\xa0" : text);
  }

  /** @param {boolean} [keep] only the looks have changed */
  #start(keep) {
    this.i18n = new I18n(this.closest("[lang]")?.getAttribute("lang") || navigator.language);
    const { panel } = this;
    const open = panel?.open;
    this.close();
    panel?.element.remove();
    this.panel = null;
    // A page that will say it is not asked before: a 401 would be no news.
    const waits = this.#credentials === undefined && this.hasAttribute("credentials");
    if (!keep && !waits) {
      this.client?.stop();
      const src = this.getAttribute("src");
      const base = src ? new URL(src, document.baseURI) : new URL(".", import.meta.url);
      const client = (this.client = new Client(base.href));
      client.api.credentials = this.#credentials || null;
      client.tell = (type, detail) => client === this.client && this.#tell(type, detail);
      client.start();
      // Not part of what a page waits for, but there when it is wanted.
      (globalThis.requestIdleCallback || setTimeout)(() => import("./panel.js").catch(() => {}));
    }
    this.update();
    if (open) this.open();
  }

  /** @param {string} type @param {any} [detail] */
  #tell(type, detail) {
    if (type === "change" || type === "state") this.update();
    if (type === "change") return;
    if (type === "gone" || type === "reset" || this.out) this.#forget(detail.ids);
    const news = type === "notification";
    if (news) this.panel?.news(detail.id);
    // Listed and counted it is in any case; the page may have it ring nobody.
    if (this.emit(type, detail, news) && news) this.#ring(detail);
  }

  /** Withdrawn, dealt with elsewhere, or another reader's: nothing more of it. */
  /** @param {string[]} [ids] none: all */
  #forget(ids) {
    for (const id of ids || this.#news.keys()) this.#news.delete(id);
    this.toasts.clear(ids);
  }

  /** @param {string} type @param {unknown} detail @param {boolean} [cancelable] @returns whether nobody objects */
  emit(type, detail, cancelable) {
    const init = { detail, cancelable, bubbles: true, composed: true };
    return this.dispatchEvent(new CustomEvent("alimi-" + type, init));
  }

  /** @param {Notification} row */
  #ring(row) {
    if (isQuiet(row) || row.seen_at || row.read_at || row.archived_at) return;
    this.button.classList.add("ring");
    this.#news.set(row.id, row);
    clearTimeout(this.#speak);
    const speak = () => {
      const last = [...this.#news.values()].pop();
      if (!last) return;
      this.announce(this.i18n.t("spoken", this.#news.size, last.message));
      this.#news.clear();
      this.#spoke = Date.now();
    };
    this.#speak = setTimeout(speak, Math.max(250, this.#spoke + PAUSE - Date.now()));
    if (this.getAttribute("toasts") !== "off" && !this.panel?.open && !document.hidden) {
      this.place();
      this.toasts.show(row, this.i18n.t("close"));
    }
    for (const sign of this.#signs.values()) sign.ring?.(row);
  }

  /** Brings the signs that are asked for, and takes away the others. */
  #sign() {
    for (const name in SIGNS) {
      if (!this.isConnected || !this.hasAttribute(name)) this.#drop(name);
      else if (!this.#signs.has(name)) {
        const coming = {};
        this.#signs.set(name, coming);
        const come = (/** @type {{default: import("./types.d.ts").MakeSign}} */ module) => {
          if (this.#signs.get(name) !== coming) return;
          this.#signs.set(name, module.default(this));
          this.update();
        };
        SIGNS[name]().then(come, () => this.#signs.delete(name));
      }
    }
  }

  /** @param {string} name */
  #drop(name) {
    this.#signs.get(name)?.stop?.();
    this.#signs.delete(name);
  }

  /** @param {Notification} row @param {Event} event */
  openRow(row, event) {
    const { button, ctrlKey, metaKey, shiftKey } = /** @type {MouseEvent} */ (event);
    if (button > 1) return;
    if (!row.read_at) this.client?.mark({ action: "read", ids: [row.id] }).catch(() => {});
    if (button || ctrlKey || metaKey || shiftKey) return;
    if (!this.emit("open", { notification: row }, true)) event.preventDefault();
    else if (event.type === "system" && safe(row.url)) location.assign(row.url || "");
    this.close();
  }

  update() {
    const { client, i18n } = this;
    if (!client) return;
    const { state } = client;
    const n = this.panel?.open ? 0 : client.store.counts.unseen;
    const max = Number(this.getAttribute("max")) || 99;
    say(this.badge, n > max ? i18n.number(max) + "+" : i18n.number(n));
    this.badge.hidden = !n;
    const bad = this.out ? ". " + i18n.t(this.out) : "";
    set(this.button, {
      "aria-label": (n ? i18n.t("badge", n) : i18n.t("title")) + bad,
      "aria-expanded": !!this.panel?.open,
    });
    set(this, { state });
    this.#sign();
    for (const sign of this.#signs.values()) sign.count?.(n);
    this.place();
    this.panel?.update();
  }
}

if (!customElements.get("alimi-bell")) customElements.define("alimi-bell", AlimiBell);
