/** Title and description of a card: read, and written with care for what others write meanwhile. */

import { call, Problem } from "./api.js";
import { h } from "./dom.js";
import { withMentions } from "./mention.js";
import { excuse } from "./notes.js";
import { t } from "./page.js";
import { rich } from "./rich.js";
import { state } from "./state.js";

export class Words {
  /** @type {any} */
  #card = {};
  #editing = false;
  /** What was read when writing began: saving over anything else is refused. */
  #base = { version: 0, description: "" };

  /** @param {number} id @param {(card: any) => void} changed */
  constructor(id, changed) {
    this.id = id;
    this.changed = changed;
    this.title = h("textarea", { id: "card-title", class: "title", rows: 1, maxlength: 200, "aria-label": t("title"), dir: "auto" });
    this.title.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#titleKey(event));
    this.title.addEventListener("change", () => this.#saveTitle());
    this.text = h("div", { class: "prose", dir: "auto" });
    this.field = h("textarea", { class: "long", rows: 4, maxlength: 10000, "aria-label": t("description"), placeholder: t("description_hint") });
    this.edit = h("button", { type: "button", class: "quiet small", click: () => this.#open() }, t("edit"));
    this.theirs = h("div", { class: "theirs", hidden: true, role: "status" });
    const cancel = h("button", { type: "button", class: "quiet", click: () => this.#close() }, t("cancel"));
    const submit = (/** @type {Event} */ event) => this.#saveText(event);
    const keydown = (/** @type {KeyboardEvent} */ event) => this.#textKey(event);
    this.form = h("form", { class: "say", hidden: true, submit, keydown }, withMentions(this.field));
    this.form.append(h("div", { class: "buttons" }, h("button", { class: "primary" }, t("save")), cancel));
    const heading = h("h3", { id: "description" }, t("description"));
    const head = h("div", { class: "section-head" }, heading, this.edit);
    this.element = h("section", { "aria-labelledby": "description" }, head, this.theirs, this.text, this.form);
  }

  /** @param {any} card */
  update(card) {
    this.#card = card;
    if (document.activeElement !== this.title) this.title.value = card.title;
    this.text.replaceChildren(...rich(card.description));
    if (!card.description) this.text.append(h("span", { class: "hint" }, t("description_hint")));
  }

  /** @param {KeyboardEvent} event */
  #titleKey(event) {
    if (event.isComposing) return;
    if (event.key === "Escape") {
      this.title.value = this.#card.title;
      event.preventDefault();
    }
    if (event.key === "Enter" || event.key === "Escape") {
      event.preventDefault();
      this.title.blur();
    }
  }

  async #saveTitle() {
    const title = this.title.value.replace(/\s+/g, " ").trim();
    if (!title || title === this.#card.title) {
      this.title.value = this.#card.title;
      return;
    }
    try {
      this.changed(await this.#patch({ title }, this.#card.version));
    } catch (problem) {
      excuse(problem);
    }
    await state.load();
  }

  #open() {
    this.#editing = true;
    this.#base = this.#card;
    this.field.value = this.#card.description;
    this.#show();
    this.field.focus();
  }

  #close() {
    this.#editing = false;
    this.theirs.hidden = true;
    this.#show();
    this.edit.focus();
  }

  #show() {
    this.form.hidden = !this.#editing;
    this.text.hidden = this.#editing;
    this.edit.hidden = this.#editing;
  }

  /** @param {KeyboardEvent} event */
  #textKey(event) {
    if (event.isComposing || event.defaultPrevented) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
    if (event.key !== "Escape") return;
    // Escape leaves the field, not the whole card with what was written.
    event.preventDefault();
    if (this.field.value === this.#card.description) this.#close();
  }

  /** @param {Event} event */
  async #saveText(event) {
    event.preventDefault();
    try {
      this.changed(await this.#patch({ description: this.field.value }, this.#base.version));
      this.#close();
    } catch (problem) {
      if (problem instanceof Problem && problem.status === 412) await this.#conflict();
      else excuse(problem);
    }
  }

  async #conflict() {
    const card = await call("GET", `cards/${this.id}`);
    const same = card.description === this.#base.description;
    this.changed(card);
    this.#base = card;
    // Somebody moved the card, or gave it away: that is no reason to ask.
    if (same) return this.form.requestSubmit();
    this.theirs.replaceChildren(h("p", {}, t("conflict")), h("div", { class: "prose" }, ...rich(card.description)));
    this.theirs.hidden = false;
  }

  /** @param {Record<string, string>} fields @param {number} version */
  #patch(fields, version) {
    return call("PATCH", `cards/${this.id}`, fields, { "If-Match": `"${version}"` });
  }
}
