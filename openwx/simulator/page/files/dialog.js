// Dialogs: a choice, or a few fields.

import { el } from "./dom.js";
import { t } from "./words.js";

const box = document.getElementById("dialog");

/**
 * Return the choice or the values, or null if the dialog was closed.
 * `choices`: pairs of a value and its words. `fields`: `{name, label, value, type, optional, lines, suggestions}`.
 */
export function dialog(title, { choices = [], fields = [], button = t("ok") }) {
  return new Promise((resolve) => {
    let answer = null;
    const finish = (value) => {
      answer = value;
      box.close();
    };
    const inputs = fields.map((field) => input(field));
    const form = el("form", {
      method: "dialog",
      onsubmit: (event) => {
        event.preventDefault();
        finish(Object.fromEntries(new FormData(form)));
      },
    },
    el("h2", { id: "dialog-title" }, title),
    choices.map(([value, words]) => el("button", { type: "button", class: "wide", onclick: () => finish(value) }, words)),
    inputs,
    el("div", { class: "dialog-end" },
      el("button", { type: "button", onclick: () => finish(null) }, t("cancel")),
      fields.length > 0 && el("button", { type: "submit", class: "primary" }, button)));
    box.replaceChildren(form);
    box.setAttribute("aria-labelledby", "dialog-title");
    box.addEventListener("close", () => resolve(answer), { once: true });
    box.showModal();
    box.querySelector("input, textarea")?.select();
  });
}

function input({ name, label, value = "", type = "text", optional = false, lines = false, suggestions = [] }) {
  const list = `suggestions-${name}`;
  const control = lines
    ? el("textarea", { name, required: !optional, rows: 4 }, value)
    : el("input", { name, type, value, required: !optional, autocomplete: "off", list: suggestions.length ? list : null });
  return el("label", { class: "field" }, label, control,
    suggestions.length > 0 && el("datalist", { id: list }, suggestions.map((one) => el("option", { value: one }))));
}
