/** Toasts: what has just come in, while the page is looked at and the panel is closed. */

import { CROSS, h, icon, safe } from "./dom.js";
import { avatar } from "./row.js";

/** @typedef {import("./types.d.ts").Notification} Notification */

const MOST = 3;
/** Milliseconds: at least so long, and the time to read it. */
const STAY = 5000;
const PER_LETTER = 60;

export class Toasts {
  element = h("div", { class: "toasts", popover: "manual" });

  /** @param {(row: Notification, event: Event) => void} open */
  constructor(open) {
    this.open = open;
  }

  /** @param {Notification} row @param {string} close the button's name */
  show(row, close) {
    const href = safe(row.url);
    const toast = h("div", { class: "toast", part: "toast" });
    const gone = () => this.#drop(toast);
    const link = h(
      href ? "a" : "button",
      { class: "link", href, click: (/** @type {Event} */ event) => (this.open(row, event), gone()) },
      avatar(row),
      h("span", { class: "text" }, h("span", { class: "body", dir: "auto" }, row.message), h("span", { class: "what", dir: "auto" }, row.object?.name)),
    );
    const button = h("button", { class: "icon", "aria-label": close, click: gone }, icon(CROSS));
    toast.append(link, button);
    toast.addEventListener("keydown", ({ key }) => key === "Escape" && gone());
    this.element.append(toast);
    while (this.element.childElementCount > MOST) this.element.firstElementChild?.remove();
    // Shown again to come to the top of the top layer, above a dialog of the page.
    if (this.element.matches(":popover-open")) this.element.hidePopover();
    this.element.showPopover();
    let left = STAY + row.message.length * PER_LETTER;
    const clock = setInterval(() => {
      // Hover, focus or a hidden page holds the whole stack.
      if (document.hidden || this.element.matches(":hover,:focus-within")) return;
      left -= 500;
      if (left <= 0) gone();
      if (!toast.isConnected) clearInterval(clock);
    }, 500);
  }

  clear() {
    this.element.replaceChildren();
    this.#drop();
  }

  /** @param {Element} [toast] */
  #drop(toast) {
    toast?.remove();
    if (!this.element.childElementCount && this.element.matches(":popover-open")) this.element.hidePopover();
  }
}
