/** The lists and their cards. */

import { call } from "./api.js";
import { CardView } from "./card.js";
import { arrange, h, icon } from "./dom.js";
import { keepDraft, withDraft } from "./drafts.js";
import { excuse } from "./notes.js";
import { counted, t } from "./page.js";
import { state } from "./state.js";

/** @typedef {import("./state.js").List} List */

const board = /** @type {HTMLElement} */ (document.getElementById("board"));
const jumps = /** @type {HTMLElement} */ (document.querySelector(".jumps"));
/** @type {Map<number, CardView>} */
const cards = new Map();
/** @type {Map<number, ListView>} */
const lists = new Map();

class ListView {
  /** @param {number} id */
  constructor(id) {
    this.id = id;
    this.name = h("span", { dir: "auto" });
    this.count = h("span", { class: "count" });
    this.rename = h("button", { type: "button", class: "quiet", click: () => this.#rename() }, icon("edit"));
    const heading = h("h2", { id: `list-${id}` }, this.name);
    this.head = h("header", {}, heading, this.count, this.rename);
    this.cards = h("ol", { class: "cards", "aria-labelledby": `list-${id}` });
    this.empty = h("p", { class: "empty" }, t("empty_list"));
    this.adder = adder(t("add_card"), t("new_card"), 200, `new-card ${id}`, (title) =>
      call("POST", "cards", { list_id: id, title }),
    );
    this.element = h("section", { class: "list", "data-list": id, "aria-labelledby": `list-${id}` });
    this.element.append(this.head, this.cards, this.empty, this.adder);
    this.jump = h("button", { type: "button", click: () => this.#show() });
    seen.observe(this.element);
  }

  /** @param {List} list */
  update(list) {
    const inList = state.in(list.id);
    this.name.textContent = list.name;
    this.rename.setAttribute("aria-label", t("rename_list", { name: list.name }));
    this.rename.title = t("rename_list", { name: list.name });
    this.count.textContent = String(inList.length);
    this.count.title = counted("cards", inList.length);
    this.jump.textContent = list.name;
    this.empty.hidden = inList.length > 0;
    arrange(this.cards, inList.map((card) => viewOf(card).element));
  }

  #show() {
    this.element.scrollIntoView({ inline: "center", block: "nearest" });
  }

  #rename() {
    const input = h("input", { maxlength: 60, required: true, "aria-label": t("list_name") });
    input.value = this.name.textContent;
    const stop = () => {
      form.replaceWith(this.head);
      this.rename.focus();
    };
    const save = async (/** @type {Event} */ event) => {
      event.preventDefault();
      try {
        await call("PATCH", `lists/${this.id}`, { name: input.value });
        stop();
        await state.load();
      } catch (problem) {
        excuse(problem);
      }
    };
    const keydown = (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && stop();
    const blur = () => form.isConnected && stop();
    const form = h("form", { class: "rename", submit: save, keydown }, input);
    this.head.replaceWith(form);
    input.select();
    input.addEventListener("blur", blur);
  }
}

/** A button that becomes a field. @param {string} label @param {string} hint @param {number} most @param {string} key of its draft @param {(text: string) => Promise<unknown>} send */
function adder(label, hint, most, key, send) {
  const input = h("input", { maxlength: most, required: true, placeholder: hint, "aria-label": hint });
  const button = h("button", { type: "button", class: "quiet add" }, icon("plus"), label);
  const form = h("form", { class: "adder", hidden: true }, input, h("button", { class: "primary" }, t("add")));
  const open = (/** @type {boolean} */ on) => {
    form.hidden = !on;
    button.hidden = on;
    (on ? input : button).focus();
  };
  withDraft(input, key);
  // Begun before: there it is, and nobody is taken there.
  form.hidden = !input.value;
  button.hidden = !form.hidden;
  button.addEventListener("click", () => open(true));
  form.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && !event.isComposing) open(false);
  });
  form.addEventListener("focusout", (/** @type {FocusEvent} */ event) => {
    const inside = event.relatedTarget instanceof Node && form.contains(event.relatedTarget);
    if (inside || input.value.trim() || !event.relatedTarget) return;
    form.hidden = true;
    button.hidden = false;
  });
  form.addEventListener("submit", async (/** @type {Event} */ event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (!text) return;
    input.value = "";
    try {
      await send(text);
    } catch (problem) {
      input.value = text;
      return excuse(problem);
    }
    keepDraft(key, input.value);
    await state.load().catch(excuse);
    // One more: lists are written in one go.
    input.scrollIntoView({ block: "nearest" });
  });
  return h("div", { class: "adding" }, button, form);
}

const moreLists = h(
  "div",
  { class: "list more" },
  adder(t("add_list"), t("list_name"), 60, "new-list", (name) => call("POST", "lists", { name })),
);

const seen = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const view = lists.get(Number(/** @type {HTMLElement} */ (target).dataset.list));
      view?.jump.setAttribute("aria-current", String(isIntersecting));
    }
  },
  { root: board, threshold: 0.6 },
);

/** @param {import("./state.js").Card} card */
function viewOf(card) {
  const view = cards.get(card.id) ?? new CardView(card.id);
  cards.set(card.id, view);
  view.update(card);
  return view;
}

export function render() {
  const held = whereFocused();
  const present = new Set(state.cards.map((card) => card.id));
  for (const id of cards.keys()) if (!present.has(id)) cards.delete(id);
  for (const list of state.lists) {
    if (!lists.has(list.id)) lists.set(list.id, new ListView(list.id));
    lists.get(list.id)?.update(list);
  }
  const views = state.lists.flatMap((list) => lists.get(list.id) ?? []);
  arrange(board, [...views.map((view) => view.element), moreLists]);
  arrange(jumps, views.map((view) => view.jump));
  board.setAttribute("aria-busy", "false");
  if (held && !board.contains(document.activeElement)) focusNear(held.id, held);
}

/** The card that has the focus, and its place as it is shown. */
function whereFocused() {
  const link = /** @type {HTMLElement | null} */ (board.querySelector("a[data-card]:focus"));
  const slot = link?.closest(".slot");
  const list = /** @type {HTMLElement | null | undefined} */ (link?.closest("[data-list]"));
  if (!link || !slot?.parentElement || !list) return null;
  const position = [...slot.parentElement.children].indexOf(slot);
  return { id: Number(link.dataset.card), list: Number(list.dataset.list), position };
}

/** To a card; gone, to who stands in its place, else to what makes a new one there. */
/** @param {number} id @param {{list: number, position: number}} place */
export function focusNear(id, { list, position }) {
  const others = state.in(list);
  const heir = others[Math.min(Math.max(0, position), others.length - 1)];
  const target = linkOf(id) ?? linkOf(heir?.id) ?? lists.get(list)?.adder.querySelector(".add") ?? board;
  target.focus();
}

/** @param {number} id */
export const linkOf = (id) => cards.get(id)?.link;
/** @param {number} id */
export const slotOf = (id) => cards.get(id)?.element;
