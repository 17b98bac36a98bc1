/** The archive: what was put away, and the way back. */

import { call } from "./api.js";
import { h, icon } from "./dom.js";
import { excuse, tell } from "./notes.js";
import { ago, t, when } from "./page.js";
import { lay, lift } from "./sheet.js";
import { state } from "./state.js";

/** @typedef {import("./state.js").Card & {archived_at: string}} Archived */

const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("archive"));
const account = /** @type {HTMLElement} */ (document.querySelector(".account"));

const list = h("ol", { class: "archive" });
const empty = h("p", { class: "hint", hidden: true }, t("archive_empty"));
const more = h("button", { type: "button", class: "quiet", hidden: true, click: () => load() }, t("more"));
const close = h("button", { type: "button", class: "quiet round", "aria-label": t("close"), click: leave }, icon("close"));
/** @type {string | null} where the next page begins */
let next = null;

export function listenToArchive() {
  const title = h("h2", { id: "archive-title" }, t("archive_title"));
  dialog.append(h("div", { class: "card-head" }, title, h("span", { class: "gap" }), close), list, empty, more);
  document.getElementById("open-archive")?.addEventListener("click", () => {
    document.getElementById("account")?.hidePopover();
    open();
  });
}

function open() {
  list.replaceChildren();
  next = null;
  empty.hidden = more.hidden = true;
  lay(dialog, leave);
  return load();
}

async function load() {
  const after = next ? `?after=${next}` : "";
  try {
    const found = await call("GET", `archive${after}`);
    const rows = found.cards.map(row);
    // Its button goes with the last page: the focus goes on to what it brought.
    const pressed = more.matches(":focus");
    list.append(...rows);
    next = found.next;
    more.hidden = !next;
    empty.hidden = list.childElementCount > 0;
    if (pressed) rows[0]?.querySelector("a").focus();
  } catch (problem) {
    excuse(problem);
  }
}

/** @param {Archived} card */
function row(card) {
  const { id, title } = card;
  const column = state.lists.find((each) => each.id === card.list_id)?.name ?? "";
  const moment = h("time", { datetime: card.archived_at, title: when(card.archived_at) }, t("archived_when", { when: ago(card.archived_at) }));
  const facts = h("span", { class: "archive-facts" }, `#${id} · `, h("span", { dir: "auto" }, column), " · ", moment);
  const link = h("a", { href: card.url, "data-card": id }, h("span", { dir: "auto" }, title));
  const label = t("restore_card", { title });
  const click = () => restore(card, element);
  const button = h("button", { type: "button", class: "quiet", "aria-label": label, click }, t("restore"));
  const element = h("li", {}, h("div", { class: "archive-words" }, link, facts), button);
  return element;
}

/** @param {Archived} card @param {HTMLElement} element */
async function restore({ id, title }, element) {
  try {
    await call("PATCH", `cards/${id}`, { archived: false });
  } catch (problem) {
    return excuse(problem);
  }
  const neighbour = element.nextElementSibling ?? element.previousElementSibling;
  /** @type {HTMLElement} */ (neighbour?.querySelector("button") ?? close).focus();
  element.remove();
  empty.hidden = list.childElementCount > 0;
  tell(t("restored", { title }));
  await state.load().catch(excuse);
}

function leave() {
  lift();
  account.focus();
}
