/** A card on the board. */

import { face, h, icon } from "./dom.js";
import { counted, t } from "./page.js";
import { state } from "./state.js";

/** @typedef {import("./state.js").Card} Card */

export class CardView {
  #shown = "";

  /** @param {number} id */
  constructor(id) {
    this.id = id;
    this.title = h("span", { class: "card-title", dir: "auto" });
    this.facts = h("span", { class: "facts" });
    this.link = h(
      "a",
      { class: "card", draggable: "false", "aria-describedby": "keys", "data-card": id },
      this.title,
      this.facts,
    );
    this.element = h("li", { class: "slot" }, this.link);
  }

  /** @param {Card} card */
  update(card) {
    const user = state.users.get(card.assignee_id ?? 0);
    const shown = JSON.stringify([card, user]);
    if (shown === this.#shown) return;
    const isNews = this.#shown !== "" && !this.element.matches(".lifted, .grabbed");
    this.#shown = shown;
    this.link.href = card.url;
    this.title.textContent = card.title;
    this.facts.replaceChildren(...facts(card, user));
    if (isNews) this.#glow();
  }

  /** What has just changed is seen for a moment. */
  #glow() {
    this.element.classList.remove("fresh");
    void this.element.offsetWidth;
    this.element.classList.add("fresh");
  }
}

/** @param {Card} card @param {import("./state.js").User | undefined} user */
function facts(card, user) {
  const said = (/** @type {string} */ text) => h("span", { class: "sr" }, `, ${text}`);
  const found = [h("span", { class: "number" }, `#${card.id}`)];
  if (card.has_description) found.push(h("span", {}, icon("text"), said(t("described"))));
  if (card.comment_count) {
    const number = h("span", { "aria-hidden": "true" }, String(card.comment_count));
    const spoken = said(counted("comments", card.comment_count));
    found.push(h("span", { class: "fact" }, icon("comment"), number, spoken));
  }
  if (user) {
    const spoken = said(t("assigned_to", { name: user.name }));
    found.push(h("span", { class: "assignee", title: user.name }, face(user), spoken));
  }
  return found;
}
