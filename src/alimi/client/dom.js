/** Building elements without markup: safe under a strict CSP and Trusted Types. */

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, any>} [props] functions become listeners, the rest attributes
 * @param {Child[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(name, props = {}, ...children) {
  const element = document.createElement(name);
  set(element, props);
  element.append(.../** @type {Node[]} */ (children.filter(Boolean)));
  return element;
}

/** @param {Element} element @param {Record<string, any>} props */
export function set(element, props) {
  for (const [key, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value === null || value === undefined || value === false) element.removeAttribute(key);
    else if (element.getAttribute(key) !== `${value}`) element.setAttribute(key, value);
  }
}

/** Sets a text only when it differs, so that nothing is re-announced or re-painted. */
/** @param {Element} element @param {string} text */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Makes these the children, moving nothing that is in its place. */
/** @param {Element} parent @param {Node[]} nodes */
export function arrange(parent, nodes) {
  const keep = new Set(nodes);
  for (const child of [...parent.childNodes]) if (!keep.has(child)) child.remove();
  nodes.forEach((node, at) => {
    if (parent.childNodes[at] !== node) parent.insertBefore(node, parent.childNodes[at] || null);
  });
}

const SVG = "http://www.w3.org/2000/svg";

/** @param {string} path */
export function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

export const BELL = "M6 9a6 6 0 0 1 12 0c0 6 2 7 2 8H4c0-1 2-2 2-8M10 20a2 2 0 0 0 4 0";
export const CHECK = "M5 13l4 4L19 7";
export const DOT = "M12 8a4 4 0 1 0 .01 0";
export const BOX = "M4 8h16v11H4zM3 5h18v3H3zM10 12h4";
export const UNBOX = "M4 8h16v11H4zM3 5h18v3H3zM12 17v-5M10 14l2-2 2 2";
export const CROSS = "M6 6l12 12M18 6L6 18";

/** A link that may be followed: http(s) or relative, never a script. */
/** @param {string | null | undefined} url */
export function safe(url) {
  try {
    return url && /^https?:$/.test(new URL(url, document.baseURI).protocol) ? url : null;
  } catch {
    return null;
  }
}
