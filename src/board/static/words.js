/** Title and description of a card: read, and written with care for what others write meanwhile. */

import { call, Problem } from "./api.js";
import { h } from "./dom.js";
import { draft, keepDraft } from "./drafts.js";
import { withMentions } from "./mention.js";
import { excuse } from "./notes.js";
import { t } from "./page.js";
import { rich } from "./rich.js";
import { state } from "./state.js";

export class Words {
  /** @type {any} */
  #card = {};
  #editing = false;
  /** @type {string | null} */
  #shown = null;
  /** What was read when writing began: saving over anything else is refused. */
  #base = { version: 0, description: "" };
  #titleBase = { version: 0, title: "" };

  /** @param {number} id @param {(card: any) => void} changed */
  constructor(id, changed) {
    this.id = id;
    this.changed = changed;
    this.title = h("textarea", { id: "card-title", class: "title", rows: 1, maxlength: 200, "aria-label": t("title"), dir: "auto" });
    this.title.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#titleKey(event));
    this.title.addEventListener("focus", () => this.#beginTitle());
    this.title.addEventListener("change", () => this.#saveTitle());
    this.renamed = h("div", { class: "theirs title-theirs", hidden: true, role: "status" });
    this.text = h("div", { class: "prose", dir: "auto" });
    this.field = h("textarea", { class: "long", rows: 4, maxlength: 10000, "aria-label": t("description"), placeholder: t("description_hint") });
    this.edit = h("button", { type: "button", class: "quiet small", click: () => this.#open() }, t("edit"));
    this.theirs = h("div", { class: "theirs", hidden: true, role: "status" });
    const cancel = h("button", { type: "button", class: "quiet", click: () => this.#close() }, t("cancel"));
    const submit = (/** @type {Event} */ event) => this.#saveText(event);
    const keydown = (/** @type {KeyboardEvent} */ event) => this.#textKey(event);
    this.form = h("form", { class: "say", hidden: true, submit, keydown }, withMentions(this.field));
    this.form.append(h("div", { class: "buttons" }, h("button", { class: "primary" }, t("save")), cancel));
    this.field.addEventListener("input", () => this.#keep());
    const heading = h("h3", { id: "description" }, t("description"));
    const head = h("div", { class: "section-head" }, heading, this.edit);
    this.element = h("section", { "aria-labelledby": "description" }, head, this.theirs, this.text, this.form);
    this.#goOn();
  }

  get #key() {
    return `description ${this.id}`;
  }

  /** With what was read when it was begun: others may have written since. */
  #keep() {
    const { version, description } = this.#base;
    keepDraft(this.#key, JSON.stringify({ text: this.field.value, version, description }));
  }

  /** What was begun before stands there again. */
  #goOn() {
    const kept = draft(this.#key);
    if (!kept) return;
    const { text, version, description } = JSON.parse(kept);
    this.#editing = true;
    this.#base = { version, description };
    this.field.value = text;
    this.#show();
  }

  /** @param {any} card */
  update(card) {
    this.#card = card;
    if (document.activeElement !== this.title && this.renamed.hidden) this.title.value = card.title;
    this.#showText(card.description);
  }

  /** Only what differs: a selection in it stays. @param {string} text */
  #showText(text) {
    if (text === this.#shown) return;
    this.#shown = text;
    this.text.replaceChildren(...rich(text));
    if (!text) this.text.append(h("span", { class: "hint" }, t("description_hint")));
  }

  /** @param {KeyboardEvent} event */
  #titleKey(event) {
    if (event.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
    if (event.key === "Escape") this.#resetTitle();
    event.preventDefault();
    // Left, it is saved.
    this.title.closest("dialog")?.focus({ preventScroll: true });
  }

  /** Once theirs has been shown, that is what one writes over. */
  #beginTitle() {
    if (this.renamed.hidden) this.#titleBase = this.#card;
  }

  #resetTitle() {
    this.renamed.hidden = true;
    this.title.value = this.#card.title;
  }

  /** While it is on its way the field may show what the server says. */
  async #saveTitle(title = this.title.value.replace(/\s+/g, " ").trim()) {
    if (!title || title === this.#card.title) return this.#resetTitle();
    try {
      const card = await this.#patch({ title }, this.#titleBase.version);
      this.renamed.hidden = true;
      this.changed(card);
      await state.load();
    } catch (problem) {
      if (problem instanceof Problem && problem.status === 412) await this.#titleConflict(title).catch(excuse);
      else excuse(problem);
    }
  }

  /** Moved or given away meanwhile: saved all the same.  Renamed: theirs is shown, ours is kept. @param {string} title */
  async #titleConflict(title) {
    const card = await call("GET", `cards/${this.id}`);
    const same = card.title === this.#titleBase.title;
    this.#titleBase = card;
    if (same) return this.#saveTitle(title);
    const save = h("button", { type: "button", class: "primary", click: () => this.#saveTitle() }, t("save"));
    const cancel = h("button", { type: "button", class: "quiet", click: () => this.#keepTheirs() }, t("cancel"));
    const theirs = h("p", { dir: "auto" }, t("renamed", { title: card.title }));
    this.renamed.replaceChildren(theirs, h("div", { class: "buttons" }, save, cancel));
    this.renamed.hidden = false;
    this.title.value = title;
    this.changed(card);
  }

  #keepTheirs() {
    this.title.focus();
    this.#resetTitle();
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
    keepDraft(this.#key, "");
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
    if (event.key !== "Escape" || this.field.value !== this.#card.description) return;
    event.preventDefault();
    this.#close();
  }

  /** @param {Event} event */
  async #saveText(event) {
    event.preventDefault();
    try {
      this.changed(await this.#patch({ description: this.field.value }, this.#base.version));
      this.#close();
    } catch (problem) {
      if (problem instanceof Problem && problem.status === 412) await this.#conflict().catch(excuse);
      else excuse(problem);
    }
  }

  async #conflict() {
    const card = await call("GET", `cards/${this.id}`);
    const same = card.description === this.#base.description;
    this.changed(card);
    this.#base = card;
    this.#keep();
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
