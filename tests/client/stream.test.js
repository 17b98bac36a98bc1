import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { Backoff } from "../../src/alimi/client/backoff.js";
import { Feed } from "../../src/alimi/client/feed.js";
import { Stream } from "../../src/alimi/client/stream.js";
import { recorder, serve, stream } from "./server.js";

const limit = { timeout: 10_000 };
/** @type {(() => void)[]} */
let after = [];
afterEach(() => {
  for (const end of after.splice(0)) end();
});

/** @param {Parameters<typeof serve>[0]} script @param {Partial<import("../../src/alimi/client/stream.js").StreamOptions>} [options] */
async function open(script, options) {
  const server = await serve(script);
  const states = recorder();
  const events = recorder();
  const made = new Stream({
    url: server.base,
    onState: (state) => states.add(state),
    onEvent: (event) => events.add(event),
    ...options,
  });
  after.push(() => made.close(), server.stop);
  made.open();
  return { server, states, events, stream: made };
}

test("after a cut it resumes from the last id, at the pace of retry (G5)", limit, async () => {
  const { server, events } = await open((question, answer, nth) => {
    stream(answer, `retry: 100\n\nid: t.${nth}\ndata: ${nth}\n\nid: t.9`);
    if (nth < 3) answer.end();
  });
  await events.until((log) => log.length === 3);
  assert.deepEqual(server.asked.map((q) => q.headers["last-event-id"]), [undefined, "t.1", "t.2"]);
  assert.equal(server.asked[0].headers.accept, "text/event-stream");
});

for (const status of [500, 502, 503, 429, 404]) {
  test(`a ${status} is tried again and the stream lives after it`, limit, async () => {
    const { states, server } = await open((_, answer, nth) => {
      if (nth > 1) return stream(answer, "retry: 100\n\n");
      answer.writeHead(status).end();
    }, {});
    await states.until((log) => log.includes("live"));
    assert.deepEqual(states.log, ["connecting", "retry", "live"]);
    assert.equal(server.asked.length, 2);
  });
}

test("a 200 that is no event stream is tried again, not believed", limit, async () => {
  const { states } = await open((_, answer, nth) => {
    if (nth > 1) return stream(answer);
    answer.writeHead(200, { "content-type": "text/html" }).end("<h1>Portal</h1>");
  });
  await states.until((log) => log.includes("live"));
});

test("a refused connection is tried again", limit, async () => {
  const { states, stream: made } = await open((_, answer) => stream(answer));
  await states.until((log) => log.includes("live"));
  made.close();
  const states2 = recorder();
  const lost = new Stream({ url: "http://127.0.0.1:1/", onState: (s) => states2.add(s), onEvent() {} });
  after.push(() => lost.close());
  lost.open();
  await states2.until((log) => log.includes("retry"));
});

test("401 asks once for fresh credentials and goes on with them", limit, async () => {
  let asked = 0;
  const { states, server } = await open(
    (question, answer) => {
      if (question.headers.authorization === "Bearer new") return stream(answer);
      answer.writeHead(401).end();
    },
    { refresh: async () => (asked++, { Authorization: "Bearer new" }) },
  );
  await states.until((log) => log.includes("live"));
  assert.equal(asked, 1);
  assert.equal(server.asked.length, 2);
});

for (const [status, state] of /** @type {const} */ ([[401, "out"], [403, "denied"], [204, "out"]])) {
  test(`${status} ends in "${state}" and asks no more`, limit, async () => {
    let hooks = 0;
    const { states, server, stream: made } = await open(
      (_, answer) => answer.writeHead(status).end(),
      { refresh: async () => (hooks++, { Authorization: "Bearer old" }) },
    );
    await states.until((log) => log.includes(state));
    const before = server.asked.length;
    made.poke();
    await new Promise(setImmediate);
    assert.equal(server.asked.length, before);
    assert.equal(before, status === 401 ? 2 : 1);
    assert.equal(hooks, status === 401 ? 1 : 0);
    assert.equal(made.state, state);
  });
}

test("a log-in page behind a redirect is a sign-out", limit, async () => {
  const { states } = await open((question, answer) => {
    if (question.url === "/login") answer.writeHead(200, { "content-type": "text/html" }).end("log in");
    else answer.writeHead(302, { location: "/login" }).end();
  });
  await states.until((log) => log.includes("out"));
});

