/** One card, opened: a dialog with an address of its own. */

import { Assignee } from "./assignee.js";
import { call, Problem } from "./api.js";
import { focusNear } from "./board.js";
import { Comments } from "./comments.js";
import { h, icon, set } from "./dom.js";
import { excuse, tell } from "./notes.js";
import { ago, page, t, when } from "./page.js";
import { lay, lift } from "./sheet.js";
import { state } from "./state.js";
import { Words } from "./words.js";

const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("card"));

/** @type {CardPage | null} */
let open = null;
/** Of two cards asked for, the later one is shown, whichever answer comes first. */
let asked = 0;

class CardPage {
  /** Going through the lists with arrow keys moves nothing until one stays. */
  #byArrow = false;
  /** Where it stands on the board, or stood last. */
  place = { list: 0, position: 0 };

  /** @param {any} card */
  constructor(card) {
    this.id = card.id;
    const update = this.update.bind(this);
    this.words = new Words(card.id, update);
    this.assignee = new Assignee(card.id, update);
    this.comments = new Comments(card.id);
    const change = () => this.#byArrow || this.#move();
    const keydown = (/** @type {KeyboardEvent} */ event) => this.#listKey(event);
    const pointerdown = () => (this.#byArrow = false);
    const blur = () => this.#move();
    this.list = h("select", { "aria-label": t("list"), change, keydown, pointerdown, blur });
    this.watch = h("button", { type: "button", class: "quiet", click: () => this.#watch() });
    this.archive = h("button", { type: "button", class: "quiet", click: () => this.#archive() });
    this.facts = h("p", { class: "hint" });
    this.note = h("p", { class: "archived", hidden: true }, t("archived_note"));
    this.update(card);
  }

  elements() {
    const close = h("button", { type: "button", class: "quiet round", "aria-label": t("close"), click: shut }, icon("close"));
    const number = h("span", { class: "number" }, `#${this.id}`);
    const head = h("div", { class: "card-head" }, number, this.list, h("span", { class: "gap" }), close);
    const side = h("div", { class: "card-actions" }, this.watch, this.archive);
    return [head, this.note, this.words.title, this.words.renamed, this.assignee.element, this.words.element, this.comments.element, side, this.facts];
  }

  /** @param {any} card */
  update(card) {
    this.card = card;
    if (state.card(this.id)) this.place = state.place(this.id);
    this.words.update(card);
    this.assignee.update(card.assignee_id);
    if (document.activeElement !== this.list) this.#showLists();
    set(this.watch, { "aria-pressed": String(card.watching) });
    this.watch.replaceChildren(icon("eye"), t(card.watching ? "watching" : "watch"));
    this.archive.replaceChildren(icon("archive"), t(card.archived ? "restore" : "archive"));
    this.note.hidden = !card.archived;
    const author = state.users.get(card.author_id)?.name ?? "";
    const changed = h("time", { datetime: card.updated_at, title: when(card.updated_at) }, t("updated", { when: ago(card.updated_at) }));
    this.facts.replaceChildren(t("author", { name: author }), " · ", changed);
    document.title = `${card.title} – ${t("app")}`;
  }

  async refresh() {
    const [card] = await Promise.all([call("GET", `cards/${this.id}`), this.comments.load()]);
    this.update(card);
  }

  async #change(/** @type {string} */ method, /** @type {string} */ path, /** @type {unknown} */ body) {
    try {
      this.update(await call(method, `cards/${this.id}${path}`, body));
      await state.load();
      return true;
    } catch (problem) {
      excuse(problem);
      return false;
    }
  }

  #showLists() {
    const lists = state.lists.map((list) => h("option", { value: list.id }, list.name));
    this.list.replaceChildren(...lists);
    this.list.value = String(this.card.list_id);
  }

  /** @param {KeyboardEvent} event */
  #listKey(event) {
    this.#byArrow = true;
    if (event.key === "Escape") this.list.value = String(this.card.list_id);
    if (event.key !== "Enter") return;
    event.preventDefault();
    this.#move();
  }

  async #move() {
    const list = Number(this.list.value);
    if (open !== this || !list || list === this.card.list_id) return;
    if (!(await this.#change("PATCH", "", { list_id: list }))) this.list.value = String(this.card.list_id);
  }

  async #watch() {
    const watching = !this.card.watching;
    if (await this.#change("PUT", "/watching", { watching })) {
      tell(t(watching ? "watching_on" : "watching_off"));
    }
  }

  async #archive() {
    const archived = !this.card.archived;
    if (!(await this.#change("PATCH", "", { archived })) || !archived) return;
    const { id, title } = this.card;
    shut();
    tell(t("archived", { title }), {
      label: t("undo"),
      act: () => restore(id, this.place).catch(excuse),
    });
  }
}

/** @param {number} id @param {{list: number, position: number}} place */
async function restore(id, place) {
  await call("PATCH", `cards/${id}`, { archived: false });
  await state.load();
  focusNear(id, place);
}

/** Open a card. @param {number} id @param {"push" | "keep"} mode "keep": the address is there already */
export async function openCard(id, mode) {
  const turn = ++asked;
  try {
    const card = await call("GET", `cards/${id}`);
    if (turn !== asked) return;
    open = new CardPage(card);
    dialog.replaceChildren(...open.elements());
    if (mode === "push") address(card.url);
    lay(dialog, shut);
    await open.comments.load();
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 404) gone();
    else excuse(problem);
  }
}

/** One step back leads out of the card, however many were looked at. @param {string} url */
function address(url) {
  if (dialog.open) history.replaceState(history.state, "", url);
  else if (location.pathname !== url) history.pushState({ pushed: true }, "", url);
}

function gone() {
  shut();
  tell(t("gone"));
}

/** Whether this card is before the reader's eyes. @param {number} id */
export const isOpen = (id) => open?.id === id;

/** Somebody changed something. @param {(number | null)[]} ids of cards; null stands for all */
export async function refreshCard(ids) {
  if (open && (ids.includes(null) || ids.includes(open.id))) await open.refresh();
}

function shut() {
  close();
  if (history.state?.pushed) history.back();
  else if (location.pathname !== "/") history.replaceState(null, "", "/");
}

function close() {
  const { id, place } = open ?? { id: 0, place: { list: 0, position: 0 } };
  open = null;
  lift();
  dialog.replaceChildren();
  document.title = t("app");
  focusNear(id, place);
}

export function listenToDialog() {
  addEventListener("popstate", follow);
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("a[data-card]");
    if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    openCard(Number(/** @type {HTMLElement} */ (link).dataset.card), "push");
  });
  if (page.card) openCard(page.card, "keep");
}

/** Back and forward. */
function follow() {
  const id = Number(/^\/cards\/(\d+)$/.exec(location.pathname)?.[1]);
  if (id) openCard(id, "keep");
  else if (open) close();
}
