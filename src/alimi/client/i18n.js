/** Texts, numbers and times in the reader's language. */

import { en, ko } from "./catalogues.js";

/** @typedef {import("./catalogues.js").Key} Key */
/** @typedef {Partial<Record<Key, import("./catalogues.js").Text>>} Catalogue */

/** @type {Map<string, Catalogue>} */
const catalogues = new Map(Object.entries({ en, ko }));

/** Adds a language, or replaces some texts of one. @param {string} lang @param {Catalogue} texts */
export function addCatalogue(lang, texts) {
  catalogues.set(lang, { ...catalogues.get(lang), ...texts });
  dispatchEvent(new CustomEvent("alimi-catalogue"));
}

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

export class I18n {
  /** @param {string} lang */
  constructor(lang) {
    const short = lang.split("-")[0];
    this.texts = catalogues.get(lang) || catalogues.get(short);
    // Texts and dates in two languages would be worse than English for both.
    this.lang = this.texts ? lang : "en";
    this.texts ||= en;
    this.number = new Intl.NumberFormat(this.lang);
    this.plural = new Intl.PluralRules(this.lang);
    this.relative = new Intl.RelativeTimeFormat(this.lang, { numeric: "auto", style: "short" });
  }

  /** @param {Key} key @param {{n?: number, text?: string}} [values] */
  t(key, { n = 0, text = "" } = {}) {
    let found = this.texts?.[key] ?? en[key];
    if (typeof found === "object") found = found[this.plural.select(n)] ?? found.other;
    return found.replace("{n}", this.number.format(n)).replace("{text}", () => text);
  }

  /** "5 min. ago" @param {Date} date */
  ago(date) {
    const seconds = (Date.now() - +date) / 1000;
    if (seconds > 6 * 86_400) return this.#date(date, { month: "short", day: "numeric" });
    for (const [unit, size] of UNITS) {
      if (seconds >= size) return this.relative.format(-Math.floor(seconds / size), unit);
    }
    return this.t("now");
  }

  /** "Today", "Yesterday", "March 3" @param {Date} date */
  day(date) {
    const days = Math.round((midnight(new Date()) - midnight(date)) / 864e5);
    if (days > 1) {
      const year = date.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
      return this.#date(date, { year, month: "long", day: "numeric", weekday: "long" });
    }
    const name = new Intl.RelativeTimeFormat(this.lang, { numeric: "auto" });
    const text = name.format(-Math.max(0, days), "day");
    return text[0].toLocaleUpperCase(this.lang) + text.slice(1);
  }

  /** @param {Date} date */
  full(date) {
    return this.#date(date, { dateStyle: "full", timeStyle: "short" });
  }

  /** @param {Date} date @param {Intl.DateTimeFormatOptions} options */
  #date(date, options) {
    return new Intl.DateTimeFormat(this.lang, options).format(date);
  }
}

/** @param {Date} date */
const midnight = (date) => new Date(date).setHours(0, 0, 0, 0);
