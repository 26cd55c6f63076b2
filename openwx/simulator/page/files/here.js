// Shared by all screens: the present account, the simulator's state, and the requests for both.

import { attempt, get, post } from "./api.js";
import { el, icon } from "./dom.js";
import { t } from "./words.js";

export const here = { account: Number(sessionStorage.getItem("account") ?? 0), state: null };

/** Return the present account's state. */
export const account = () => here.state.accounts[here.account];

/** Request something of the present account. */
export const ask = (path, query = {}) => get(path, { account: here.account, ...query });

/** Call a verb for the present account. Show an error and return null if it fails. */
export const act = (path, body = {}) => attempt(() => post(path, { account: here.account, ...body }));

export function go(...path) {
  location.hash = "#/" + path.join("/");
}

export const route = () => location.hash.replace(/^#\/?/, "").split("/").filter(Boolean);

export function switchTo(number) {
  here.account = number;
  sessionStorage.setItem("account", number);
  if (route()[0] === "chats") window.dispatchEvent(new Event("hashchange"));
  else go("chats");
}

/** Make the head of a screen: a link back, its name, its actions. */
export function head(title, back, ...actions) {
  const way = back && el("a", { class: "icon-button", href: "#/" + back, "aria-label": t("back"), title: t("back") }, icon("back"));
  return el("header", { class: "head" },
    el("div", { class: "head-side" }, way),
    el("h1", { tabindex: "-1" }, title),
    el("div", { class: "head-side end" }, ...actions));
}
