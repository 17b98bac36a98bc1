/** `<alimi-bell>`: the bell with its badge, panel and toasts. Importing this module defines it. */

import { Announcer } from "./announcer.js";
import { Client } from "./client.js";
import { BELL, h, icon, say, set } from "./dom.js";
import { I18n } from "./i18n.js";
import { TitleBadge, notifySystem } from "./outside.js";
import { Panel } from "./panel.js";
import { styles } from "./styles.js";
import { Toasts } from "./toasts.js";

export { addCatalogue } from "./i18n.js";
export { Client } from "./client.js";

/** @typedef {import("./types.d.ts").Notification} Notification */

/** What the client tells, told on by the element as `alimi-…`. */
const TOLD = ["notification", "counts", "signal", "hello", "reset", "state"];

export class AlimiBell extends HTMLElement {
  static observedAttributes = ["src", "lang", "max", "title-badge", "all-href", "settings-href"];

  /** @type {Client | null} */
  client = null;
  i18n = new I18n("en");
  announcer = new Announcer();
  host = this;
  /** @type {import("./types.d.ts").Credentials | null} */
  #credentials = null;
  #title = new TitleBadge();
  #shown = 0;

  constructor() {
    super();
    this.badge = h("span", { class: "badge", part: "badge", "aria-hidden": "true", hidden: "" });
    this.button = h(
      "button",
      { class: "bell", part: "bell", "aria-haspopup": "dialog", "aria-controls": "panel", click: () => this.toggle() },
      h("slot", { name: "icon" }, icon(BELL)),
      this.badge,
    );
    this.button.addEventListener("animationend", () => this.button.classList.remove("ring"));
    this.openRow = this.openRow.bind(this);
    this.panel = new Panel(/** @type {any} */ (this));
    this.toasts = new Toasts(this.openRow);
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [styles()];
    root.append(this.button, this.panel.element, this.toasts.element, this.announcer.element);
  }

  connectedCallback() {
    const lang = this.closest("[lang]")?.getAttribute("lang") || navigator.language;
    this.i18n = new I18n(lang);
    this.#start();
  }

  disconnectedCallback() {
    this.close();
    this.client?.stop();
    this.client = null;
    this.#title.show(0);
  }

  /** @param {string} name @param {string | null} was @param {string | null} is */
  attributeChangedCallback(name, was, is) {
    if (!this.isConnected || was === is || !this.client) return;
    if (name === "lang") this.i18n = new I18n(is || navigator.language);
    if (name === "src") this.#start();
    this.update();
  }

  /** For pages without a cookie: answers the headers of each request, or null. */
  get credentials() {
    return this.#credentials;
  }

  set credentials(hook) {
    this.#credentials = hook;
    if (this.client) this.#start();
  }

  get state() {
    return this.client?.state || "closed";
  }

  open() {
    this.toasts.clear();
    this.panel.show();
  }

  close() {
    this.panel.hide();
  }

  toggle() {
    if (this.panel.open) this.panel.hide(true);
    else this.open();
  }

  #start() {
    this.client?.stop();
    const src = this.getAttribute("src");
    const base = new URL(src ? src.replace(/\/*$/, "/") : "./", src ? document.baseURI : import.meta.url);
    const client = (this.client = new Client(base.href));
    client.api.credentials = this.#credentials;
    for (const type of TOLD) {
      client.addEventListener(type, (event) => {
        if (client === this.client) this.#tell(type, /** @type {CustomEvent} */ (event).detail);
      });
    }
    client.addEventListener("change", () => client === this.client && this.update());
    this.update();
    client.start();
  }

  /** @param {string} type @param {any} detail */
  #tell(type, detail) {
    if (type === "notification") this.#news(detail);
    if (type === "state") this.update();
    this.#emit(type, detail);
  }

  /** @param {string} type @param {unknown} detail @param {boolean} [cancelable] */
  #emit(type, detail, cancelable) {
    const event = new CustomEvent("alimi-" + type, { detail, cancelable, bubbles: true, composed: true });
    return this.dispatchEvent(event);
  }

  /** @param {Notification} row */
  #news(row) {
    this.panel.news(row);
    if (row.seen_at || row.read_at || row.archived_at) return;
    this.announcer.news(row.message, () => this.i18n);
    this.button.classList.add("ring");
    if (this.getAttribute("toasts") !== "off" && !this.panel.open && !document.hidden) {
      this.toasts.show(row, this.i18n.t("close"));
    }
    if (this.hasAttribute("system-notifications")) {
      notifySystem(row, () => this.openRow(row, new Event("system")));
    }
  }

  /** @param {Notification} row @param {Event} event */
  openRow(row, event) {
    const { button, ctrlKey, metaKey, shiftKey } = /** @type {MouseEvent} */ (event);
    if (event.type === "auxclick" && button !== 1) return;
    if (!row.read_at) this.client?.mark({ action: "read", ids: [row.id] }).catch(() => {});
    if (event.type === "auxclick" || ctrlKey || metaKey || shiftKey) return;
    if (!this.#emit("open", { notification: row }, true)) event.preventDefault();
    else if (event.type === "system" && row.url) location.assign(row.url);
    this.close();
  }

  update() {
    const { client, i18n } = this;
    if (!client) return;
    const { unseen } = client.store.counts;
    const n = this.panel.open ? 0 : unseen;
    const max = Number(this.getAttribute("max")) || 99;
    say(this.badge, n > max ? i18n.number.format(max) + "+" : i18n.number.format(n));
    this.badge.hidden = !n;
    const signedOut = client.state === "out" || client.state === "denied";
    const name = n ? i18n.t("badge", { n }) : i18n.t("title");
    set(this.button, {
      "aria-label": signedOut ? `${name}: ${i18n.t(client.state === "out" ? "out" : "denied")}` : name,
      "aria-expanded": this.panel.open,
    });
    set(this, { state: client.state });
    if (this.hasAttribute("title-badge") || this.#shown) {
      this.#shown = this.hasAttribute("title-badge") ? n : 0;
      this.#title.show(this.#shown);
    }
    this.panel.update();
  }
}

if (!customElements.get("alimi-bell")) customElements.define("alimi-bell", AlimiBell);
