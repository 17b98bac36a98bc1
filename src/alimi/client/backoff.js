/** How long to wait before the next attempt. */

/** A server that asks for more than this has made a mistake. */
const CAP = 600_000;
/** Faster than this is a loop, whoever asked for it. */
const FLOOR = 100;

export class Backoff {
  /** The server's own `retry:`, already different for each connection. */
  retry = 2000;
  failures = 0;

  /** @param {() => number} random */
  constructor(random = Math.random) {
    this.random = random;
  }

  /** @param {string | null} [after] a `Retry-After` header; a date counts as none */
  next(after) {
    const asked = Math.max(FLOOR, this.retry, (Number(after) || 0) * 1000);
    // An orderly end obeys the server's number alone: it is the jitter.
    if (!this.failures) return Math.min(asked, CAP);
    const grown = Math.min(asked * 2 ** (this.failures - 1), Math.max(asked, 30_000));
    return Math.min(grown * (0.75 + this.random() / 2), CAP);
  }

  /** @type {(() => void) | null} ends the present wait */
  wake = null;

  /** @param {string | null} [after] @returns {Promise<void>} */
  wait(after) {
    return new Promise((resolve) => {
      this.wake = () => {
        clearTimeout(timer);
        this.wake = null;
        resolve();
      };
      const timer = setTimeout(this.wake, this.next(after));
    });
  }
}
