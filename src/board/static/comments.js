/** What was said about a card, and the field to say more. */

import { call } from "./api.js";
import { arrange, face, h } from "./dom.js";
import { draft, keepDraft, withDraft } from "./drafts.js";
import { withMentions } from "./mention.js";
import { excuse } from "./notes.js";
import { ago, page, t, when } from "./page.js";
import { rich } from "./rich.js";
import { state } from "./state.js";

/** @typedef {{id: number, card_id: number, author_id: number, text: string, created_at: string, edited_at: string | null}} Comment */

/** As many as the server gives at once. */
const PAGE = 50;

export class Comments {
  /** @type {Map<number, {comment: Comment, element: HTMLElement}>} */
  #views = new Map();
  #earlier = false;

  /** @param {number} card */
  constructor(card) {
    this.card = card;
    this.list = h("ol", { class: "comments" });
    this.more = h("button", { type: "button", class: "quiet", click: () => this.#showEarlier() }, t("more_comments"));
    this.field = h("textarea", { rows: 2, maxlength: 5000, required: true, placeholder: t("comment_hint"), "aria-label": t("comment_hint") });
    this.key = `comment ${card}`;
    withDraft(this.field, this.key);
    this.field.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
    });
    this.form = h(
      "form",
      { class: "say", submit: (/** @type {Event} */ event) => this.#send(event) },
      withMentions(this.field),
      h("button", { class: "primary" }, t("send")),
    );
    this.element = h("section", { "aria-labelledby": "comments" }, h("h3", { id: "comments" }, t("comments")));
    this.element.append(this.more, this.list, this.form);
    this.more.hidden = true;
  }

  async load() {
    this.#take(await call("GET", `cards/${this.card}/comments`));
  }

  /** @param {Comment[]} comments */
  #take(comments) {
    for (const comment of comments) this.#keep(comment);
    this.more.hidden = this.#earlier || (comments.length < PAGE && this.#views.size < PAGE);
    const ids = [...this.#views.keys()].sort((a, b) => a - b);
    arrange(this.list, ids.flatMap((id) => this.#views.get(id)?.element ?? []));
  }

  /** @param {Comment} comment */
  #keep(comment) {
    const kept = this.#views.get(comment.id);
    if (kept && (kept.comment.text === comment.text || kept.element.matches(":focus-within"))) return;
    this.#views.set(comment.id, { comment, element: this.#view(comment) });
  }

  /** @param {Comment} comment */
  #view(comment) {
    const author = state.users.get(comment.author_id);
    const time = h("time", { datetime: comment.created_at, title: when(comment.created_at) }, ago(comment.created_at));
    const head = h("p", { class: "comment-head" }, h("b", { dir: "auto" }, author?.name ?? ""), " ", time);
    if (comment.edited_at) head.append(` (${t("edited")})`);
    const text = h("p", { class: "prose", dir: "auto" }, ...rich(comment.text));
    const body = h("div", { class: "comment-body" }, head, text);
    if (comment.author_id === page.me?.id) {
      const click = () => this.#edit(comment, body, text).focus();
      head.append(h("button", { type: "button", class: "quiet small", click }, t("edit")));
      if (draft(`edit ${comment.id}`)) this.#edit(comment, body, text);
    }
    return h("li", {}, face(author), body);
  }

  /** @param {Comment} comment @param {HTMLElement} body @param {HTMLElement} text */
  #edit(comment, body, text) {
    const present = body.querySelector("textarea");
    if (present) return present;
    const key = `edit ${comment.id}`;
    const field = h("textarea", { maxlength: 5000, required: true, "aria-label": t("edit") });
    withDraft(field, key);
    field.value ||= comment.text;
    const stop = () => {
      keepDraft(key, "");
      form.replaceWith(text);
      body.querySelector("button")?.focus();
    };
    const submit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      try {
        const changed = await call("PATCH", `comments/${comment.id}`, { text: field.value });
        stop();
        this.#views.delete(comment.id);
        this.#take([changed]);
        this.#views.get(comment.id)?.element.querySelector("button")?.focus();
      } catch (problem) {
        excuse(problem);
      }
    };
    const cancel = h("button", { type: "button", class: "quiet", click: stop }, t("cancel"));
    const buttons = h("div", { class: "buttons" }, h("button", { class: "primary" }, t("save")), cancel);
    const form = h("form", { class: "say", submit }, withMentions(field), buttons);
    text.replaceWith(form);
    return field;
  }

  async #showEarlier() {
    const before = Math.min(...this.#views.keys());
    try {
      const comments = await call("GET", `cards/${this.card}/comments?before=${before}`);
      this.#earlier = comments.length < PAGE;
      this.#take(comments);
    } catch (problem) {
      excuse(problem);
    }
  }

  /** @param {Event} event */
  async #send(event) {
    event.preventDefault();
    const text = this.field.value.trim();
    if (!text) return;
    this.field.value = "";
    try {
      this.#take([await call("POST", `cards/${this.card}/comments`, { text })]);
      keepDraft(this.key, this.field.value);
      this.form.scrollIntoView({ block: "nearest" });
    } catch (problem) {
      this.field.value = text;
      excuse(problem);
    }
  }
}
