import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { Decoder } from "../../src/alimi/client/decoder.js";

const folder = new URL("../vectors/sse/", import.meta.url);
const vectors = readdirSync(folder).map((name) => JSON.parse(readFileSync(new URL(name, folder), "utf8")));

/** @param {Uint8Array[]} chunks */
function decode(chunks) {
  const decoder = new Decoder();
  const events = chunks.flatMap((chunk) => decoder.push(chunk));
  return { events, retry: decoder.retry, last_id: decoder.lastId };
}

for (const { name, why, chunks, ...right } of vectors) {
  test(`vector ${name}: ${why}`, () => {
    const parts = chunks.map((c) => Buffer.from(c.base64 ?? c, c.base64 === undefined ? "utf8" : "base64"));
    const whole = Buffer.concat(parts);
    assert.deepEqual(decode(parts), right, "as given");
    assert.deepEqual(decode([whole]), right, "in one piece");
    assert.deepEqual(decode([...whole].map((byte) => Buffer.from([byte]))), right, "byte by byte");
    for (let at = 1; at < whole.length; at++) {
      assert.deepEqual(decode([whole.subarray(0, at), whole.subarray(at)]), right, `cut at ${at}`);
    }
  });
}

test("an event without an end is refused once it passes the bound (G8)", () => {
  const decoder = new Decoder();
  const piece = Buffer.from("data: " + "x".repeat(300_000) + "\n");
  assert.throws(() => {
    for (let i = 0; i < 5; i++) decoder.push(piece);
  }, RangeError);
  const line = new Decoder();
  assert.throws(() => {
    for (let i = 0; i < 5; i++) line.push(Buffer.from("x".repeat(300_000)));
  }, RangeError);
});

test("a long line in many chunks does not take quadratic time", () => {
  const decoder = new Decoder();
  decoder.push(Buffer.from("data: "));
  const start = performance.now();
  for (let i = 0; i < 50_000; i++) decoder.push(Buffer.from("0123456789"));
  assert.equal(decoder.push(Buffer.from("\n\n"))[0].data.length, 500_000);
  assert.ok(performance.now() - start < 2000);
});
