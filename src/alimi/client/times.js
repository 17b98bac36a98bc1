/** Days and times in the reader's language. */

/** @typedef {import("./i18n.js").I18n} I18n */

/** "5 min. ago"; from yesterday on, the hour: the day stands above it. */
/** @param {I18n} i18n @param {Date} date */
export function ago(i18n, date) {
  const minutes = Math.floor((Date.now() - +date) / 60_000);
  if (minutes < 1) return i18n.t("now");
  if (minutes < 60) return relative(i18n, minutes, "minute", "short");
  if (!daysSince(date)) return relative(i18n, Math.floor(minutes / 60), "hour", "short");
  return date.toLocaleTimeString(i18n.lang, { timeStyle: "short" });
}

/** "Today", "Yesterday", "Monday, March 3" @param {I18n} i18n @param {Date} date */
export function day(i18n, date) {
  const days = daysSince(date);
  const text =
    days > 1
      ? date.toLocaleDateString(i18n.lang, { dateStyle: days > 300 ? "long" : "full" })
      : relative(i18n, Math.max(0, days), "day", "long");
  return text[0].toLocaleUpperCase(i18n.lang) + text.slice(1);
}

/** @param {I18n} i18n @param {Date} date */
export function full({ lang }, date) {
  return date.toLocaleString(lang, { dateStyle: "full", timeStyle: "short" });
}

/** @param {I18n} i18n @param {number} n @param {Intl.RelativeTimeFormatUnit} unit @param {"long" | "short"} style */
function relative({ lang }, n, unit, style) {
  return new Intl.RelativeTimeFormat(lang, { numeric: "auto", style }).format(-n, unit);
}

/** @param {Date} date */
const daysSince = (date) => Math.round((midnight() - midnight(date)) / 864e5);
/** @param {Date} [date] */
const midnight = (date = new Date()) => new Date(date).setHours(0, 0, 0, 0);
