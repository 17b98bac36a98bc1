/** The board by mouse, pen and finger.  A finger has to rest first: a quick one scrolls. */

import { slotOf } from "./board.js";
import { excuse } from "./notes.js";
import { state } from "./state.js";

const START_PX = 6;
const REST_MS = 350;
/** So near to an edge the board and the list come along, the faster the nearer. */
const EDGE_PX = 72;
const SPEED_PX_S = 1_200;
/** Who stays there wants to go far: so many times faster at the most, gaining one each second. */
const RUSH = 6;
/** A page that was busy makes no leap. */
const FRAME_MS = 50;

const board = /** @type {HTMLElement} */ (document.getElementById("board"));

/** @type {Drag | null} */
let drag = null;

/** The card itself moves through the lists as it will stand there; the state learns of it at the end. */
class Drag {
  /** @type {HTMLElement | null} */
  #ghost = null;
  #timer = 0;
  #frame = 0;
  #painted = 0;
  /** Seconds at an edge. */
  #rush = 0;

  /** @param {HTMLElement} link @param {PointerEvent} event */
  constructor(link, event) {
    this.link = link;
    this.id = Number(link.dataset.card);
    this.slot = /** @type {HTMLElement} */ (slotOf(this.id));
    this.pointer = event.pointerId;
    this.start = { x: event.clientX, y: event.clientY };
    this.at = this.start;
    this.from = state.place(this.id);
    if (event.pointerType !== "mouse") this.#timer = setTimeout(() => this.lift(), REST_MS);
    this.isMouse = event.pointerType === "mouse";
    this.focused = false;
  }

  get lifted() {
    return this.#ghost !== null;
  }

  /** @param {PointerEvent} event */
  move(event) {
    this.at = { x: event.clientX, y: event.clientY };
    if (this.lifted) return;
    if (Math.hypot(this.at.x - this.start.x, this.at.y - this.start.y) <= START_PX) return;
    if (this.isMouse) this.lift();
    else stop(); // it scrolls
  }

  lift() {
    state.hold();
    this.focused = document.activeElement === this.link;
    const box = this.link.getBoundingClientRect();
    const ghost = /** @type {HTMLElement} */ (this.link.cloneNode(true));
    ghost.removeAttribute("data-card");
    ghost.setAttribute("aria-hidden", "true");
    ghost.tabIndex = -1;
    ghost.classList.add("ghost");
    ghost.style.width = `${box.width}px`;
    ghost.style.left = `${box.left}px`;
    ghost.style.top = `${box.top}px`;
    document.body.append(ghost);
    document.body.classList.add("dragging");
    this.slot.classList.add("lifted");
    this.#ghost = ghost;
    this.#painted = performance.now();
    this.#frame = requestAnimationFrame(this.#paint);
  }

