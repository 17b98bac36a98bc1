/** The SharedWorker: one feed for all tabs. Its name says whose and from where. */

import { Feed } from "./feed.js";

/** @typedef {import("./types.d.ts").News} News */

const scope = /** @type {any} */ (self);
const [, tag, base] = scope.name.split(" ");

/** @type {Set<MessagePort>} */
const ports = new Set();
const feed = new Feed(base, tag, (news) => ports.forEach((port) => port.postMessage(news)));

/** @param {MessageEvent} connection */
scope.onconnect = ({ ports: [port] }) => {
  ports.add(port);
  /** @param {MessageEvent<import("./types.d.ts").Word>} message */
  port.onmessage = ({ data }) => {
    if (data.t === "leave") ports.delete(port);
    else feed.hear(data, (news) => port.postMessage(news));
  };
};

addEventListener("online", () => feed.stream.poke());
