/** Whose card it is: one button for each person.  A click hands the card over. */

import { call } from "./api.js";
import { face, h, set } from "./dom.js";
import { announce, excuse } from "./notes.js";
import { t } from "./page.js";
import { state } from "./state.js";

export class Assignee {
  /** @param {number} card @param {(card: any) => void} changed */
  constructor(card, changed) {
    this.card = card;
    /** What the server said last. @type {number | null} */
    this.told = null;
    this.changed = changed;
    this.list = h("div", { class: "choices" });
    this.element = h("fieldset", { class: "assignees" }, h("legend", {}, t("assignee")), this.list);
    const nobody = { id: 0, name: t("nobody") };
    this.buttons = [nobody, ...state.users.values()].map((user) => this.#button(user));
    this.list.append(...this.buttons.map((each) => each.button));
  }

  /** @param {{id: number, name: string}} user */
  #button(user) {
    const click = () => this.#assign(user.id || null);
    const sign = face(user.id ? user : undefined);
    const button = h("button", { type: "button", class: "choice", click }, sign, user.name);
    return { id: user.id, button };
  }

  /** @param {number | null} assignee */
  update(assignee) {
    this.told = assignee;
    this.#show(assignee);
  }

  /** @param {number | null} assignee */
  #show(assignee) {
    // Buttons, not radio buttons: arrow keys would hand the card to everybody on the way.
    for (const { id, button } of this.buttons) {
      set(button, { "aria-pressed": String(id === (assignee ?? 0)) });
    }
  }

  /** @param {number | null} user */
  async #assign(user) {
    const before = this.told;
    this.#show(user);
    state.patch(this.card, { assignee_id: user });
    try {
      const { message, card } = await call("PATCH", `cards/${this.card}/assignee`, { user_id: user });
      announce(message);
      this.changed(card);
      await state.load();
    } catch (problem) {
      // Whoever was told meanwhile is right; this page's wish is not.
      this.#show(this.told);
      if (this.told === before) state.patch(this.card, { assignee_id: before });
      excuse(problem);
    }
  }
}
