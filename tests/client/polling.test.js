/** Where no stream gets through, news is asked for. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Feed } from "../../src/alimi/client/feed.js";
import { recorder, serve, stream } from "./server.js";

const limit = { timeout: 10_000 };
/** @type {(() => void)[]} */
let after = [];
beforeEach(() => mock.timers.enable({ apis: ["Date"], now: 1e12 }));
afterEach(() => {
  mock.timers.reset();
  for (const end of after.splice(0)) end();
});

/** @param {number} version @param {object} [more] */
const row = (version, more) => ({ id: "n" + version, version, seen_at: null, read_at: null, ...more });

/** An inbox behind a proxy that holds event streams back: what it says, and what was asked of it. */
async function held() {
  const inbox = { cursor: "one.3", items: /** @type {any[]} */ ([]), status: 200, headers: {} };
  /** The streams that were asked for, as answers that are still to be given. */
  const streams = recorder();
  const server = await serve((question, answer) => {
    if (question.url?.endsWith("stream")) return streams.add(answer);
    const { cursor, items, status } = inbox;
    const page = { unread: items.length, unseen: items.length, cursor, next: null };
    answer.writeHead(status, { "content-type": "application/json" });
    answer.end(JSON.stringify(question.url?.includes("counts") ? page : { ...page, items }));
  });
  const news = recorder();
  const feed = new Feed(server.base, "one", (n) => news.add(n));
  after.push(() => feed.close(), server.stop);
  feed.hear({ t: "join", cursor: "one.3", headers: null }, () => {});
  await server.until(1);
  return {
    inbox,
    streams,
    feed,
    news,
    /** What was asked for by now: a round trip of our own brings to light what is under way. */
    async asked() {
      await fetch(server.base + "stone");
      const paths = server.asked.map(({ url }) => url?.split("/").at(-1));
      return paths.filter((path) => path !== "stream" && path !== "stone");
    },
    /** A page that is looked at says so; the feed answers by what it does. @param {number} seconds */
    look(seconds) {
      mock.timers.setTime(Date.now() + seconds * 1000);
      feed.hear({ t: "poll" }, () => {});
    },
    /** @param {number} n how many answers there are to have been */
    answers: (n) => news.until((log) => log.filter(({ t }) => t === "snap").length === n),
    /** @param {string} state */
    state: (state) => news.until((log) => log.filter((one) => one.state).at(-1)?.state === state),
  };
}

test("ten seconds without a byte, and it asks; then every ten seconds, while someone looks", limit, async () => {
  const { look, answers, asked, state } = await held();
  look(9);
  assert.deepEqual(await asked(), []);
  look(2);
  await answers(1);
  await state("polling");
  look(5);
  assert.deepEqual(await asked(), ["counts"]);
  look(6);
  await answers(2);
  assert.deepEqual(await asked(), ["counts", "counts"]);
});

test("what is new is told once, in order, and moves the cursor (G4, G5)", limit, async () => {
  const { look, answers, inbox, news, feed, asked } = await held();
  inbox.items = [row(5), row(4), row(3)];
  inbox.cursor = "one.5";
  look(11);
  await answers(1);
  const told = news.log.filter(({ t }) => t === "event").map(({ frame, id }) => [frame.id, id]);
  assert.deepEqual(told, [["n4", ""], ["n5", "one.5"]]);
  const { state, cursor, counts } = news.log.find(({ t }) => t === "snap");
  assert.equal(state, "connecting");
  assert.equal(cursor, "one.5");
  assert.deepEqual(counts, { unread: 3, unseen: 3, cursor: "one.5" });
  assert.equal(feed.stream.cursor, "one.5");
  look(11);
  await answers(2);
  assert.equal(news.log.filter(({ t }) => t === "event").length, 2);
  assert.deepEqual(await asked(), ["counts", "inbox?limit=20", "counts"]);
});

test("where something else has happened too, no cursor claims that it was told (G5)", limit, async () => {
  const { look, answers, inbox, news } = await held();
  inbox.items = [row(6), row(5, { read_at: "x", seen_at: "x" })];
  inbox.cursor = "one.6";
  look(11);
  await answers(1);
  const told = news.log.filter(({ t }) => t === "event").map(({ frame, id }) => [frame.id, id]);
  assert.deepEqual(told, [["n6", ""]]);
});

test("the cursor of a replay that was cut is not rounded (G5)", limit, async () => {
  const { look, answers, feed } = await held();
  feed.stream.cursor = "one.3.1";
  look(11);
  await answers(1);
  assert.equal(feed.stream.cursor, "one.3.1");
});

