/** What the server put into the page: who reads it, and in which words. */

const block = /** @type {HTMLElement} */ (document.getElementById("page"));

/** @type {{me?: {id: number, name: string}, card?: number | null, next?: string, texts: Record<string, string>}} */
export const page = JSON.parse(block.textContent || "{}");

const locale = document.documentElement.lang;
const plurals = new Intl.PluralRules(locale);
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
const absolute = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "short" });

/** A sentence. @param {string} key @param {Record<string, string | number>} [fields] */
export function t(key, fields = {}) {
  return page.texts[key].replace(/\{(\w+)\}/g, (_, name) => String(fields[name]));
}

/** A sentence that counts. @param {string} key @param {number} n */
export function counted(key, n) {
  const form = `${key}.${plurals.select(n)}`;
  return t(form in page.texts ? form : `${key}.other`, { n });
}

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** "3 hours ago". @param {string} moment */
export function ago(moment) {
  const seconds = (Date.parse(moment) - Date.now()) / 1000;
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return t("now");
}

/** @param {string} moment */
export const when = (moment) => absolute.format(new Date(moment));

/** Two characters for a name: "ER", or "지우" of 김지우. @param {string} name */
export function initials(name) {
  if (/^[^\x00-\x7f\s]+$/.test(name)) return name.slice(-2);
  const words = name.split(/\s+/);
  return [words[0], ...words.slice(1).slice(-1)].map((word) => word[0]).join("").toUpperCase();
}
