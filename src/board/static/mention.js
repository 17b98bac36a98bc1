/** Completes @names in a text field. */

import { face, h, set } from "./dom.js";
import { t } from "./page.js";
import { state } from "./state.js";

const MOST = 6;
let count = 0;

/** @typedef {import("./state.js").User} User */

/** @param {HTMLTextAreaElement} field @returns {HTMLElement} the field with its suggestions */
export function withMentions(field) {
  return new Mentions(field).element;
}

class Mentions {
  /** @type {User[]} */
  #users = [];
  #at = 0;

  /** @param {HTMLTextAreaElement} field */
  constructor(field) {
    this.field = field;
    const id = `mentions-${++count}`;
    this.box = h("ul", { id, class: "mentions", role: "listbox", "aria-label": t("mention"), hidden: true });
    this.element = h("div", { class: "mentioning" }, field, this.box);
    // A textarea has no role but its own: what is active in the list is all that can be told of it.
    set(field, { "aria-autocomplete": "list", "aria-controls": id });
    field.addEventListener("input", () => this.#look());
    field.addEventListener("keydown", (event) => this.#key(event));
    field.addEventListener("blur", () => this.#show([]));
  }

  /** What has been typed since the last @. */
  get #typed() {
    const before = this.field.value.slice(0, this.field.selectionStart);
    return /(?:^|[^\p{L}\p{N}_])@([^@\n]{0,30})$/u.exec(before)?.[1];
  }

  #look() {
    const typed = this.#typed?.toLowerCase();
    const fits = (/** @type {User} */ user) => user.name.toLowerCase().startsWith(typed ?? "");
    this.#show(typed === undefined ? [] : [...state.users.values()].filter(fits).slice(0, MOST));
  }

  /** @param {User[]} users */
  #show(users) {
    this.#users = users;
    this.#at = 0;
    this.box.hidden = !users.length;
    this.box.replaceChildren(...users.map((user, index) => this.#option(user, index)));
    this.#mark();
  }

  /** @param {User} user @param {number} index */
  #option(user, index) {
    // The field keeps the focus; a click would take it away.
    const mousedown = (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#choose(user);
    };
    return h("li", { role: "option", id: `${this.box.id}-${index}`, mousedown }, face(user), user.name);
  }

  #mark() {
    const options = [...this.box.children];
    options.forEach((option, index) => set(option, { "aria-selected": String(index === this.#at) }));
    set(this.field, { "aria-activedescendant": options[this.#at]?.id });
    options[this.#at]?.scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.#users.length || event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      this.#at = (this.#at + step + this.#users.length) % this.#users.length;
      this.#mark();
    } else if (event.key === "Escape") this.#show([]);
    else if (event.key === "Enter" || event.key === "Tab") this.#choose(this.#users[this.#at]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {User} user */
  #choose(user) {
    const { field } = this;
    const end = field.selectionStart;
    field.setRangeText(`${user.name} `, end - (this.#typed?.length ?? 0), end, "end");
    this.#show([]);
    field.dispatchEvent(new Event("input"));
  }
}
