/** An application that has installed the package; compiled by its own tsc, run by nobody. */

import { addCatalogue, AlimiBell, type Notification } from "alimi";
import { Client } from "alimi/client.js";

addCatalogue("de", { title: "Mitteilungen", badge: (n) => `${n} neue`, "category:cards": "Karten" });
// @ts-expect-error a word that no bell says
addCatalogue("de", { titel: "Mitteilungen" });

const bell: AlimiBell | null = document.querySelector("alimi-bell");
if (bell) {
  bell.credentials = async () => ({ Authorization: "Bearer x" });
  // @ts-expect-error headers are texts
  bell.credentials = () => ({ Authorization: 1 });
  const unseen: number | undefined = bell.client?.store.counts.unseen;
  bell.addEventListener("alimi-counts", ({ detail }) => detail.unread + (unseen ?? 0));
}
document.createElement("alimi-bell").toggle();

document.addEventListener("alimi-notification", (event) => {
  const row: Notification = event.detail;
  if (row.object?.id === "12") event.preventDefault();
});
document.addEventListener("alimi-row", ({ detail: { element, extra, notification } }) => {
  extra.replaceChildren(element.title, notification.message);
});
// @ts-expect-error it is unread
window.addEventListener("alimi-counts", ({ detail }) => detail.unraed);

const client = new Client("/alimi/");
client.tell = (type, detail) => {
  if (type === "notification") console.log(detail.message);
  // @ts-expect-error counts have no message
  if (type === "counts") console.log(detail.message);
};
await client.start();
await client.mark({ action: "read", ids: ["1"] });
// @ts-expect-error no such action
await client.mark({ action: "reed", ids: ["1"] });
