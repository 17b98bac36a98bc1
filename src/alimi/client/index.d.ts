/** What `alimi` offers: the element, its events, its words; tests/client/consumer holds the code to it. */

import type { Client, Credentials, Notification, State, Told } from "./headless.d.ts";

export * from "./headless.js";

/** A text that needs plural forms is a function of the number. */
export type Text = string | ((n: number) => string);

/** The words of the bell and its panel; `category:…` is a tab's. */
export type Key =
  | "title"
  | "badge"
  | "close"
  | "error"
  | "out"
  | "denied"
  | "spoken"
  | "all"
  | "unread"
  | "archived"
  | "readAll"
  | "read"
  | "unmark"
  | "archive"
  | "restore"
  | "now"
  | "more"
  | "retry"
  | "undo"
  | "didArchive"
  | "didRestore"
  | "didReadAll"
  | "failed"
  | "none"
  | "nothing"
  | "end"
  | "offline"
  | "polling"
  | "news"
  | "viewAll"
  | "settings"
  | "desktop"
  | `category:${string}`;

/** Adds a language, or replaces some texts of one. */
export function addCatalogue(lang: string, texts: Partial<Record<Key, Text>>): void;

/** `<alimi-bell>`; importing this module defines it. */
export class AlimiBell extends HTMLElement {
  readonly client: Client | null;
  readonly state: State;
  /** Answers the headers of each request, or null; for pages without a cookie. */
  get credentials(): Credentials | null | undefined;
  set credentials(hook: Credentials | null | undefined);
  open(): Promise<void>;
  close(): void;
  toggle(): void;
  /** Speaks a sentence to those who listen to the page. */
  announce(text: string): void;
}

/** The events of the bell, which bubble. */
export interface AlimiEvents {
  "alimi-notification": CustomEvent<Told["notification"]>;
  "alimi-gone": CustomEvent<Told["gone"]>;
  "alimi-counts": CustomEvent<Told["counts"]>;
  "alimi-signal": CustomEvent<Told["signal"]>;
  "alimi-hello": CustomEvent<Told["hello"]>;
  "alimi-reset": CustomEvent<Told["reset"]>;
  "alimi-state": CustomEvent<Told["state"]>;
  "alimi-open": CustomEvent<{ notification: Notification }>;
  "alimi-row": CustomEvent<{
    notification: Notification;
    element: HTMLElement;
    extra: HTMLElement;
  }>;
}

declare global {
  interface HTMLElementTagNameMap {
    "alimi-bell": AlimiBell;
  }
  interface HTMLElementEventMap extends AlimiEvents {}
  interface DocumentEventMap extends AlimiEvents {}
  interface WindowEventMap extends AlimiEvents {}
}
