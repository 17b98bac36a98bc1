/** One notification in the list. */

import { BOX, CHECK, DOT, h, label, linkTo, say, set } from "./dom.js";
import { ago, full } from "./times.js";

/** @typedef {import("./types.d.ts").Notification} Notification */

let count = 0;

/**
 * @param {Notification} row
 * @param {import("./bell.js").AlimiBell} bell
 * @param {(mark: import("./types.d.ts").Mark) => void} act
 */
export function makeRow(row, bell, act) {
  const id = "row" + ++count;
  const [mark, body, object, actor] = ["sr", "body", "object", "actor"].map((name) =>
    h(`span.${name}`, { dir: "auto" }),
  );
  const time = h("time.time", { dir: "auto" });
  const meta = h("span.meta", {}, actor, h("i"), time);
  /** @param {Event} event */
  const go = (event) => bell.openRow(row, event);
  const text = h("span.text", { id }, mark, body, object, meta);
  const link = linkTo(row, go, text);
  /** @param {() => import("./types.d.ts").Action} action */
  const button = (action) =>
    h("button.icon", {
      "aria-describedby": id,
      click: () => act({ action: action(), ids: [row.id] }),
    });
  const read = button(() => (row.read_at ? "unread" : "read"));
  const archive = button(() => (row.archived_at ? "unarchive" : "archive"));
  const dot = h("span.dot");
  // Outside of the link, so that the page may put buttons there.
  const extra = h("div.extra");
  const element = h("li.row", {}, link, dot, extra, h("span.actions", {}, read, archive));
  let shown = "";
  return {
    element,
    link,
    read,
    archive,
    /** @param {Notification} now @param {import("./i18n.js").I18n} i18n @param {boolean} current */
    update(now, i18n, current) {
      row = now;
      const date = new Date(row.created_at);
      const when = ago(i18n, date);
      const key = JSON.stringify([row, when]);
      if (key !== shown) paint(i18n, date, when);
      shown = key;
      for (const part of element.querySelectorAll("a,button")) set(part, { tabindex: current ? 0 : -1 });
    },
  };

  /** @param {import("./i18n.js").I18n} i18n @param {Date} date @param {string} when */
  function paint(i18n, date, when) {
    const unread = !row.read_at;
    const part = unread ? "row row-unread" : "row";
    set(element, { part, class: part });
    say(mark, unread ? i18n.t("unread") + ". " : "");
    say(body, row.message);
    say(object, [row.object?.name, row.target?.name].filter(Boolean).join(" · "));
    say(actor, row.actor?.name || "");
    say(time, when);
    set(time, { datetime: row.created_at, title: full(i18n, date) });
    label(read, i18n.t(unread ? "read" : "unmark"), unread ? CHECK : DOT);
    label(archive, i18n.t(row.archived_at ? "restore" : "archive"), BOX);
    bell.emit("row", { element, extra, notification: row });
  }
}
