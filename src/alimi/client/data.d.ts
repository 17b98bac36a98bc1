/** The inbox as pages and applications see it. */

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

/** `polling`: no stream gets through, so news is asked for every few seconds. */
export type State = "connecting" | "live" | "polling" | "retry" | "out" | "denied" | "closed";

export type Credentials = () =>
  | Promise<Record<string, string> | null>
  | Record<string, string>
  | null;

export type View = "all" | "unread" | "archived" | `category:${string}`;
