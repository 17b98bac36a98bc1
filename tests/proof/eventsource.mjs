// Follows a stream with the npm package `eventsource`; each event is a line of JSON.
// node eventsource.mjs URL USER
import { createRequire } from "node:module";

const require = createRequire(new URL("../client/package.json", import.meta.url));
const { EventSource } = require("eventsource");
const [url, user] = process.argv.slice(2);
const say = (...parts) => console.log(JSON.stringify(parts));

const source = new EventSource(url, {
  fetch: (input, init) =>
    fetch(input, {
      ...init,
      headers: { ...init.headers, Cookie: `user=${user}`, "Accept-Language": "ko" },
    }),
});
const hear = (event) => say(event.type, event.lastEventId, event.data);
for (const name of ["hello", "message", "change", "reset", "bye"]) {
  source.addEventListener(name, hear);
}
source.addEventListener("error", (error) => say("error", String(error.code ?? ""), "{}"));
// The package does not keep Node.js alive while it waits to come back.
setInterval(() => {}, 60_000);
