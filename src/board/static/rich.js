/** Text as people wrote it, with its @names and addresses made visible. */

import { h } from "./dom.js";
import { state } from "./state.js";

/** @param {string} text @returns {Node[]} */
export function rich(text) {
  const names = [...state.users.values()].map((user) => user.name);
  names.sort((a, b) => b.length - a.length);
  const either = names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}_])(@(?:${either})(?![A-Za-z0-9_])|https?://[^\\s<>"]+)`, "giu");
  return text.normalize("NFC").split(pattern).map((part, index) => (index % 2 ? special(part) : new Text(part)));
}

/** @param {string} part */
function special(part) {
  if (part.startsWith("@")) return h("span", { class: "mention" }, part);
  return h("a", { href: part, rel: "noopener noreferrer nofollow", target: "_blank" }, part);
}
