import assert from "node:assert/strict";
import { test } from "node:test";

import { Api } from "../../src/alimi/client/api.js";
import { Marks } from "../../src/alimi/client/marks.js";
import { Store } from "../../src/alimi/client/store.js";
import { serve } from "./server.js";

/** Web Storage, as far as it is used: its keys are own properties. @returns {any} */
function storage() {
  return Object.create({
    /** @param {string} key */
    getItem(key) {
      return this[key] ?? null;
    },
    /** @param {string} key @param {string} value */
    setItem(key, value) {
      this[key] = value;
    },
    /** @param {string} key */
    removeItem(key) {
      delete this[key];
    },
  });
}

/** @param {Storage} kept @param {{status: number}} way */
async function setUp(kept, way) {
  /** @type {any[]} */
  const bodies = [];
  const server = await serve(async (question, answer) => {
    let text = "";
    for await (const piece of question) text += piece;
    const { status } = way;
    if (status < 300) bodies.push(JSON.parse(text));
    answer.writeHead(status, { "content-type": "application/json" });
    answer.end(JSON.stringify({ changed: ["a"], count: 1, version: 9, unread: 0, unseen: 0, cursor: "one.9" }));
  });
  const store = new Store();
  store.state = "loading";
  /** @type {any} */
  const row = { id: "a", version: 1, created_at: "2026-01-01T00:00:00Z", read_at: null, seen_at: null, archived_at: null };
  store.merge({ items: [row], next: null, unread: 1, unseen: 1, cursor: "one.1" });
  const marks = new Marks(new Api("http://alimi.test/"), store, kept);
  marks.api.base = server.base;
  return { bodies, server, store, marks };
}

/** @type {import("../../src/alimi/client/types.d.ts").Mark} */
const READ = { action: "read", ids: ["a"] };

test("a mark that finds no way is kept, shown, and sent when there is one", async () => {
  const kept = storage();
  const way = { status: 503 };
  const { bodies, server, store, marks } = await setUp(kept, way);
  marks.adopt("one");
  assert.equal(await marks.send(READ), null);
  assert.equal(store.counts.unread, 0);
  await marks.flush();
  assert.deepEqual(bodies, []);
  way.status = 200;
  await marks.flush();
  assert.deepEqual(bodies, [READ]);
  assert.deepEqual(Object.keys(kept), []);
  server.stop();
});

test("a page that was loaded anew still shows and sends what was kept", async () => {
  const kept = storage();
  const first = await setUp(kept, { status: 503 });
  first.marks.adopt("one");
  await first.marks.send(READ);
  first.server.stop();
  const second = await setUp(kept, { status: 200 });
  second.marks.adopt("one");
  assert.equal(second.store.counts.unread, 0);
  await second.marks.flush();
  assert.deepEqual(second.bodies, [READ]);
  second.server.stop();
});

test("another recipient sends nothing of it and wipes it (G7)", async () => {
  const kept = storage();
  const { bodies, server, marks } = await setUp(kept, { status: 503 });
  marks.adopt("one");
  await marks.send(READ);
  const other = await setUp(kept, { status: 200 });
  other.marks.adopt("two");
  await other.marks.flush();
  assert.deepEqual([...bodies, ...other.bodies], []);
  assert.deepEqual(Object.keys(kept), []);
  server.stop();
  other.server.stop();
});

test("a switch in the middle of sending stops it (G7)", async () => {
  const kept = storage();
  const way = { status: 503 };
  const { bodies, server, marks } = await setUp(kept, way);
  marks.adopt("one");
  await marks.send(READ);
  await marks.send({ action: "unread", ids: ["a"] });
  way.status = 200;
  const sending = marks.flush();
  marks.adopt("two");
  await sending;
  assert.ok(bodies.length <= 1);
  server.stop();
});

test("a refusal takes the mark back and is told", async () => {
  const { server, store, marks } = await setUp(storage(), { status: 422 });
  marks.adopt("one");
  await assert.rejects(marks.send(READ), { status: 422 });
  assert.equal(store.counts.unread, 1);
  server.stop();
});

test("undone before it was sent, a kept mark is forgotten", async () => {
  const kept = storage();
  const { server, store, marks } = await setUp(kept, { status: 503 });
  marks.adopt("one");
  await marks.send(READ);
  marks.forget(READ);
  assert.equal(store.counts.unread, 1);
  assert.deepEqual(Object.keys(kept), []);
  server.stop();
});

test("two flushes at once send a mark once, and a failure keeps it shown", async () => {
  const kept = storage();
  const way = { status: 503 };
  const { bodies, server, store, marks } = await setUp(kept, way);
  marks.adopt("one");
  await marks.send(READ);
  await Promise.all([marks.flush(), marks.flush()]);
  assert.equal(store.counts.unread, 0);
  assert.ok(marks.waits);
  way.status = 200;
  await Promise.all([marks.flush(), marks.flush()]);
  assert.deepEqual(bodies, [READ]);
  assert.ok(!marks.waits);
  server.stop();
});

test("without a storage marks wait in memory, and are sent all the same", async () => {
  const full = storage();
  full.setItem = () => {
    throw new Error("QuotaExceededError");
  };
  for (const kept of [full, /** @type {any} */ (null)]) {
    const way = { status: 503 };
    const { bodies, server, marks } = await setUp(kept, way);
    marks.adopt("one");
    await marks.send(READ);
    way.status = 200;
    await marks.flush();
    assert.deepEqual(bodies, [READ]);
    server.stop();
  }
});

test("at most a hundred marks are kept (G8)", async () => {
  const kept = storage();
  const { server, marks } = await setUp(kept, { status: 503 });
  marks.adopt("one");
  for (let i = 0; i < 120; i++) await marks.send({ action: "read", ids: ["n" + i] });
  const [text] = Object.values(kept);
  assert.equal(JSON.parse(text).length, 100);
  server.stop();
});
