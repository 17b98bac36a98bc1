/** Texts and numbers in the reader's language; times are in times.js. */

import { catalogues } from "./catalogues.js";

/** @typedef {import("./catalogues.js").Key} Key */
/** @typedef {Partial<Record<Key, import("./catalogues.js").Text>>} Catalogue */

/** Adds a language, or replaces some texts of one. @param {string} lang @param {Catalogue} texts */
export function addCatalogue(lang, texts) {
  catalogues[lang] = { ...catalogues[lang], ...texts };
}

export class I18n {
  /** @param {string} lang */
  constructor(lang) {
    const key = [lang, lang.split("-")[0]].find((one) => catalogues[one]);
    this.key = key || "en";
    // Texts and dates in two languages would be worse than English for both.
    this.lang = key ? lang : "en";
  }

  /** @param {Key} key @param {number} [n] @param {string} [text] */
  t(key, n = 0, text = "") {
    const found = catalogues[this.key][key] ?? catalogues.en[key] ?? "";
    const words = typeof found === "function" ? found(n) : found;
    return words.replace("{n}", this.number(n)).replace("{text}", () => text);
  }

  /** @param {number} n */
  number(n) {
    return n.toLocaleString(this.lang);
  }
}
