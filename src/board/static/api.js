/** The board's API. */

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
export async function call(method, path, body, headers = {}) {
  /** @type {RequestInit} */
  const request = { method, headers };
  if (body !== undefined) {
    request.body = JSON.stringify(body);
    request.headers = { ...headers, "Content-Type": "application/json" };
  }
  const response = await fetch(`/api/${path}`, request).catch(() => {
    throw new Problem(0, "");
  });
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  if (response.status === 401 && path !== "session") toLogin();
  throw new Problem(response.status, answer.detail || "");
}

/** The session is over: log in, then come back. */
export function toLogin() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
}
