/** What the modules tell each other. */

import type { Counts, Notification, State } from "./data.d.ts";

export type * from "./data.d.ts";

/** One decoded Server-Sent Event. */
export interface SseEvent {
  event: string;
  data: string;
  id: string;
}

/** The data of any frame of the stream, by the fields it may have. */
export interface Frame extends Partial<Notification> {
  name?: string;
  reason?: string;
  cursor?: string;
  unread?: number;
  unseen?: number;
  seen_upto?: number;
  ids?: string[];
  all?: boolean;
  deleted?: boolean;
}

/** What a feed tells the pages that listen to it. */
export type News =
  | { t: "state"; state: State }
  | { t: "event"; event: string; frame: Frame; id: string }
  | { t: "snap"; state: State; cursor: string; counts: Partial<Counts> }
  | { t: "tag" }
  | { t: "need" };

/** What a page tells the feed. */
export type Word =
  | { t: "join"; cursor: string; headers: Record<string, string> | null }
  | { t: "creds"; headers: Record<string, string> | null }
  | { t: "poke" }
  | { t: "poll" }
  | { t: "leave" };

/** What an attribute of the bell adds outside of it, as long as it is there. */
export interface Sign {
  /** @param n what the badge says */
  count?(n: number): void;
  /** Something new, that is not quiet. */
  ring?(row: Notification): void;
  stop?(): void;
}

export type MakeSign = (bell: import("./bell.js").AlimiBell) => Sign;

/** What the bell needs of its panel. */
export interface Panel {
  element: HTMLElement;
  readonly open: boolean;
  show(): void;
  /** @param home the focus returns to the bell */
  hide(home?: boolean): void;
  update(): void;
  /** Something new came in. */
  news(id: string): void;
}
