/** One notification in the list. */

import { BELL, BOX, CHECK, DOT, UNBOX, h, icon, safe, say, set } from "./dom.js";

/** @typedef {import("./types.d.ts").Notification} Notification */
/** @typedef {import("./i18n.js").I18n} I18n */

let count = 0;

export class Row {
  #shown = "";

  /**
   * @param {Notification} row
   * @param {(row: Notification, event: Event) => void} open
   * @param {(row: Notification, action: "read" | "unread" | "archive" | "unarchive") => void} act
   */
  constructor(row, open, act) {
    this.row = row;
    this.url = safe(row.url);
    const id = `row${++count}`;
    const go = (/** @type {Event} */ event) => open(this.row, event);
    this.body = h("span", { part: "body", class: "body", dir: "auto" });
    this.what = h("span", { class: "what", dir: "auto" });
    this.time = h("time", { part: "time" });
    this.who = h("span", { dir: "auto" });
    this.mark = h("span", { class: "sr" });
    const text = h("span", { class: "text", id }, this.mark, this.body, this.what);
    text.append(h("span", { class: "meta" }, this.who, this.time));
    /** What has the focus: a real link when there is somewhere to go. */
    this.link = h(
      this.url ? "a" : "button",
      { class: "link", part: "link", href: this.url, tabindex: -1, click: go, auxclick: go },
      avatar(row),
      text,
    );
    const button = (/** @type {() => void} */ click) =>
      h("button", { class: "icon", tabindex: -1, "aria-describedby": id, click });
    this.read = button(() => act(this.row, this.row.read_at ? "unread" : "read"));
    this.archive = button(() => act(this.row, this.row.archived_at ? "unarchive" : "archive"));
    const actions = h("span", { class: "actions", part: "actions" }, this.read, this.archive);
    const dot = h("span", { class: "dot", part: "dot" });
    this.element = h("li", {}, this.link, dot, actions);
  }

  /** @param {Notification} row @param {I18n} i18n */
  update(row, i18n) {
    const date = new Date(row.created_at);
    const ago = i18n.ago(date);
    const shown = JSON.stringify([row, ago, i18n.lang]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.row = row;
    const unread = !row.read_at;
    set(this.element, { part: unread ? "row row-unread" : "row", class: unread && "new" });
    say(this.mark, unread ? i18n.t("unread") + " " : "");
    say(this.body, row.message);
    say(this.what, row.object?.name || "");
    say(this.who, row.actor?.name || "");
    say(this.time, ago);
    set(this.time, { datetime: row.created_at, title: i18n.full(date) });
    label(this.read, i18n.t(unread ? "markRead" : "markUnread"), unread ? CHECK : DOT);
    const away = row.archived_at;
    label(this.archive, i18n.t(away ? "unarchive" : "archive"), away ? UNBOX : BOX);
  }

  /** Puts this row, and no other, into the order of the Tab key. @param {boolean} on */
  current(on) {
    for (const element of [this.link, this.read, this.archive]) element.tabIndex = on ? 0 : -1;
  }
}

/** @param {Element} button @param {string} text @param {string} path */
function label(button, text, path) {
  set(button, { "aria-label": text, title: text });
  button.replaceChildren(icon(path));
}

/** @param {Notification} row */
export function avatar({ actor }) {
  const first = actor?.name ? [...actor.name][0] : "";
  const face = h("span", { class: "face", part: "avatar", "aria-hidden": "true" });
  face.append(first || icon(BELL));
  const image = safe(actor?.image);
  if (image) {
    const img = h("img", { src: image, alt: "", loading: "lazy" });
    // Blocked or gone: the initial stays.
    img.addEventListener("error", () => img.remove());
    face.append(img);
  }
  return face;
}
