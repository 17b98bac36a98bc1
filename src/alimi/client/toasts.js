/** Toasts: what has just come in, while the page is looked at and the panel is closed. */

import { CROSS, h, label, linkTo } from "./dom.js";

/** @typedef {import("./types.d.ts").Notification} Notification */

/** `data.quiet`: the application says that it can wait. It is listed and counted; nothing rings. */
/** @param {Notification} row */
export const isQuiet = ({ data }) => !!(/** @type {any} */ (data)?.quiet);

/**
 * @param {(row: Notification, event: Event) => void} open
 * @param {HTMLElement} home where the focus goes from a toast that is gone
 */
export function makeToasts(open, home) {
  /** @type {HTMLElement | null} where the focus was before it came to the toasts */
  let from = null;
  const element = h("div.toasts", {
    popover: "manual",
    /** @param {FocusEvent} event */
    focusin({ relatedTarget: was }) {
      if (was && !element.contains(/** @type {Node} */ (was))) from = /** @type {HTMLElement} */ (was);
    },
  });
  const shown = () => element.matches(":popover-open");
  /** Shown again, they are above a dialog that the page has opened since. */
  const raise = () => {
    if (shown()) element.hidePopover();
    if (element.firstChild && element.isConnected) element.showPopover();
  };
  /** @param {Element} toast */
  const drop = (toast) => {
    const had = toast.matches(":focus-within");
    toast.remove();
    if (had) {
      // Under a modal dialog the bell takes none: then to where it came from.
      home.focus();
      if (!home.matches(":focus")) from?.focus();
    }
    if (!element.firstChild && shown()) element.hidePopover();
  };
  return {
    element,
    raise,
    /** Drops those of these rows, or all. @param {string[]} [ids] */
    clear(ids) {
      for (const toast of [...element.children]) if (!ids || ids.includes(toast.id)) drop(toast);
    },
    /** @param {Notification} row @param {string} close the button's name */
    show(row, close) {
      const gone = () => drop(toast);
      const text = h("span.text", {}, h("span.body", { dir: "auto" }, row.message));
      if (row.object?.name) text.append(h("span.object", { dir: "auto" }, row.object.name));
      const button = label(h("button.icon", { click: gone }), close, CROSS);
      /** @type {HTMLElement} */
      const toast = h("div.toast", { id: row.id }, linkTo(row, (event) => (open(row, event), gone()), text), button);
      toast.onkeydown = (event) => {
        if (event.key !== "Escape") return;
        // Not the dialog around it.
        event.preventDefault();
        gone();
      };
      element.append(toast);
      // Zoomed far in there is room for one.
      if (element.children[innerHeight < 480 ? 1 : 3]) drop(element.children[0]);
      raise();
      let left = 10 + row.message.length / 8;
      const clock = setInterval(() => {
        if (!toast.isConnected) clearInterval(clock);
        // Hover, focus or a hidden page holds the whole stack.
        else if (!document.hidden && !element.matches(":hover,:focus-within") && --left < 0) gone();
      }, 500);
    },
  };
}
