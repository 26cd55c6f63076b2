// The owner of the account, and all accounts of this simulator.

import { avatar, el, icon, keep, say } from "./dom.js";
import { dialog } from "./dialog.js";
import { account, act, head, here, switchTo } from "./here.js";
import { t } from "./words.js";

export function open() {
  const name = el("strong");
  const details = el("small");
  const picture = el("div");
  const all = accounts();

  async function load() {
    const { nickname, uin, name: called, colour } = account();
    say(name, nickname);
    say(details, `${called} · ${uin}`);
    keep(picture, [{ nickname, colour }], () => "me", () => avatar(nickname, colour, "large"));
    all.load();
  }

  return { load, node: el("section", { class: "page" }, head(t("me"), ""),
    el("div", { class: "card me" }, picture, el("div", {}, name, details),
      el("button", { type: "button", onclick: rename }, t("rename_me"))),
    el("h2", { class: "list-title" }, t("accounts")), all.node) };
}

async function rename() {
  const given = await dialog(t("rename_me"), { fields: [{ name: "name", label: t("name"), value: account().nickname }] });
  if (given) await act("phone/renames_me", given);
}

/** Make the switcher: every account with its state, and a button to add one. */
export function accounts() {
  const list = el("ul", { class: "rows accounts" });

  function load() {
    const shown = here.state.accounts.map((one) => ({ ...one, chosen: one.account === here.account }));
    keep(list, shown, (one) => one.account, (one) => el("li", {},
      el("button", { type: "button", class: "row", "aria-pressed": String(one.chosen), onclick: () => switchTo(one.account) },
        avatar(one.nickname, one.colour),
        el("span", { class: "row-text" },
          el("span", { class: "row-name" }, one.nickname),
          el("span", { class: "row-last" }, el("i", { class: one.online || one.bot ? "lamp on" : "lamp" }), t(one.online ? "logged_in" : one.bot ? "bot_bound" : "logged_out"))),
        one.chosen && icon("check"))));
  }

  return { load, node: el("div", { class: "card" }, list,
    el("button", { type: "button", class: "wide", onclick: add }, icon("plus"), t("add_account"))) };
}

async function add() {
  const given = await dialog(t("add_account"), { fields: [
    { name: "name", label: t("name"), value: `account${here.state.accounts.length + 1}` },
    { name: "friends", label: t("how_many_friends"), type: "number", value: 12 },
    { name: "groups", label: t("how_many_groups"), type: "number", value: 3 },
  ] });
  const added = given && await act("account/add", { ...given, biggest_group: 40 });
  if (added) switchTo(added.account);
}
