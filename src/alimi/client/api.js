/** The JSON API: a thin wrapper over `fetch` that turns problem+json into errors. */

/** An answer that was not 2xx, as RFC 9457 tells it. `status` 0: no answer at all. */
export class Problem extends Error {
  /** @param {number} status @param {{title?: string, detail?: string, type?: string}} [body] */
  constructor(status, body = {}) {
    super(body.detail || body.title || `HTTP ${status}`);
    this.status = status;
    this.type = body.type;
  }

  /** Worth another try later? */
  get passing() {
    return !this.status || this.status === 429 || this.status >= 500;
  }
}

export class Api {
  /** @type {import("./types.d.ts").Credentials | null} */
  credentials = null;
  /** @type {Record<string, string> | null} */
  headers = null;

  /** @param {string} base address of the mount point, with its last slash */
  constructor(base) {
    this.base = base;
  }

  /** Asks the page for fresh headers. */
  async refresh() {
    this.headers = (await this.credentials?.()) || null;
    return this.headers;
  }

  /**
   * @param {string} path below the base
   * @param {unknown} [body] makes it a POST
   * @returns {Promise<any>}
   */
  async call(path, body, fresh = false) {
    if (this.credentials && !this.headers) await this.refresh();
    const answer = await this.#fetch(path, body);
    if (answer.status === 401 && !fresh && this.credentials && (await this.refresh())) {
      return this.call(path, body, true);
    }
    const type = answer.headers.get("content-type") || "";
    const json = /json/.test(type) ? await answer.json().catch(() => null) : null;
    if (!answer.ok) throw new Problem(answer.status, json || {});
    // A page where JSON was due: a log-in form behind a redirect, or a proxy's own words.
    if (!json) throw new Problem(answer.redirected ? 401 : 502);
    return json;
  }

  /** @param {string} path @param {unknown} body */
  async #fetch(path, body) {
    try {
      return await fetch(this.base + path, {
        method: body ? "POST" : "GET",
        body: body ? JSON.stringify(body) : undefined,
        headers: { ...this.headers, ...(body ? { "Content-Type": "application/json" } : {}) },
        credentials: "include",
        // A row's link may leave the page before the mark has arrived.
        keepalive: !!body,
      });
    } catch {
      throw new Problem(0);
    }
  }
}
