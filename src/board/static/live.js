/** The bell's stream tells when the board has changed; the board then looks for itself. */

import { isOpen, refreshCard } from "./dialog.js";
import { announce, excuse } from "./notes.js";
import { state } from "./state.js";

/** A short interruption is nobody's business. */
const PATIENCE_MS = 4_000;
/** Not all pages look in the same instant. */
const SPREAD_MS = 150;
/** Changes that follow each other quickly are looked at together. */
const CALM_MS = 1_000;

const offline = /** @type {HTMLElement} */ (document.getElementById("offline"));
/** What changed since the last look; null stands for everything. @type {Set<number | null>} */
const changed = new Set();
let connectionTimer = 0;
let lookTimer = 0;
let looked = -CALM_MS;
/** The page is about to come anew. */
let leaving = false;

export function listenToBell() {
  document.addEventListener("alimi-signal", (event) => {
    const { name, data } = /** @type {CustomEvent} */ (event).detail;
    if (name !== "board.changed") return;
    changed.add(data?.card ?? null);
    const calm = Math.max(0, looked + CALM_MS - performance.now());
    lookTimer ||= setTimeout(look, calm + Math.random() * SPREAD_MS);
  });
  // Signals are not kept: whoever was away has to look.
  document.addEventListener("alimi-hello", lookAtAll);
  document.addEventListener("alimi-reset", (event) => {
    // Somebody else has logged in with another tab: this page is theirs now, names and language.
    leaving = /** @type {CustomEvent} */ (event).detail.reason === "recipient";
    if (leaving) location.reload();
    else lookAtAll();
  });
  document.addEventListener("visibilitychange", () => changed.size && look());
  document.addEventListener("alimi-state", showConnection);
  document.addEventListener("alimi-notification", hush);
}

function lookAtAll() {
  changed.add(null);
  look();
}

/** A page that nobody sees looks when it is seen again. */
function look() {
  clearTimeout(lookTimer);
  lookTimer = 0;
  if (document.hidden || leaving) return;
  looked = performance.now();
  const cards = [...changed];
  changed.clear();
  Promise.all([state.load(), refreshCard(cards)]).catch(excuse);
}

/** A comment that appears before the reader's eyes needs no toast; who listens hears it. @param {Event} event */
function hush(event) {
  const { kind, object, message } = /** @type {CustomEvent} */ (event).detail;
  if (kind !== "card.commented" || document.hidden || !isOpen(Number(object?.id))) return;
  event.preventDefault();
  announce(message);
}

function showConnection() {
  const { state: connection } = /** @type {any} */ (document.querySelector("alimi-bell"));
  clearTimeout(connectionTimer);
  if (connection === "out") location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
  if (connection === "retry") connectionTimer = setTimeout(() => (offline.hidden = false), PATIENCE_MS);
  else if (connection === "live" || connection === "polling") offline.hidden = true;
}
