/** What the tabs of one browser tell each other: somebody has logged in or out. */

const channel = new BroadcastChannel("board-session");

export function sessionChanged() {
  channel.postMessage(null);
}

/** @param {() => void} look */
export function onSessionChange(look) {
  channel.addEventListener("message", look);
}
