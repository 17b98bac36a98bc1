/** What `alimi/client.js` offers; tests/client/consumer holds the code to it. */

import type { Counts, Credentials, Mark, Marked, Notification, State, View } from "./data.d.ts";

export type * from "./data.d.ts";

/** What a client tells, and with what. */
export interface Told {
  /** New to this page. */
  notification: Notification;
  /** Read, archived or deleted, here or elsewhere; without `ids`, all of them. */
  gone: { ids?: string[] };
  counts: Counts;
  signal: { name: string; data: unknown };
  /** The stream began: what signals keep fresh is to be read again. */
  hello: Partial<Counts>;
  /** It could not be resumed: everything is to be read again. */
  reset: Partial<Counts> & { reason?: string };
  state: { state: State };
}

export interface Store {
  /** What the list shows, newest first. */
  readonly rows: Notification[];
  readonly counts: Counts;
  readonly view: View;
  /** Chooses another list, which `load()` then fills. */
  select(view: View): void;
  row(id: string): Notification | undefined;
}

export class Client {
  /** @param base address of the mount point */
  constructor(base: string);

  /** Set by who shows something; `change` whenever anything is to be painted again. */
  tell: (
    ...told:
      | { [Type in keyof Told]: [type: Type, detail: Told[Type]] }[keyof Told]
      | [type: "change", detail: undefined]
  ) => void;
  readonly state: State;
  readonly store: Store;
  readonly api: { credentials: Credentials | null };

  start(): Promise<void>;
  stop(): void;
  /** Tries again at once. */
  poke(): void;
  /** Loads the list, or its next page. */
  load(more?: boolean): Promise<void>;
  /**
   * Shown at once, and taken back when it is refused.
   * @param ids the rows that it is known to touch
   * @returns null when it is kept for later
   */
  mark(mark: Mark, ids?: string[]): Promise<Marked | null>;
  undo(mark: Mark, sent: Promise<Marked | null>): Promise<void>;
  /** Clears the badge. */
  seen(): Promise<void>;
}
