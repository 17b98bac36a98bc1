/** Logging in. */

import { call, Problem } from "./api.js";
import { page, t } from "./page.js";
import { onSessionChange, sessionChanged } from "./session.js";

const form = /** @type {HTMLFormElement} */ (document.getElementById("login"));
const problem = /** @type {HTMLElement} */ (document.getElementById("problem"));

/** @param {{user_id?: number, name?: string, password: string}} credentials */
async function logIn(credentials) {
  problem.textContent = "";
  try {
    await call("POST", "session", credentials);
    sessionChanged();
    location.replace(page.next || "/");
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    problem.textContent = error.message || t("error");
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const given = new FormData(form);
  logIn({ name: String(given.get("name")), password: String(given.get("password")) });
});

for (const button of document.querySelectorAll("[data-user]")) {
  const id = Number(/** @type {HTMLElement} */ (button).dataset.user);
  button.addEventListener("click", () => logIn({ user_id: id, password: "demo" }));
}

// Logged in with another tab: this one goes on, too.
onSessionChange(() => location.reload());
