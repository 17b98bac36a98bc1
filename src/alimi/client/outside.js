/** Signs outside the page's own area: its title, the app's icon, the desktop. */

/** @typedef {import("./types.d.ts").Notification} Notification */

let prefix = "";

/** Puts the prefix before the title, whatever the application has made of it meanwhile. */
function retitle(was = prefix) {
  const { title } = document;
  const bare = was && title.startsWith(was) ? title.slice(was.length) : title;
  if (title !== prefix + bare) document.title = prefix + bare;
}

/** @type {MutationObserver | undefined} */
let observer;

/** "(3) …" before the title. @param {number} count */
export function badgeTitle(count) {
  const was = prefix;
  prefix = count ? `(${count}) ` : "";
  retitle(was);
  if (!observer) {
    observer = new MutationObserver(() => retitle());
    observer.observe(document.head, { childList: true, subtree: true, characterData: true });
  }
  navigator.setAppBadge?.(count).catch(() => {});
}

/** A notification of the system, for a hidden page whose reader has agreed. */
/** @param {Notification} row @param {() => void} click */
export function notifySystem({ message, object, id }, click) {
  if (!document.hidden || globalThis.Notification?.permission !== "granted") return;
  try {
    // The tag keeps several tabs from showing it several times.
    const shown = new Notification(message, { body: object?.name || "", tag: id });
    shown.onclick = () => (focus(), click());
  } catch {
    // Some phones allow it to service workers only.
  }
}
