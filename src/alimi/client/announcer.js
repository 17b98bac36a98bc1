/** Speaks news to assistive technology: one polite region, batched. */

import { h } from "./dom.js";

/** At most one sentence in so many milliseconds, except for answers to the reader's own acts. */
const PAUSE = 5000;

export class Announcer {
  element = h("div", { role: "status", "aria-live": "polite", "aria-atomic": "true", class: "sr" });
  #news = 0;
  #latest = "";
  #timer = 0;
  #last = 0;

  /** @param {string} text */
  say(text) {
    // The same words again are a change as well.
    this.element.textContent = this.element.textContent === text ? text + "\u00a0" : text;
  }

  /** @param {string} text @param {() => import("./i18n.js").I18n} i18n */
  news(text, i18n) {
    this.#news++;
    this.#latest = text;
    this.#timer ||= setTimeout(
      () => {
        this.say(i18n().t("spoken", { n: this.#news, text: this.#latest }));
        this.#news = this.#timer = 0;
        this.#last = Date.now();
      },
      Math.max(250, this.#last + PAUSE - Date.now()),
    );
  }
}
