/** The board by keyboard: arrows go from card to card; space picks one up, arrows move it. */

import { linkOf, slotOf } from "./board.js";
import { announce, excuse } from "./notes.js";
import { t } from "./page.js";
import { state } from "./state.js";

/** @type {{id: number, list: number, position: number} | null} what was picked up, and from where */
let grabbed = null;

/** @param {HTMLElement} board */
export function listenToKeys(board) {
  board.addEventListener("keydown", (event) => {
    const link = event.target instanceof Element && event.target.closest("[data-card]");
    if (!link || event.ctrlKey || event.metaKey || event.altKey) return;
    const id = Number(/** @type {HTMLElement} */ (link).dataset.card);
    if (grabbed ? onGrabbed(event.key) : onFree(id, event.key)) event.preventDefault();
  });
  // Leaving a card that is picked up puts it back: nobody moves what he no longer sees.
  board.addEventListener("focusout", (event) => {
    if (grabbed && event.target === linkOf(grabbed.id) && event.relatedTarget) cancel();
  });
}

/** @param {number} id @param {string} key */
function onFree(id, key) {
  if (key === " ") return grab(id);
  const to = neighbour(id, key);
  if (!to) return key.startsWith("Arrow");
  linkOf(to.id)?.focus();
  return true;
}

/** @param {string} key */
function onGrabbed(key) {
  if (key === " " || key === "Enter") return drop();
  if (key === "Escape") return cancel();
  return shift(key);
}

/** @param {number} id */
function grab(id) {
  const { list, position } = state.place(id);
  grabbed = { id, list, position };
  state.hold();
  slotOf(id)?.classList.add("grabbed");
  announce(t("move_grabbed", { title: state.card(id)?.title ?? "" }));
  return true;
}

/** @param {string} key */
function shift(key) {
  const step = steps()[key];
  if (!grabbed || !step) return false;
  const { list, position } = state.place(grabbed.id);
  const target = state.lists[state.lists.findIndex((each) => each.id === list) + step.lists];
  if (!target) return true;
  const room = state.in(target.id).length - (target.id === list ? 1 : 0);
  const wanted = position + step.places;
  if (wanted < 0 || (step.places && wanted > room)) return true;
  state.move(grabbed.id, target.id, Math.min(wanted, room));
  show(grabbed.id);
  announce(t("move_now", where(grabbed.id)));
  return true;
}

function drop() {
  if (!grabbed) return true;
  const { id, list, position } = grabbed;
  const now = state.place(id);
  finish(id);
  announce(t("move_dropped", where(id)));
  const moved = now.list !== list || now.position !== position;
  const sent = moved ? state.sendMove(id, { list, position }).catch(excuse) : Promise.resolve();
  sent.then(() => state.release()).catch(excuse);
  return true;
}

function cancel() {
  if (!grabbed) return true;
  const { id, list, position } = grabbed;
  state.move(id, list, position);
  finish(id);
  announce(t("move_cancelled", where(id)));
  state.release().catch(excuse);
  return true;
}

/** @param {number} id */
function finish(id) {
  grabbed = null;
  slotOf(id)?.classList.remove("grabbed");
  show(id);
}

/** @param {number} id */
function show(id) {
  linkOf(id)?.focus();
  slotOf(id)?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

/** @param {number} id */
function where(id) {
  const { list, position, count } = state.place(id);
  return {
    title: state.card(id)?.title ?? "",
    list: state.lists.find((each) => each.id === list)?.name ?? "",
    place: position + 1,
    count,
  };
}

/** @returns {Record<string, {lists: number, places: number}>} */
function steps() {
  const forward = getComputedStyle(document.body).direction === "rtl" ? -1 : 1;
  return {
    ArrowUp: { lists: 0, places: -1 },
    ArrowDown: { lists: 0, places: 1 },
    ArrowLeft: { lists: -forward, places: 0 },
    ArrowRight: { lists: forward, places: 0 },
  };
}

/** The card that an arrow leads to; lists without cards are skipped. @param {number} id @param {string} key */
function neighbour(id, key) {
  const step = steps()[key];
  if (!step) return undefined;
  const { list, position } = state.place(id);
  if (step.places) return state.in(list)[position + step.places];
  let at = state.lists.findIndex((each) => each.id === list) + step.lists;
  while (state.lists[at] && !state.in(state.lists[at].id).length) at += step.lists;
  const found = state.lists[at] ? state.in(state.lists[at].id) : [];
  return found[Math.min(position, found.length - 1)];
}
