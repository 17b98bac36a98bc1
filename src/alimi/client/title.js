/** `title-badge`: the count before the page's title, and on the icon of an installed app. */

let prefix = "";

/** Puts the prefix before the title, whatever the application has made of it meanwhile. */
function retitle(was = prefix) {
  const { title } = document;
  const bare = was && title.startsWith(was) ? title.slice(was.length) : title;
  if (title !== prefix + bare) document.title = prefix + bare;
}

/** @type {MutationObserver | undefined} */
let observer;

/** @param {number} n */
function count(n) {
  const was = prefix;
  prefix = n ? `(${n}) ` : "";
  retitle(was);
  if (!observer) {
    observer = new MutationObserver(() => retitle());
    observer.observe(document.head, { childList: true, subtree: true, characterData: true });
  }
  navigator.setAppBadge?.(n).catch(() => {});
}

/** @type {import("./types.d.ts").MakeSign} */
export default () => ({ count, stop: () => count(0) });
