/** What the board says aloud: a line for screen readers, and a note for everybody. */

import { Problem } from "./api.js";
import { h } from "./dom.js";
import { t } from "./page.js";

const status = /** @type {HTMLElement} */ (document.getElementById("status"));
const note = /** @type {HTMLElement} */ (document.getElementById("note"));
const SHOWN_MS = 7_000;
let timer = 0;
/** Where the focus was before it came to the note. @type {HTMLElement | null} */
let home = null;

note.addEventListener("focusin", ({ relatedTarget: from }) => {
  if (from instanceof HTMLElement && !note.contains(from)) home = from;
});

/** @param {string} text */
export function announce(text) {
  status.textContent = text;
}

/** @param {string} text @param {{label: string, act: () => void}} [action] */
export function tell(text, action) {
  clearTimeout(timer);
  giveBack();
  const act = () => {
    hide();
    action?.act();
  };
  note.replaceChildren(h("span", {}, text));
  if (action) note.append(h("button", { type: "button", click: act }, action.label));
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
  giveBack();
  note.hidePopover();
}

/** The focus does not vanish with the note. */
function giveBack() {
  if (!note.matches(":focus-within")) return;
  const there = home?.isConnected && home.checkVisibility();
  (there ? home : document.getElementById("board"))?.focus();
}

/** Say what went wrong. @param {unknown} problem */
export function excuse(problem) {
  if (!(problem instanceof Problem)) throw problem;
  if (problem.status !== 401) tell(problem.message || t("error"));
}
