/** Signs outside the page's own area: its title, the app's icon, the desktop. */

/** @typedef {import("./types.d.ts").Notification} Notification */

/** "(3) …" before the title, whatever the application does to its title meanwhile. */
export class TitleBadge {
  #prefix = "";
  #observer = new MutationObserver(() => this.#apply());

  /** @param {number} count */
  show(count) {
    const bare = this.#bare();
    this.#prefix = count ? `(${count}) ` : "";
    if (document.title !== this.#prefix + bare) document.title = this.#prefix + bare;
    this.#observer.disconnect();
    if (count) this.#observer.observe(document.head, { childList: true, subtree: true, characterData: true });
    const { setAppBadge } = navigator;
    setAppBadge?.call(navigator, count).catch(() => {});
  }

  #bare() {
    const { title } = document;
    return this.#prefix && title.startsWith(this.#prefix) ? title.slice(this.#prefix.length) : title;
  }

  #apply() {
    const title = this.#prefix + this.#bare();
    if (document.title !== title) document.title = title;
  }
}

/** A notification of the system, for a hidden page whose reader has agreed. */
/** @param {Notification} row @param {() => void} click */
export function notifySystem(row, click) {
  if (!document.hidden || globalThis.Notification?.permission !== "granted") return;
  try {
    // The tag keeps several tabs from showing it several times.
    const shown = new Notification(row.message, { body: row.object?.name || "", tag: row.id });
    shown.onclick = () => (focus(), click(), shown.close());
  } catch {
    // Some phones allow it to service workers only.
  }
}
