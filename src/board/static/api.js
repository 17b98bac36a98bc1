/** The board's API. */

import { page } from "./page.js";

const CHANGED = "urn:alimi-board:problem:session-changed";

export class Problem extends Error {
  /** @param {number} status 0: no answer at all @param {string} detail */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/**
 * @param {string} method @param {string} path
 * @param {unknown} [body] @param {Record<string, string>} [headers]
 * @returns {Promise<any>}
 */
export async function call(method, path, body, headers) {
  const response = await send(method, path, body, headers);
  return response.status === 204 ? null : response.json();
}

/** Read what may be known already; null: it is as it was. @param {string} path @param {string} tag of what is known, or "" */
export async function readIfChanged(path, tag) {
  const response = await send("GET", path, undefined, tag ? { "If-None-Match": tag } : {});
  if (response.status === 304) return null;
  return { told: await response.json(), tag: response.headers.get("ETag") ?? "" };
}

/** @param {string} method @param {string} path @param {unknown} body @param {Record<string, string>} [headers] */
async function send(method, path, body, headers = {}) {
  /** @type {RequestInit} */
  const request = { method, headers: { ...whose(), ...headers } };
  if (body !== undefined) {
    request.body = JSON.stringify(body);
    request.headers = { ...request.headers, "Content-Type": "application/json" };
  }
  const response = await fetch(`/api/${path}`, request).catch(() => {
    throw new Problem(0, "");
  });
  if (response.ok || response.status === 304) return response;
  const answer = await response.json().catch(() => ({}));
  if (answer.type === CHANGED) return leave();
  if (response.status === 401 && path !== "session") toLogin();
  throw new Problem(response.status, answer.detail || "");
}

/** Left open while somebody else logs in, this page must not act in their name. @returns {Record<string, string>} */
function whose() {
  return page.me ? { "X-Board-User": String(page.me.id) } : {};
}

/** Nothing more happens here: the page comes anew, for whoever it is now. @returns {Promise<never>} */
function leave() {
  location.reload();
  return new Promise(() => {});
}

/** The session is over: log in, then come back. */
export function toLogin() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
}
