/** The board's page. */

import { showAccount } from "./account.js";
import { listenToArchive } from "./archive.js";
import { render } from "./board.js";
import { listenToDialog, openCard } from "./dialog.js";
import { listenToPointers } from "./drag.js";
import { listenToKeys } from "./keys.js";
import { listenToBell } from "./live.js";
import { excuse } from "./notes.js";
import { listenToSheets } from "./sheet.js";
import { state } from "./state.js";

const board = /** @type {HTMLElement} */ (document.getElementById("board"));

state.addEventListener("change", render);
showAccount();
listenToBell();
listenToSheets();
listenToArchive();
listenToKeys(board);
listenToPointers();

// Without the address: a "#board" there would take the focus at each step back.
document.querySelector(".skip")?.addEventListener("click", (event) => {
  event.preventDefault();
  board.focus();
});

// The bell's links are real; here they need no new page.
document.addEventListener("alimi-open", (event) => {
  const { notification } = /** @type {CustomEvent} */ (event).detail;
  const id = Number(/^\/cards\/(\d+)$/.exec(notification.url ?? "")?.[1]);
  if (!id) return;
  event.preventDefault();
  openCard(id, "push");
});

state.load().then(listenToDialog).catch(excuse);
