/** Building elements without markup: safe under a strict CSP and Trusted Types. */

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K | `${K}.${string}`} name a tag; what follows the dot is its class and its part
 * @param {Record<string, any>} [props] functions become listeners, the rest attributes
 * @param {Child[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(name, props, ...children) {
  const [tag, part] = name.split(".");
  const element = /** @type {HTMLElementTagNameMap[K]} */ (document.createElement(tag));
  set(element, { class: part, part, ...props });
  element.append(.../** @type {Node[]} */ (children.filter(Boolean)));
  return element;
}

/** @param {Element} element @param {Record<string, any>} props */
export function set(element, props) {
  for (const key in props) {
    const value = props[key];
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value == null) element.removeAttribute(key);
    else if (element.getAttribute(key) !== `${value}`) element.setAttribute(key, value);
  }
}

/** Sets a text only when it differs, so that nothing is announced or painted again. */
/** @param {Element} element @param {string} [text] */
export function say(element, text = "") {
  if (element.textContent !== text) element.textContent = text;
}

/** Makes these the children, moving nothing that is in its place. */
/** @param {Element} parent @param {Node[]} nodes */
export function arrange(parent, nodes) {
  for (const child of [...parent.childNodes]) if (!nodes.includes(child)) child.remove();
  nodes.forEach((node, at) => {
    const there = parent.childNodes[at];
    if (there !== node) parent.insertBefore(node, there || null);
  });
}

/** @param {string} path */
export function icon(path) {
  const [svg, shape] = ["svg", "path"].map((name) =>
    document.createElementNS("http://www.w3.org/2000/svg", name),
  );
  set(svg, { viewBox: "0 0 24 24", "aria-hidden": true });
  set(shape, { d: path });
  svg.append(shape);
  return svg;
}

export const BELL = "M6 9a6 6 0 0 1 12 0c0 6 2 7 2 8H4c0-1 2-2 2-8M10 20a2 2 0 0 0 4 0";
export const CHECK = "M5 13l4 4L19 7";
export const DOT = "M12 8a4 4 0 1 0 .01 0";
export const BOX = "M4 8h16v11H4zM3 5h18v3H3zM10 12h4";
export const CROSS = "M6 6l12 12M18 6L6 18";

/** Makes it a button of one icon. */
/** @template {Element} E @param {E} button @param {string} title @param {string} path */
export function label(button, title, path) {
  set(button, { "aria-label": title, title });
  button.replaceChildren(icon(path));
  return button;
}

/** A link that may be followed: http(s) or relative, never a script. */
/** @param {string | null} [url] */
export function safe(url) {
  try {
    return url && /^http/.test(new URL(url, document.baseURI).protocol) ? url : null;
  } catch {
    return null;
  }
}

/** A real link when there is somewhere to go, so that all of a browser's gestures work. */
/** @param {import("./types.d.ts").Notification} row @param {(event: Event) => void} click @param {Element} text */
export function linkTo({ url, actor }, click, text) {
  const href = safe(url);
  const image = safe(actor?.image);
  // Blocked or gone, an image leaves the initial.
  const img = image && h("img", { src: image, alt: "", error: () => /** @type {Element} */ (img).remove() });
  const face = h("span.avatar", { "aria-hidden": true }, actor?.name ? [...actor.name][0] : icon(BELL), img);
  const tag = href ? "a.link" : "button.link";
  return h(/** @type {"a.link"} */ (tag), { href, click, auxclick: click }, face, text);
}
