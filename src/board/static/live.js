/** The bell's stream tells when the board has changed; the board then looks for itself. */

import { refreshCard } from "./dialog.js";
import { excuse } from "./notes.js";
import { state } from "./state.js";

/** A short interruption is nobody's business. */
const PATIENCE_MS = 4_000;

const offline = /** @type {HTMLElement} */ (document.getElementById("offline"));
let timer = 0;

export function listenToBell() {
  document.addEventListener("alimi-signal", (event) => {
    const { name, data } = /** @type {CustomEvent} */ (event).detail;
    if (name === "board.changed") refresh(data?.card ?? null);
  });
  // Signals are not kept: whoever was away has to look.
  document.addEventListener("alimi-hello", () => refresh(null));
  document.addEventListener("alimi-reset", (event) => {
    // Somebody else has logged in with another tab: this page is theirs now, names and language.
    if (/** @type {CustomEvent} */ (event).detail.reason === "recipient") location.reload();
    else refresh(null);
  });
  document.addEventListener("alimi-state", showConnection);
}

/** @param {number | null} card */
function refresh(card) {
  Promise.all([state.load(), refreshCard(card)]).catch(excuse);
}

function showConnection() {
  const { state: connection } = /** @type {any} */ (document.querySelector("alimi-bell"));
  clearTimeout(timer);
  if (connection === "out") location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
  if (connection === "retry") timer = setTimeout(() => (offline.hidden = false), PATIENCE_MS);
  else if (connection === "live") offline.hidden = true;
}
