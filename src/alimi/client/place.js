/** Where toasts and spoken words are: a modal dialog makes all that is outside of it inert. */

import { bellSheet } from "./styles.js";

/** What the bell's own rules and its page's give, so that a toast looks the same in a dialog. */
const LOOKS = ["font", "color-scheme", ...[..."astmlhr"].map((letter) => "--_" + letter)];

/** The page's topmost modal dialog, unless the element is in it. @param {Element} element */
export function modalOver(element) {
  const modals = [...document.querySelectorAll("dialog:modal")].reverse();
  // Nobody tells which came last, but the focus is in the one on top.
  const top = modals.find((modal) => modal.contains(document.activeElement)) || modals[0];
  return top && !top.contains(element) && top;
}

/**
 * @param {Element} bell
 * @param {ShadowRoot} root
 * @param {{element: HTMLElement, raise: () => void}} toasts
 * @param {Element} status
 * @returns {() => boolean} brings both to where they are heard and used, and says whether they moved
 */
export function makePlace(bell, root, { element, raise }, status) {
  const host = document.createElement("alimi-toasts");
  const guest = host.attachShadow({ mode: "open" });
  guest.adoptedStyleSheets = [bellSheet];
  return () => {
    const own = root.querySelector("dialog:modal");
    const modal = !own && bell.isConnected && modalOver(bell);
    const home = own || (modal ? guest : root);
    if (status.parentNode === home && (!modal || host.parentNode === modal)) return false;
    if (modal) {
      const looks = getComputedStyle(bell);
      for (const name of LOOKS) host.style.setProperty(name, looks.getPropertyValue(name));
      host.style.display = "contents";
      modal.append(host);
    } else host.remove();
    home.append(element, status);
    raise();
    return true;
  };
}
