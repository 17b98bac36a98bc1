/** Who is logged in, and the way out. */

import { call, Problem, toLogin } from "./api.js";
import { h } from "./dom.js";
import { forgetDrafts, forgetOthersDrafts } from "./drafts.js";
import { excuse } from "./notes.js";
import { initials, page, t } from "./page.js";
import { onSessionChange, sessionChanged } from "./session.js";

export function showAccount() {
  const { id, name } = /** @type {{id: number, name: string}} */ (page.me);
  const button = /** @type {HTMLElement} */ (document.querySelector(".account"));
  button.append(h("span", { class: "sr" }, t("user_menu", { name })));
  button.title = name;
  const sign = /** @type {HTMLElement} */ (button.querySelector(".face"));
  sign.textContent = initials(name);
  sign.classList.add(`tint-${id % 8}`);
  document.getElementById("log-out")?.addEventListener("click", () => {
    call("DELETE", "session").then(leave).catch(excuse);
  });
  forgetOthersDrafts();
  onSessionChange(look);
}

function leave() {
  forgetDrafts();
  sessionChanged();
  toLogin();
}

/** Another tab logged in or out. */
function look() {
  call("GET", "session").catch((problem) => {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.status === 401) toLogin();
  });
}