  /** Once a frame, however many moves came. @param {number} now */
  #paint = (now) => {
    const { x, y } = this.at;
    this.#ghost?.style.setProperty("translate", `${x - this.start.x}px ${y - this.start.y}px`);
    const list = this.#under();
    this.#scroll(list, Math.min(FRAME_MS, Math.max(0, now - this.#painted)) / 1000);
    this.#painted = now;
    if (list) this.#settle(list);
    this.#frame = requestAnimationFrame(this.#paint);
  };

  /** The list at the pointer, or at the edge that it has left the board by. */
  #under() {
    const { left, right, top, bottom } = board.getBoundingClientRect();
    const x = Math.min(Math.max(this.at.x, left + 1), right - 1);
    const y = Math.min(Math.max(this.at.y, top + 1), Math.min(bottom, innerHeight) - 1);
    return document.elementFromPoint(x, y)?.closest("[data-list]");
  }

  /** @param {Element | null | undefined} list @param {number} seconds */
  #scroll(list, seconds) {
    const { x, y } = this.at;
    const most = SPEED_PX_S * seconds * Math.min(RUSH, 1 + this.#rush);
    const { left, right } = board.getBoundingClientRect();
    const across = nearness(x, left, right);
    const cards = list?.querySelector(".cards");
    const { top = 0, bottom = 0 } = cards?.getBoundingClientRect() ?? {};
    const along = nearness(y, top, bottom);
    this.#rush = across || along ? this.#rush + seconds : 0;
    pull(board, most * across, 0);
    if (cards) pull(cards, 0, most * along);
    // Where there is little height the page itself scrolls.
    const page = document.scrollingElement;
    if (page && page.scrollHeight > innerHeight) pull(page, 0, most * nearness(y, 0, innerHeight));
  }

  /** @param {Element} list */
  #settle(list) {
    const cards = /** @type {Element} */ (list.querySelector(".cards"));
    const others = [...cards.children].filter((slot) => slot !== this.slot);
    const before = others[placeAmong(others, this.at.y)] ?? null;
    const there = this.slot.parentElement === cards && this.slot.nextElementSibling === before;
    if (!there) cards.insertBefore(this.slot, before);
  }

  drop() {
    const list = Number(/** @type {HTMLElement} */ (this.slot.closest("[data-list]")).dataset.list);
    const position = [...(this.slot.parentElement?.children ?? [])].indexOf(this.slot);
    this.end();
    const moved = list !== this.from.list || position !== this.from.position;
    if (moved) state.move(this.id, list, position);
    const sent = moved ? state.sendMove(this.id, this.from).catch(excuse) : Promise.resolve();
    sent.then(() => state.release()).catch(excuse);
  }

  cancel() {
    if (!this.lifted) return this.end();
    this.end();
    state.move(this.id, this.from.list, this.from.position);
    state.release().catch(excuse);
  }

  end() {
    clearTimeout(this.#timer);
    cancelAnimationFrame(this.#frame);
    this.#ghost?.remove();
    document.body.classList.remove("dragging");
    this.slot.classList.remove("lifted");
    // Moving through the lists it has lost the focus.
    if (this.focused) this.link.focus({ preventScroll: true });
  }
}

function stop() {
  drag?.cancel();
  drag = null;
}

export function listenToPointers() {
  board.addEventListener("pointerdown", (event) => {
    const link = event.target instanceof Element && event.target.closest("[data-card]");
    if (drag || !link || event.button !== 0 || event.ctrlKey || event.metaKey) return;
    drag = new Drag(/** @type {HTMLElement} */ (link), event);
  });
  addEventListener("pointermove", (event) => drag?.pointer === event.pointerId && drag.move(event));
  addEventListener("pointerup", (event) => {
    if (drag?.pointer !== event.pointerId) return;
    if (drag.lifted) {
      drag.drop();
      swallowClick();
    } else drag.end();
    drag = null;
  });
  addEventListener("pointercancel", (event) => drag?.pointer === event.pointerId && stop());
  addEventListener("keydown", (event) => event.key === "Escape" && stop());
  addEventListener("blur", stop);
  // Only a listener that is not passive can keep the page from scrolling under a lifted card.
  board.addEventListener("touchmove", (event) => drag?.lifted && event.preventDefault(), { passive: false });
  board.addEventListener("contextmenu", (event) => drag?.lifted && event.preventDefault());
}

/** The click that ends a drag opens nothing. */
function swallowClick() {
  const swallow = (/** @type {Event} */ event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  addEventListener("click", swallow, { capture: true, once: true });
  setTimeout(() => removeEventListener("click", swallow, { capture: true }));
}

/** How many of these stand above; they are in order, so few need to be looked at. */
/** @param {Element[]} slots @param {number} y */
function placeAmong(slots, y) {
  let low = 0;
  let high = slots.length;
  while (low < high) {
    const at = (low + high) >> 1;
    const { top, height } = slots[at].getBoundingClientRect();
    if (top + height / 2 < y) low = at + 1;
    else high = at;
  }
  return low;
}

/** From -1 at the low edge, or beyond, to 1 at the high one. @param {number} at @param {number} low @param {number} high */
function nearness(at, low, high) {
  // In a small box both edges are near: its middle stays calm.
  const edge = Math.min(EDGE_PX, (high - low) / 4);
  if (edge <= 0) return 0;
  if (at < low + edge) return -Math.min(1, (low + edge - at) / edge);
  return at > high - edge ? Math.min(1, (at - high + edge) / edge) : 0;
}

/** @param {Element} element @param {number} x @param {number} y */
function pull(element, x, y) {
  if (x || y) element.scrollBy({ left: x, top: y, behavior: "instant" });
}
