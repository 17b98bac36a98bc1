/** Toasts: what has just come in, while the page is looked at and the panel is closed. */

import { CROSS, h, label, linkTo } from "./dom.js";

/** @typedef {import("./types.d.ts").Notification} Notification */

/** @param {(row: Notification, event: Event) => void} open */
export function makeToasts(open) {
  const element = h("div.toasts", { popover: "manual" });
  const shown = () => element.matches(":popover-open");
  /** @param {Element} toast */
  const drop = (toast) => {
    toast.remove();
    if (!element.firstChild && shown()) element.hidePopover();
  };
  return {
    element,
    clear: () => [...element.children].forEach(drop),
    /** @param {Notification} row @param {string} close the button's name */
    show(row, close) {
      const gone = () => drop(toast);
      const text = h("span.text", {}, h("span.body", { dir: "auto" }, row.message));
      if (row.object?.name) text.append(h("span.object", { dir: "auto" }, row.object.name));
      const button = label(h("button.icon", { click: gone }), close, CROSS);
      /** @type {HTMLElement} */
      const toast = h("div.toast", {}, linkTo(row, (event) => (open(row, event), gone()), text), button);
      toast.onkeydown = ({ key }) => key === "Escape" && gone();
      element.append(toast);
      if (element.children[3]) element.children[0].remove();
      // Shown again, it comes above a dialog that the page has opened since.
      if (shown()) element.hidePopover();
      element.showPopover();
      let left = 10 + row.message.length / 8;
      const clock = setInterval(() => {
        if (!toast.isConnected) clearInterval(clock);
        // Hover, focus or a hidden page holds the whole stack.
        else if (!document.hidden && !element.matches(":hover,:focus-within") && --left < 0) gone();
      }, 500);
    },
  };
}
