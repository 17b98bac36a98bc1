/** `system-notifications`: told by the system while the page is hidden and its reader has agreed. */

/** @type {import("./types.d.ts").MakeSign} */
export default (bell) => ({
  ring(row) {
    if (!document.hidden || globalThis.Notification?.permission !== "granted") return;
    try {
      // The tag keeps several tabs from showing it several times.
      const shown = new Notification(row.message, { body: row.object?.name || "", tag: row.id });
      shown.onclick = () => (focus(), bell.openRow(row, new Event("system")));
    } catch {
      // Some phones allow it to service workers only.
    }
  },
});
