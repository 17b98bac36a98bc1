/** Texts, numbers and times in the reader's language. */

import { en, ko } from "./catalogues.js";

/** @typedef {import("./catalogues.js").Key} Key */
/** @typedef {Partial<Record<Key, import("./catalogues.js").Text>>} Catalogue */

/** @type {Record<string, Catalogue>} */
const catalogues = { en, ko };

/** Adds a language, or replaces some texts of one. @param {string} lang @param {Catalogue} texts */
export function addCatalogue(lang, texts) {
  catalogues[lang] = { ...catalogues[lang], ...texts };
}

export class I18n {
  /** @param {string} lang */
  constructor(lang) {
    const texts = catalogues[lang] || catalogues[lang.split("-")[0]];
    // Texts and dates in two languages would be worse than English for both.
    this.lang = texts ? lang : "en";
    this.texts = { ...en, ...texts };
  }

  /** @param {Key} key @param {number} [n] @param {string} [text] */
  t(key, n = 0, text = "") {
    const found = this.texts[key];
    const words = typeof found === "function" ? found(n) : found;
    return words.replace("{n}", this.number(n)).replace("{text}", () => text);
  }

  /** @param {number} n */
  number(n) {
    return n.toLocaleString(this.lang);
  }

  /** @param {number} n @param {Intl.RelativeTimeFormatUnit} unit @param {"long" | "short"} style */
  #relative(n, unit, style) {
    return new Intl.RelativeTimeFormat(this.lang, { numeric: "auto", style }).format(-n, unit);
  }

  /** "5 min. ago"; from yesterday on, the hour: the day stands above it. @param {Date} date */
  ago(date) {
    const minutes = Math.floor((Date.now() - +date) / 60_000);
    if (minutes < 1) return this.t("now");
    if (minutes < 60) return this.#relative(minutes, "minute", "short");
    if (!daysSince(date)) return this.#relative(Math.floor(minutes / 60), "hour", "short");
    return date.toLocaleTimeString(this.lang, { timeStyle: "short" });
  }

  /** "Today", "Yesterday", "Monday, March 3" @param {Date} date */
  day(date) {
    const days = daysSince(date);
    const text =
      days > 1
        ? date.toLocaleDateString(this.lang, { dateStyle: days > 300 ? "long" : "full" })
        : this.#relative(Math.max(0, days), "day", "long");
    return text[0].toLocaleUpperCase(this.lang) + text.slice(1);
  }

  /** @param {Date} date */
  full(date) {
    return date.toLocaleString(this.lang, { dateStyle: "full", timeStyle: "short" });
  }
}

/** @param {Date} date */
const daysSince = (date) => Math.round((midnight() - midnight(date)) / 864e5);
/** @param {Date} [date] */
const midnight = (date = new Date()) => new Date(date).setHours(0, 0, 0, 0);