test("silence for two and a half pings ends the connection and opens another", limit, async () => {
  const { server, states } = await open((_, answer) => stream(answer, "retry: 100\n\n"), { ping: 80 });
  await server.until(2);
  assert.ok(states.log.includes("retry"));
});

test("pings keep the watchdog quiet", limit, async () => {
  const { server, events } = await open(
    (_, answer) => {
      stream(answer);
      const clock = setInterval(() => answer.write("event: ping\ndata: {}\n\n"), 40);
      answer.on("close", () => clearInterval(clock));
    },
    { ping: 80 },
  );
  await events.until((log) => log.length >= 10);
  assert.equal(server.asked.length, 1);
});

test("close() ends it for good; open() starts again with the cursor kept", limit, async () => {
  const { server, events, states, stream: made } = await open((_, answer) => stream(answer, "id: t.1\ndata: a\n\n"));
  await events.until((log) => log.length === 1);
  made.close();
  assert.equal(states.log.at(-1), "closed");
  made.open();
  await events.until((log) => log.length === 2);
  assert.equal(server.asked[1].headers["last-event-id"], "t.1");
});

test("a wait is cut short when the network is back", limit, async () => {
  const { server, states, stream: made } = await open((_, answer, nth) => {
    if (nth > 1) return stream(answer);
    answer.writeHead(503, { "retry-after": "600" }).end();
  });
  await states.until((log) => log.includes("retry"));
  await new Promise(setImmediate);
  made.poke();
  await states.until((log) => log.includes("live"));
  assert.equal(server.asked.length, 2);
});

test("back-off: an orderly end obeys retry alone, failures grow with jitter to a bound", () => {
  const low = new Backoff(() => 0);
  const high = new Backoff(() => 1);
  low.retry = high.retry = 1000;
  assert.equal(low.next(), 1000);
  for (const [failures, from, to] of [[1, 750, 1250], [3, 3000, 5000], [20, 22_500, 37_500]]) {
    low.failures = high.failures = failures;
    assert.deepEqual([low.next(), high.next()], [from, to]);
  }
  low.failures = 1;
  assert.equal(low.next("120"), 90_000, "Retry-After counts");
  low.retry = 1e12;
  assert.equal(low.next(), 600_000, "and no server can stop it for ever");
  low.failures = low.retry = 0;
  assert.equal(low.next(), 100, "nor make it spin");
});

test("a feed hands on nothing of another recipient: one word, and it is closed (G7)", limit, async () => {
  const server = await serve((_, answer) =>
    stream(answer, 'id: two.5\nevent: hello\ndata: {"unread":7,"unseen":7}\n\nid: two.6\ndata: {"id":"x"}\n\n'),
  );
  const news = recorder();
  const feed = new Feed(server.base, "one", (n) => news.add(n));
  after.push(() => feed.close(), server.stop);
  feed.hear({ t: "join", cursor: "one.3", headers: null }, () => {});
  await news.until((log) => log.some((n) => n.t === "tag"));
  await new Promise(setImmediate);
  assert.ok(!news.log.some((n) => n.t === "event"));
  assert.equal(feed.stream.state, "closed");
});

test("who joins a feed later is told where it stands", limit, async () => {
  const server = await serve((_, answer) =>
    stream(answer, 'id: one.5\nevent: hello\ndata: {"cursor":"one.5","version":5,"unread":7,"unseen":2}\n\n'),
  );
  const news = recorder();
  const feed = new Feed(server.base, "one", (n) => news.add(n));
  after.push(() => feed.close(), server.stop);
  feed.hear({ t: "join", cursor: "", headers: null }, () => {});
  await news.until((log) => log.some((n) => n.t === "event"));
  const reply = recorder();
  feed.hear({ t: "join", cursor: "one.4", headers: null }, (n) => reply.add(n));
  assert.deepEqual(reply.log, [
    { t: "snap", state: "live", cursor: "one.5", counts: { unread: 7, unseen: 2, cursor: "one.5" } },
  ]);
  assert.equal(server.asked.length, 1);
});
