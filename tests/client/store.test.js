import assert from "node:assert/strict";
import { test } from "node:test";

import { Store } from "../../src/alimi/client/store.js";

/** @param {number} version @param {object} [more] @returns {any} */
const row = (version, more) => ({
  id: "n" + version,
  version,
  message: "m" + version,
  created_at: "2026-01-01T00:00:00.000Z",
  seen_at: null,
  read_at: null,
  archived_at: null,
  ...more,
});

/** @param {any[]} items @param {number} version @param {object} [more] @returns {any} */
const page = (items, version, more) => ({
  items,
  next: null,
  unread: items.filter((item) => !item.read_at).length,
  unseen: items.filter((item) => !item.seen_at).length,
  cursor: "t." + version,
  ...more,
});

/** @param {any[]} items @param {number} version */
function loaded(items, version) {
  const store = new Store();
  store.state = "loading";
  store.merge(page(items, version));
  return store;
}

/** @param {Store} store */
const ids = (store) => store.rows.map(({ id }) => id);

test("a new row comes first, is news once, and brings the counts (G4, G6)", () => {
  const store = loaded([row(2), row(1)], 2);
  const frame = { ...row(3), unread: 3, unseen: 3 };
  assert.equal(store.apply(frame, "t.3")?.id, "n3");
  assert.equal(store.apply(frame, "t.3"), undefined);
  assert.deepEqual(ids(store), ["n3", "n2", "n1"]);
  assert.deepEqual(store.counts, { unread: 3, unseen: 3, cursor: "t.3" });
});

test("older counts and older rows never replace newer ones (G6)", () => {
  const store = loaded([row(1)], 1);
  store.apply({ ids: ["n1"], version: 5, read_at: "x", seen_at: "x", archived_at: null, unread: 0, unseen: 0 });
  store.apply({ ids: ["n1"], version: 3, read_at: null, seen_at: null, archived_at: null, unread: 1, unseen: 1 });
  store.count({ unread: 9, unseen: 9, cursor: "t.4" });
  assert.equal(store.row("n1")?.read_at, "x");
  assert.equal(store.counts.unread, 0);
});

test("what the stream tells while a page is under way is not lost in it (G5)", () => {
  const store = new Store();
  store.state = "loading";
  store.apply({ ids: ["n1"], version: 3, read_at: "x", seen_at: "x", archived_at: null, unread: 0, unseen: 0 });
  store.apply({ ...row(4), unread: 1, unseen: 1 });
  store.merge(page([row(1)], 2));
  assert.deepEqual(ids(store), ["n4", "n1"]);
  assert.equal(store.row("n1")?.read_at, "x");
  assert.equal(store.counts.unread, 1);
});

test("a later page is appended without doubles", () => {
  const store = loaded([row(3), row(2)], 3);
  store.state = "loading";
  store.merge(page([row(2), row(1)], 3, { next: "z" }), true);
  assert.deepEqual(ids(store), ["n3", "n2", "n1"]);
  assert.equal(store.next, "z");
});

test("a mark shows at once, counts move with it, and lifting it restores both", () => {
  const store = loaded([row(2), row(1)], 2);
  const overlay = store.lay({ action: "read", ids: ["n1"] });
  assert.ok(store.row("n1")?.read_at);
  assert.equal(store.counts.unread, 1);
  store.lift(overlay);
  assert.equal(store.row("n1")?.read_at, null);
  assert.equal(store.counts.unread, 2);
});

test("the change may come before the answer: nothing is counted twice (G6)", () => {
  const store = loaded([row(2), row(1)], 2);
  const overlay = store.lay({ action: "read", ids: ["n1"] });
  store.apply({ ids: ["n1"], version: 3, read_at: "x", seen_at: "x", archived_at: null, unread: 1, unseen: 1 });
  assert.equal(store.counts.unread, 1);
  store.confirm(overlay, { changed: ["n1"], count: 1, version: 3, unread: 1, unseen: 1, cursor: "t.3" });
  assert.equal(store.counts.unread, 1);
  assert.ok(store.row("n1")?.read_at);
});

