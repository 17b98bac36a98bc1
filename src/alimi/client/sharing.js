/** One stream for all tabs: a SharedWorker, else an elected tab, else a stream of one's own. */

import { Feed } from "./feed.js";

/** @typedef {import("./types.d.ts").News} News */
/** @typedef {import("./types.d.ts").Word} Word */

/** Part of every shared name: tabs with different code must not share. */
export const VERSION = "1";

/**
 * @typedef {object} Link what a page holds of the shared stream
 * @property {string} kind
 * @property {(word: Word) => void} say
 * @property {() => void} close
 */

/**
 * @typedef {object} Share
 * @property {string} base
 * @property {string} tag
 * @property {(news: News) => void} hear
 * @property {() => void} lost called when this way of sharing does not work
 */

/** @type {{createScriptURL: (url: string) => any} | undefined} */
let policy;

/** @param {URL} url */
function trusted({ href }) {
  const types = /** @type {any} */ (globalThis).trustedTypes;
  policy ||= types?.createPolicy("alimi", { createScriptURL: (/** @type {string} */ u) => u });
  return policy ? policy.createScriptURL(href) : href;
}

/** Tries the ways in turn. @param {Share} share @returns {Link} */
export function link(share) {
  for (const way of [viaWorker, viaLock]) {
    try {
      const made = way(share);
      if (made) return made;
    } catch {
      // Not allowed here (another origin, a policy): the next way.
    }
  }
  return alone(share);
}

/** @type {Set<string>} worker names that did not come up, so are not tried again */
const broken = new Set();

/** @param {Share} share @returns {Link | undefined} */
function viaWorker({ base, tag, hear, lost }) {
  const name = `alimi-${VERSION} ${tag} ${base}`;
  if (typeof SharedWorker !== "function" || broken.has(name)) return;
  const worker = new SharedWorker(trusted(new URL("./worker.js", import.meta.url)), {
    type: "module",
    name,
  });
  const { port } = worker;
  const fail = () => {
    broken.add(name);
    close();
    lost();
  };
  // A worker that never answers (old engine, blocked script) is as good as none.
  let timer = setTimeout(fail, 5000);
  worker.onerror = fail;
  port.onmessage = ({ data }) => {
    clearTimeout(timer);
    hear(data);
  };
  const close = () => {
    clearTimeout(timer);
    worker.onerror = port.onmessage = null;
    port.postMessage({ t: "leave" });
    port.close();
  };
  return { kind: "worker", say: (word) => port.postMessage(word), close };
}

/** Milliseconds between a leader's signs of life. */
const BEAT = 2000;

/** @param {Share} share @returns {Link | undefined} */
function viaLock({ base, tag, hear }) {
  if (typeof BroadcastChannel !== "function" || !navigator.locks) return;
  const name = `alimi-${VERSION} ${tag} ${base}`;
  const channel = new BroadcastChannel(name);
  const leave = new AbortController();
  /** @type {Feed | null} set while this tab leads */
  let feed = null;
  /** @type {Word & {t: "join"} | null} */
  let joined = null;
  let heard = Date.now();
  let asked = false;

  /** @param {News} news */
  const take = (news) => {
    // Who leads next goes on from here.
    if (joined && news.t === "event" && news.id) joined.cursor = news.id;
    hear(news);
  };
  /** @param {News} news */
  const tell = (news) => {
    channel.postMessage({ news });
    take(news);
  };
  const lead = () =>
    new Promise((resolve) => {
      if (leave.signal.aborted) return resolve(0);
      feed = new Feed(base, tag, tell);
      if (joined) feed.hear(joined, take);
      leave.signal.addEventListener("abort", resolve);
    });
  const stopLeading = () => {
    feed?.close();
    feed = null;
  };
  /** @param {boolean} [steal] */
  const stand = (steal) => {
    // A stolen lock rejects: then this tab was frozen, and follows from now on.
    const options = steal ? { steal } : { signal: leave.signal };
    navigator.locks.request(name, options, lead).catch(() => {
      stopLeading();
      if (!leave.signal.aborted) stand();
    });
  };
  channel.onmessage = ({ data: { news, word } }) => {
    if (news) {
      heard = Date.now();
      asked = false;
      // Two leaders for a moment are harmless: rows are known by id and version.
      if (news.t !== "beat") take(news);
    } else if (feed) {
      feed.hear(word, tell);
      channel.postMessage({ news: { t: "beat" } });
    }
  };
  const clock = setInterval(() => {
    if (feed) return channel.postMessage({ news: { t: "beat" } });
    if (Date.now() - heard < BEAT * 3 || document.hidden) return;
    if (asked) stand(true);
    else channel.postMessage({ word: { t: "poke" } });
    asked = !asked;
    heard = Date.now() - BEAT * 2;
  }, BEAT);
  stand();
  return {
    kind: "lock",
    say(word) {
      if (word.t === "join") joined = word;
      if (feed) feed.hear(word, take);
      else channel.postMessage({ word });
    },
    close() {
      clearInterval(clock);
      leave.abort();
      stopLeading();
      channel.close();
    },
  };
}

/** @param {Share} share @returns {Link} */
function alone({ base, tag, hear }) {
  const feed = new Feed(base, tag, hear);
  return { kind: "own", say: (word) => feed.hear(word, hear), close: () => feed.close() };
}
