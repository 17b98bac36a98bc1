/** Who or what a notification speaks of: a snapshot taken when it happened. */
export interface Snapshot {
  id: string;
  name?: string | null;
  image?: string | null;
  url?: string | null;
}

/** The flags of a row; RFC 3339 timestamps or null. */
export interface Flags {
  seen_at?: string | null;
  read_at?: string | null;
  archived_at?: string | null;
}

export interface Notification extends Flags {
  id: string;
  version: number;
  kind: string;
  category?: string | null;
  message: string;
  url?: string | null;
  actor?: Snapshot | null;
  object?: Snapshot | null;
  target?: Snapshot | null;
  data?: unknown;
  created_at: string;
}

export interface Counts {
  unread: number;
  unseen: number;
  cursor: string;
}

export interface Page extends Counts {
  items: Notification[];
  next: string | null;
}

export type Action = "read" | "unread" | "archive" | "unarchive" | "delete" | "seen";

/** A mark as `POST v1/inbox/mark` takes it: an action and exactly one target. */
export interface Mark {
  action: Action;
  ids?: string[];
  upto?: string;
  at?: number | string;
}

export interface Marked extends Counts {
  changed: string[];
  count: number;
  version: number;
}

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

/** `polling`: no stream gets through, so news is asked for every few seconds. */
export type State = "connecting" | "live" | "polling" | "retry" | "out" | "denied" | "closed";

export type Credentials = () =>
  | Promise<Record<string, string> | null>
  | Record<string, string>
  | null;

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

export type View = "all" | "unread" | "archived" | `category:${string}`;

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
