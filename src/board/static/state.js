/** The board as the server told it last, and what this page has changed since. */

import { call, readIfChanged } from "./api.js";

/** @typedef {{id: number, name: string}} User */
/** @typedef {{id: number, name: string}} List */
/**
 * @typedef {{id: number, list_id: number, title: string, has_description: boolean,
 *   assignee_id: number | null, comment_count: number, version: number, updated_at: string,
 *   url: string}} Card
 */

/** Emits `change`. */
class State extends EventTarget {
  /** @type {List[]} */
  lists = [];
  /** In the order of their lists. @type {Card[]} */
  cards = [];
  /** @type {Map<number, User>} */
  users = new Map();
  /** As the server told it. @type {{lists: List[], cards: Card[], users: User[]}} */
  #told = { lists: [], cards: [], users: [] };
  #tag = "";
  /** Whether something was moved or changed here since. */
  #touched = false;
  /** While somebody moves a card here, the others' changes wait. */
  #held = false;
  #wanted = false;
  /** @type {Promise<void> | null} */
  #loading = null;

  /** Ask the server; several wishes at once become one request, and never an old answer the last. */
  load() {
    this.#wanted = true;
    this.#loading ??= this.#load().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  async #load() {
    while (this.#wanted && !this.#held) {
      this.#wanted = false;
      const answer = await readIfChanged("board", this.#tag);
      if (this.#held) this.#wanted = true;
      else if (answer) this.#take(answer.told, answer.tag);
      else if (this.#touched) this.#take(this.#told, this.#tag);
    }
  }

  /** @param {{lists: List[], cards: Card[], users: User[]}} told @param {string} tag */
  #take(told, tag) {
    const { lists, cards, users } = told;
    this.#told = told;
    this.#tag = tag;
    this.#touched = false;
    this.lists = lists;
    this.cards = cards;
    this.users = new Map(users.map((user) => [user.id, user]));
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  hold() {
    this.#held = true;
  }

  release() {
    this.#held = false;
    return this.load();
  }

  /** @param {number} id */
  card(id) {
    return this.cards.find((card) => card.id === id);
  }

  /** @param {number} list */
  in(list) {
    return this.cards.filter((card) => card.list_id === list);
  }

  /** Where a card stands. @param {number} id */
  place(id) {
    const list = this.card(id)?.list_id ?? 0;
    const inList = this.in(list);
    return { list, position: inList.findIndex((card) => card.id === id), count: inList.length };
  }

  /** Put a card elsewhere, here only. @param {number} id @param {number} list @param {number} position */
  move(id, list, position) {
    const card = this.card(id);
    if (!card) return;
    const others = this.cards.filter((each) => each !== card);
    const before = others.filter((each) => each.list_id === list)[position];
    others.splice(before ? others.indexOf(before) : others.length, 0, { ...card, list_id: list });
    this.cards = others;
    this.#touched = true;
    this.#changed();
  }

  /** Change what a card shows, here only. @param {number} id @param {Partial<Card>} fields */
  patch(id, fields) {
    this.cards = this.cards.map((card) => (card.id === id ? { ...card, ...fields } : card));
    this.#touched = true;
    this.#changed();
  }

  /** Tell the server where a card went; refused, it goes back. @param {number} id @param {{list: number, position: number}} from */
  async sendMove(id, from) {
    const { list, position } = this.place(id);
    try {
      await call("PATCH", `cards/${id}`, { list_id: list, position });
    } catch (problem) {
      this.move(id, from.list, from.position);
      throw problem;
    }
  }
}

export const state = new State();
