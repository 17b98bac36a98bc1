/** A node server whose every answer the test scripts, and what it was asked. */

import { createServer } from "node:http";

/**
 * @typedef {import("node:http").ServerResponse} Answer
 * @typedef {import("node:http").IncomingMessage} Question
 */

/** @param {(question: Question, answer: Answer, nth: number) => void} script */
export async function serve(script) {
  /** @type {Question[]} */
  const asked = [];
  /** @type {(() => void)[]} */
  let waiting = [];
  const server = createServer((question, answer) => {
    asked.push(question);
    script(question, answer, asked.length);
    for (const wake of waiting.splice(0)) wake();
  });
  await /** @type {Promise<void>} */ (new Promise((done) => server.listen(0, "127.0.0.1", done)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    asked,
    base: `http://127.0.0.1:${port}/`,
    /** @param {number} n */
    async until(n) {
      while (asked.length < n) await /** @type {Promise<void>} */ (new Promise((wake) => waiting.push(wake)));
    },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Starts an event stream. @param {Answer} answer @param {string} [text] */
export function stream(answer, text = "") {
  answer.writeHead(200, { "content-type": "text/event-stream" });
  answer.write(text || ": hello\n\n");
}

/** Resolves when a log of calls satisfies the test. */
export function recorder() {
  /** @type {any[]} */
  const log = [];
  /** @type {(() => void)[]} */
  let waiting = [];
  return {
    log,
    /** @param {any} entry */
    add(entry) {
      log.push(entry);
      for (const wake of waiting.splice(0)) wake();
    },
    /** @param {(log: any[]) => boolean} true_ */
    async until(true_) {
      while (!true_(log)) await /** @type {Promise<void>} */ (new Promise((wake) => waiting.push(wake)));
    },
  };
}
