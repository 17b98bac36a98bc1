/** What was begun and not sent outlives Escape, closing and reloading: in this tab, for this person. */

import { page } from "./page.js";

const PREFIX = "board-draft ";
const MINE = `${PREFIX}${page.me?.id} `;

/** @param {string} key */
export function draft(key) {
  try {
    return sessionStorage.getItem(MINE + key) ?? "";
  } catch {
    return "";
  }
}

/** Keep a text, or with "" forget it. @param {string} key @param {string} text */
export function keepDraft(key, text) {
  try {
    if (text.trim()) sessionStorage.setItem(MINE + key, text);
    else sessionStorage.removeItem(MINE + key);
  } catch {
    // Full or forbidden: then it lives as long as the page.
  }
}

/** Fills a field with what was begun in it, and keeps what is written. @param {HTMLInputElement | HTMLTextAreaElement} field @param {string} key */
export function withDraft(field, key) {
  field.value = draft(key);
  field.addEventListener("input", () => keepDraft(key, field.value));
}

/** Forget those that `whose` says: all of them by default. @param {(key: string) => boolean} [whose] */
export function forgetDrafts(whose = () => true) {
  try {
    for (const key of Object.keys(sessionStorage)) {
      if (key.startsWith(PREFIX) && whose(key)) sessionStorage.removeItem(key);
    }
  } catch {
    // There are none.
  }
}

/** Somebody else has used this tab before: their words are not shown to anybody here. */
export function forgetOthersDrafts() {
  forgetDrafts((key) => !key.startsWith(MINE));
}
