/** What the board says aloud: a line for screen readers, and a note for everybody. */

import { Problem } from "./api.js";
import { h } from "./dom.js";
import { t } from "./page.js";

const status = /** @type {HTMLElement} */ (document.getElementById("status"));
const note = /** @type {HTMLElement} */ (document.getElementById("note"));
const SHOWN_MS = 7_000;
let timer = 0;

/** Outside an open modal dialog nothing is heard and nothing can be clicked. */
function settle(home = document.querySelector("dialog:modal") ?? document.body) {
  if (note.parentElement !== home) home.append(status, note);
}

/** The dialog is about to be emptied: what is said stays. */
export function comeHome() {
  const shown = note.matches(":popover-open");
  settle(document.body);
  if (shown && !note.matches(":popover-open")) note.showPopover();
}

/** @param {string} text */
export function announce(text) {
  settle();
  status.textContent = text;
}

/** @param {string} text @param {{label: string, act: () => void}} [action] */
export function tell(text, action) {
  clearTimeout(timer);
  settle();
  const act = () => {
    hide();
    action?.act();
  };
  note.replaceChildren(h("span", {}, text));
  if (action) note.append(h("button", { type: "button", click: act }, action.label));
  // Shown anew, it lies above a dialog that was opened since.
  if (note.matches(":popover-open")) note.hidePopover();
  note.showPopover();
  announce(text);
  timer = setTimeout(hideUnlessUsed, SHOWN_MS);
}

function hideUnlessUsed() {
  if (note.matches(":hover, :focus-within")) timer = setTimeout(hideUnlessUsed, SHOWN_MS);
  else hide();
}

function hide() {
  clearTimeout(timer);
  note.hidePopover();
}

/** Say what went wrong. @param {unknown} problem */
export function excuse(problem) {
  if (!(problem instanceof Problem)) throw problem;
  if (problem.status !== 401) tell(problem.message || t("error"));
}
