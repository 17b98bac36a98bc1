/** Elements without HTML in strings: nothing a person typed is ever parsed. */

import { initials } from "./page.js";

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [props] attributes; functions listen; true and false add or leave out
 * @param {...(Node | string | null | false | undefined)} children
 * @returns {any}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  set(element, props);
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

/** @param {Element} element @param {Record<string, unknown>} props */
export function set(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(name, /** @type {any} */ (value));
    else if (value === false || value == null) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** @type {Record<string, string>} */
const PATHS = {
  archive: "M3 5h14v3H3zM4.500 8v8h11V8M8 11h4",
  close: "M5 5l10 10M15 5L5 15",
  comment: "M4 5h12v8H9l-3.500 3v-3H4z",
  edit: "M4 16l.700-3L13.500 4.200l2.300 2.300L7 15.300z",
  eye: "M2.500 10S5.200 5 10 5s7.500 5 7.500 5-2.700 5-7.500 5-7.500-5-7.500-5zM10 8a2 2 0 100 4 2 2 0 000-4",
  plus: "M10 4v12M4 10h12",
  text: "M4 6h12M4 10h12M4 14h7",
};

/** @param {string} name */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  set(svg, { viewBox: "0 0 20 20", class: "icon", "aria-hidden": "true" });
  const path = document.createElementNS(svg.namespaceURI || "", "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** A round sign for a person. @param {{id: number, name: string} | undefined} user */
export function face(user) {
  const tint = user ? `tint-${user.id % 8}` : "nobody";
  return h("span", { class: `face ${tint}`, "aria-hidden": "true" }, user ? initials(user.name) : "");
}

/**
 * Put children into an order, moving as few as needed and keeping the focus where it is.
 * @param {Element} parent @param {Element[]} wanted
 */
export function arrange(parent, wanted) {
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  const focused = document.activeElement;
  let at = parent.firstElementChild;
  for (const element of wanted) {
    if (element === at) at = at.nextElementSibling;
    else parent.insertBefore(element, at);
  }
  if (focused instanceof HTMLElement && focused !== document.activeElement && focused.isConnected) {
    focused.focus({ preventScroll: true });
  }
}
