/** The board by mouse, pen and finger.  A finger has to rest first: a quick one scrolls. */

import { slotOf } from "./board.js";
import { excuse } from "./notes.js";
import { state } from "./state.js";

const START_PX = 6;
const REST_MS = 350;
const EDGE_PX = 56;
const SCROLL_PX = 14;

/** @type {Drag | null} */
let drag = null;

class Drag {
  /** @type {HTMLElement | null} */
  #ghost = null;
  #timer = 0;
  #frame = 0;

  /** @param {HTMLElement} link @param {PointerEvent} event */
  constructor(link, event) {
    this.link = link;
    this.id = Number(link.dataset.card);
    this.pointer = event.pointerId;
    this.start = { x: event.clientX, y: event.clientY };
    this.at = this.start;
    this.from = state.place(this.id);
    if (event.pointerType !== "mouse") this.#timer = setTimeout(() => this.lift(), REST_MS);
    this.isMouse = event.pointerType === "mouse";
  }

  get lifted() {
    return this.#ghost !== null;
  }

  /** @param {PointerEvent} event */
  move(event) {
    this.at = { x: event.clientX, y: event.clientY };
    const far = Math.hypot(this.at.x - this.start.x, this.at.y - this.start.y) > START_PX;
    if (!this.lifted && far) {
      if (this.isMouse) this.lift();
      else stop(); // it scrolls
    }
    if (this.lifted) this.#follow();
  }

  lift() {
    state.hold();
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
    slotOf(this.id)?.classList.add("lifted");
    this.#ghost = ghost;
    this.#scroll();
    this.#follow();
  }

  #follow() {
    const { x, y } = this.at;
    this.#ghost?.style.setProperty("translate", `${x - this.start.x}px ${y - this.start.y}px`);
    const list = document.elementFromPoint(x, y)?.closest("[data-list]");
    if (!list) return;
    const id = Number(/** @type {HTMLElement} */ (list).dataset.list);
    const others = [...list.querySelectorAll(".slot:not(.lifted)")];
    const position = others.filter((slot) => middle(slot) < y).length;
    const now = state.place(this.id);
    if (now.list !== id || now.position !== position) state.move(this.id, id, position);
  }

  /** Near an edge the board and the list come along. */
  #scroll = () => {
    const board = /** @type {HTMLElement} */ (document.getElementById("board"));
    const box = board.getBoundingClientRect();
    board.scrollLeft += towards(this.at.x, box.left, box.right);
    const cards = document.elementFromPoint(this.at.x, this.at.y)?.closest(".list")?.querySelector(".cards");
    if (cards) {
      const { top, bottom } = cards.getBoundingClientRect();
      cards.scrollTop += towards(this.at.y, top, bottom);
    }
    this.#frame = requestAnimationFrame(this.#scroll);
  };

  drop() {
    const now = state.place(this.id);
    const moved = now.list !== this.from.list || now.position !== this.from.position;
    this.end();
    const sent = moved ? state.sendMove(this.id, this.from).catch(excuse) : Promise.resolve();
    sent.then(() => state.release()).catch(excuse);
  }

  cancel() {
    if (!this.lifted) return this.end();
    state.move(this.id, this.from.list, this.from.position);
    this.end();
    state.release().catch(excuse);
  }

  end() {
    clearTimeout(this.#timer);
    cancelAnimationFrame(this.#frame);
    this.#ghost?.remove();
    document.body.classList.remove("dragging");
    slotOf(this.id)?.classList.remove("lifted");
  }
}

function stop() {
  drag?.cancel();
  drag = null;
}

/** @param {HTMLElement} board */
export function listenToPointers(board) {
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

/** @param {Element} slot */
function middle(slot) {
  const { top, height } = slot.getBoundingClientRect();
  return top + height / 2;
}

/** @param {number} at @param {number} low @param {number} high */
function towards(at, low, high) {
  if (at < low + EDGE_PX) return -SCROLL_PX;
  return at > high - EDGE_PX ? SCROLL_PX : 0;
}
