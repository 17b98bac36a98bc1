/** `favicon-badge`: the count on the page's icon in the tab strip. */

import { h, set } from "./dom.js";

/** @typedef {Record<string, string | null>} Looks the attributes that are ours as long as there is a badge */

/** Drawn at most so often, in milliseconds: each drawing is fetched by the browser as a new icon. */
const CALM = 1000;
/** Pixels; what a tab shows on a sharp screen. */
const SIZE = 64;

/** @type {import("./types.d.ts").MakeSign} */
export default (bell) => {
  /** What the page had said of its icons. @type {Map<Element, Looks>} */
  const kept = new Map();
  /** Where the page has no icon in its markup. @type {HTMLLinkElement | null} */
  let own = null;
  let drawn = "";
  let wanted = 0;
  let timer = 0;
  let stopped = false;

  const links = () =>
    [...document.querySelectorAll("link[rel~=icon i]")].filter((link) => link !== own);
  const watch = () =>
    observer.observe(document.head, {
      childList: true,
      subtree: true,
      attributeFilter: ["href", "rel", "type", "sizes"],
    });
  // The page has another icon now: that one is badged, and later restored.
  const observer = new MutationObserver(() => wanted && links().some(isNew) && later());
  /** @param {Element} link */
  const isNew = (link) => link.getAttribute("href") !== drawn;

  function later() {
    timer ||= setTimeout(() => {
      timer = 0;
      draw();
    }, CALM);
  }

  async function draw() {
    const n = wanted;
    if (!n) return restore();
    const last = adopt().at(-1);
    const image = await picture((last && kept.get(last)?.href) ?? "/favicon.ico");
    if (stopped || n !== wanted) return;
    const url = paint(image, n);
    change(() => {
      const found = adopt();
      if (found[0]) own?.remove();
      else if (!own?.isConnected) document.head.append((own = h("link", { rel: "icon" })));
      drawn = url;
      // Which of several a browser takes is its own affair: all of them show the same.
      for (const link of found[0] ? found : [own]) {
        if (link) set(link, { href: url, type: null, sizes: null });
      }
    });
  }

  /** What the page says of its icons, before it is replaced. */
  function adopt() {
    const found = links();
    for (const link of found) {
      // A page that changes the address alone means the rest to stay.
      if (isNew(link)) kept.set(link, { ...kept.get(link), ...looks(link) });
    }
    return found;
  }

  function restore() {
    change(() => {
      own?.remove();
      // What the page has changed meanwhile stays as it is.
      for (const [link, looks] of kept) if (link.getAttribute("href") === drawn) set(link, looks);
      kept.clear();
      drawn = "";
    });
  }

  /** Our own changes are no news. @param {() => void} act */
  function change(act) {
    observer.disconnect();
    act();
    if (!stopped) watch();
  }

  /** @param {CanvasImageSource | null} image @param {number} n */
  function paint(image, n) {
    const canvas = h("canvas", { width: SIZE, height: SIZE });
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    if (image) context.drawImage(image, 0, 0, SIZE, SIZE);
    const { backgroundColor, color } = getComputedStyle(bell.badge);
    const dot = bell.getAttribute("badge") === "dot";
    const radius = SIZE * (dot ? 0.25 : 0.36);
    const at = SIZE - radius;
    context.fillStyle = backgroundColor;
    context.beginPath();
    context.arc(at, at, radius, 0, 7);
    context.fill();
    if (!dot) {
      context.fillStyle = color;
      context.font = `700 ${radius * (n > 9 ? 1.15 : 1.6)}px system-ui,sans-serif`;
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.fillText(n > 9 ? "9+" : `${n}`, at, at + radius * 0.1);
    }
    return canvas.toDataURL();
  }

  watch();
  return {
    count(n) {
      if (n === wanted) return;
      wanted = n;
      later();
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
      restore();
    },
  };
};

/** @param {Element} link @returns {Looks} */
function looks(link) {
  /** @type {Looks} */
  const found = { href: link.getAttribute("href") };
  for (const name of ["type", "sizes"]) {
    if (link.hasAttribute(name)) found[name] = link.getAttribute(name);
  }
  return found;
}

/** @param {string} src @returns {Promise<HTMLImageElement | null>} null: it cannot be drawn upon */
function picture(src) {
  return new Promise((resolve) => {
    const image = new Image();
    // Another origin's icon without CORS would taint the canvas: then the badge stands alone.
    image.crossOrigin = "anonymous";
    image.onload = () => resolve(image);
    image.onerror = () => resolve(null);
    image.src = src;
  });
}
