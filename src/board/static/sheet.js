/** What lies over the board, an opened card or the archive.  All waits below it, but for the bell. */

const backdrop = /** @type {HTMLElement} */ (document.getElementById("backdrop"));
const below = document.querySelectorAll(".skip, .brand, .jumps, .account, #board");

/** @type {{dialog: HTMLDialogElement, leave: () => void} | null} */
let shown = null;

/** Show it, in the place of another. @param {HTMLDialogElement} dialog @param {() => void} leave what closes it */
export function lay(dialog, leave) {
  if (shown && shown.dialog !== dialog) shown.dialog.close();
  shown = { dialog, leave };
  wait(true);
  // Not showModal(): the bell, too, would be out of reach.
  if (!dialog.open) dialog.show();
  // Read what it is before changing anything of it; the first field would raise a phone's keys.
  dialog.focus({ preventScroll: true });
  dialog.scrollTop = 0;
}

/** Take it away.  The caller knows where the focus goes. */
export function lift() {
  const { dialog } = shown ?? {};
  shown = null;
  wait(false);
  dialog?.close();
}

/** @param {boolean} on */
function wait(on) {
  backdrop.hidden = !on;
  for (const element of below) element.toggleAttribute("inert", on);
}

/** Leaves the field first, then the sheet.  In the bell it has been the bell's. @param {KeyboardEvent} event */
function escape(event) {
  if (!shown || event.key !== "Escape" || event.defaultPrevented || event.isComposing) return;
  event.preventDefault();
  const field = shown.dialog.querySelector(":is(input, textarea, select):focus");
  if (field) shown.dialog.focus({ preventScroll: true });
  else shown.leave();
}

/** What had the focus is gone or hidden: the sheet takes it, not the page's ground. */
function keepFocus() {
  const focused = document.activeElement;
  const lost = !focused || focused === document.body || !focused.checkVisibility();
  if (shown && lost) shown.dialog.focus({ preventScroll: true });
}

export function listenToSheets() {
  backdrop.addEventListener("click", () => shown?.leave());
  document.addEventListener("keydown", escape);
  const changes = { childList: true, subtree: true, attributeFilter: ["hidden"] };
  // Later: on its way from one element to the next the focus is nowhere for a moment.
  new MutationObserver(() => setTimeout(keepFocus)).observe(document.body, changes);
}