test("an archived row leaves, and undo brings it back to its place", () => {
  const store = loaded([row(3), row(2), row(1)], 3);
  store.confirm(store.lay({ action: "archive", ids: ["n2"] }), {
    changed: ["n2"], count: 1, version: 4, unread: 2, unseen: 2, cursor: "t.4",
  });
  assert.deepEqual(ids(store), ["n3", "n1"]);
  store.apply({ ids: ["n2"], version: 5, read_at: null, seen_at: null, archived_at: null, unread: 3, unseen: 3 });
  assert.deepEqual(ids(store), ["n3", "n2", "n1"]);
});

test("mark-all counts to zero at once, but not what comes after it", () => {
  const store = loaded([row(2), row(1)], 2);
  store.lay({ action: "read", upto: "t.2" });
  assert.deepEqual(store.counts, { unread: 0, unseen: 0, cursor: "t.2" });
  store.apply({ ...row(3), unread: 3, unseen: 3 }, "t.3");
  assert.deepEqual(store.counts, { unread: 1, unseen: 1, cursor: "t.3" });
});

test("seen is a watermark: the badge clears, the rows stay unread", () => {
  const store = loaded([row(2), row(1)], 2);
  store.apply({ seen_upto: 2, version: 3, unread: 2, unseen: 0 }, "t.3");
  assert.deepEqual(store.counts, { unread: 2, unseen: 0, cursor: "t.3" });
  assert.ok(store.row("n1")?.seen_at);
  assert.equal(store.row("n1")?.read_at, null);
});

test("deletion, and a bulk change without names", () => {
  const store = loaded([row(2), row(1)], 2);
  store.apply({ ids: ["n1"], version: 3, deleted: true, unread: 1, unseen: 1 });
  assert.deepEqual(ids(store), ["n2"]);
  store.apply({ all: true, version: 4, read_at: "x", unread: 0, unseen: 0 });
  assert.equal(store.state, "", "the list is to be loaded again");
});

test("a bulk change while a page is under way, without flags: loaded once more", () => {
  const store = loaded([row(2), row(1)], 2);
  store.state = "loading";
  store.apply({ all: true, version: 4, unread: 0, unseen: 0 }, "t.4");
  store.merge(page([row(2), row(1)], 3));
  assert.equal(store.state, "");
  assert.deepEqual(store.counts, { unread: 0, unseen: 0, cursor: "t.4" });
});

test("a reset forgets what waited for a page: it is of another history (G5)", () => {
  const store = loaded([row(1)], 1);
  store.state = "loading";
  store.apply({ ...row(9), unread: 2, unseen: 2 }, "t.9");
  store.wipe();
  store.state = "loading";
  store.merge(page([row(1)], 1));
  assert.deepEqual(ids(store), ["n1"]);
});

test("a wiped store still knows whose it is: cursors keep their tag (G7)", () => {
  const store = loaded([row(1)], 1);
  store.wipe();
  store.apply({ ...row(2), unread: 1, unseen: 1 }, "t.2");
  assert.equal(store.cursor, "t.2");
});

test("an id in the middle of a replay is kept as it came (G5)", () => {
  const store = loaded([row(1)], 1);
  store.apply({ ...row(4), unread: 2, unseen: 2 }, "t.4.1");
  assert.equal(store.cursor, "t.4.1");
  store.resume("t.4.1");
  assert.equal(store.state, "ready");
  store.apply({ ...row(7), unread: 3, unseen: 3 }, "t.7");
  assert.equal(store.cursor, "t.7");
});

test("a frame without an id moves no cursor: a page left there would skip rows (G5)", () => {
  const store = loaded([row(1)], 1);
  store.apply({ ...row(4), unread: 2, unseen: 2 });
  assert.equal(store.cursor, "t.1");
  store.apply({ ...row(3), version: 7, unread: 3, unseen: 3 }, "t.7");
  assert.equal(store.cursor, "t.7");
});

test("a gap before the stream's start makes the list stale (G5)", () => {
  const store = loaded([row(1)], 1);
  store.resume("t.1");
  assert.equal(store.state, "ready");
  store.resume("t.7");
  assert.equal(store.state, "");
});

test("the list and its memory are bounded (G8)", () => {
  const store = loaded([], 0);
  for (let i = 1; i < 2000 && store.state; i++) store.apply({ ...row(i), unread: i, unseen: i });
  assert.equal(store.state, "");
  assert.ok(store.rows.length <= 501);
});