test("asking that fails is said, and waits longer each time", limit, async () => {
  const { look, answers, inbox, asked, state, news } = await held();
  look(11);
  await answers(1);
  await state("polling");
  inbox.status = 503;
  look(11);
  await state("connecting");
  for (const [seconds, times] of [[7, 2], [6, 3], [14, 3], [12, 4]]) {
    const before = news.log.length;
    look(seconds);
    if ((await asked()).length < times) await news.until((log) => log.length > before);
    assert.equal((await asked()).length, times, `after ${seconds} s`);
  }
  inbox.status = 200;
  look(40);
  await state("polling");
});

for (const [what, change] of /** @type {[string, any][]} */ ([
  ["nobody is logged in", { status: 401 }],
  ["they may not look", { status: 403 }],
  ["somebody else is logged in", { cursor: "two.9" }],
])) {
  test(`${what}: the answer is for none of the listeners (G7)`, limit, async () => {
    const { look, inbox, news, feed } = await held();
    Object.assign(inbox, { items: [row(9)] }, change);
    look(11);
    await news.until((log) => log.some(({ t }) => t === "tag"));
    assert.ok(!news.log.some(({ t }) => t === "event" || t === "snap"));
    assert.equal(feed.state, "closed");
  });
}

test("a stream handed over at its end lives for no time; one that lives ends the asking", limit, async () => {
  const { look, answers, state, streams, news, asked, feed } = await held();
  look(11);
  await answers(1);
  await state("polling");
  const hello = 'retry: 100\n\nid: one.3\nevent: hello\ndata: {"unread":0,"unseen":0,"version":3}\n\n';
  stream(streams.log[0], hello);
  streams.log[0].end();
  await news.until((log) => log.some(({ event }) => event === "hello"));
  await streams.until((log) => log.length === 2);
  assert.equal(feed.state, "polling");
  assert.ok(!news.log.some((one) => one.state === "live"));
  stream(streams.log[1], hello);
  await state("live");
  const before = await asked();
  look(60);
  assert.deepEqual(await asked(), before);
});

test("a 403 for the stream alone is a proxy's: it asks, and tries the stream when it is told to", limit, async () => {
  const { look, answers, state, streams, feed } = await held();
  streams.log[0].writeHead(403).end();
  await state("denied");
  look(0);
  await answers(1);
  await state("polling");
  feed.hear({ t: "poke" }, () => {});
  await streams.until((log) => log.length === 2);
  stream(streams.log[1]);
  await state("live");
});

test("a stream that is lost is given ten seconds to come back", limit, async () => {
  const { look, answers, state, streams, asked } = await held();
  stream(streams.log[0], "retry: 600000\n\n");
  await state("live");
  mock.timers.setTime(Date.now() + 3_600_000);
  streams.log[0].end();
  await state("retry");
  look(9);
  assert.deepEqual(await asked(), []);
  look(2);
  await answers(1);
  await state("polling");
});

test("an answer after an outage wakes the stream, which need not wait any longer", limit, async () => {
  const { look, answers, state, streams } = await held();
  streams.log[0].writeHead(503, { "retry-after": "600" }).end();
  await state("retry");
  look(11);
  await answers(1);
  await streams.until((log) => log.length === 2);
  stream(streams.log[1]);
  await state("live");
});

test("stream and question share one request for fresh credentials", limit, async () => {
  const server = await serve((question, answer) => {
    if (question.headers.authorization !== "Bearer new") return void answer.writeHead(401).end();
    answer.writeHead(200, { "content-type": "application/json" });
    answer.end(JSON.stringify({ unread: 0, unseen: 0, cursor: "one.3" }));
  });
  const news = recorder();
  const feed = new Feed(server.base, "one", (n) => news.add(n));
  after.push(() => feed.close(), server.stop);
  feed.hear({ t: "join", cursor: "one.3", headers: { Authorization: "Bearer old" } }, () => {});
  await news.until((log) => log.some(({ t }) => t === "need"));
  mock.timers.setTime(Date.now() + 11_000);
  feed.hear({ t: "poll" }, () => {});
  await server.until(2);
  // A round trip of our own: what was answered before it has arrived.
  await fetch(server.base);
  assert.equal(news.log.filter(({ t }) => t === "need").length, 1);
  feed.hear({ t: "creds", headers: { Authorization: "Bearer new" } }, () => {});
  await news.until((log) => log.some(({ t }) => t === "snap"));
});
