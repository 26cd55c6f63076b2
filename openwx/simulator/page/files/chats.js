// The list of chats: friends and groups, with the last message and the unread count.

import { avatar, el, icon, iconButton, keep } from "./dom.js";
import { dialog } from "./dialog.js";
import { account, act, ask, go, head, here } from "./here.js";
import { preview } from "./bubbles.js";
import { moment, t } from "./words.js";

export function open() {
  let wanted = "";
  const list = el("ul", { class: "rows", id: "chats" });
  const banner = el("div", { class: "banner" });
  const none = el("p", { class: "empty", hidden: true }, t("nothing_found"));
  const search = el("input", {
    type: "search", "aria-label": t("search"), placeholder: t("search"), autocomplete: "off",
    oninput: () => { wanted = search.value; load(); },
  });

  async function load() {
    keep(banner, [webClient(), ...botClient()], (state) => state, bannerRow);
    const chats = await ask("chats", { search: wanted });
    none.hidden = chats.length > 0;
    keep(list, chats, (chat) => `${chat.type}${chat.key}`, row);
  }

  return { load, node: el("section", { class: "page" },
    head(t("chats"), "", iconButton("scan", t("scan"), () => go("scan")), iconButton("plus", t("add"), add)),
    banner, el("div", { class: "search" }, search), list, none) };
}

/** Return whether a web client is logged in, or waits for it. */
function webClient() {
  if (account().online) return "in";
  return here.state.codes.length ? "waits" : "out";
}

/** Return whether the owner has a bot whose client is logged in. */
const botClient = () => account().bot ? ["bot"] : [];

const BANNERS = {
  in: ["laptop", "web_is_in"], waits: ["scan", "code_waits"], out: ["laptop", "web_is_out"], bot: ["chats", "bot_is_in"],
};

function bannerRow(state) {
  const [picture, words] = BANNERS[state];
  return el("div", { class: `banner-row ${state}` }, icon(picture), el("span", { role: "status" }, t(words)),
    state === "in" && el("button", { type: "button", onclick: () => act("phone/logs_out_web") }, t("log_out")),
    state === "waits" && el("button", { type: "button", class: "primary", onclick: () => go("scan") }, t("scan")));
}

function row(chat) {
  const { last, unread } = chat;
  return el("li", { class: chat.pinned ? "pinned" : "" },
    el("a", { href: `#/chat/${chat.type}/${chat.key}` },
      avatar(chat.name, chat.colour),
      el("span", { class: "row-text" },
        el("span", { class: "row-name" }, chat.name, chat.members && el("small", {}, ` (${chat.members})`)),
        el("span", { class: "row-last" }, last ? preview(last, chat) : "")),
      el("span", { class: "row-side" },
        last && el("time", {}, moment(last.time)),
        unread > 0 && el("span", { class: "badge", "aria-label": t("unread", unread) }, unread > 99 ? "99+" : String(unread)))));
}

async function add() {
  const choice = await dialog(t("add"), { choices: [
    ["stranger", t("stranger_asks")], ["friend", t("new_friend")], ["group", t("new_group")],
  ] });
  if (choice === "stranger") await strangerAsks();
  if (choice === "friend") {
    const given = await dialog(t("new_friend"), { fields: [{ name: "name", label: t("name"), value: t("sample_stranger") }] });
    if (given) await act("friend/add", given);
  }
  if (choice === "group") {
    const given = await dialog(t("new_group"), { fields: [
      { name: "name", label: t("name"), value: t("sample_group") },
      { name: "members", label: t("group_members"), lines: true, value: "小灰\nmomo" },
    ] });
    if (given) await act("group/add", { ...given, members: given.members.split("\n").filter((name) => name.trim()) });
  }
}

export async function strangerAsks() {
  const given = await dialog(t("stranger_asks"), { fields: [
    { name: "name", label: t("name"), value: t("sample_stranger") },
    { name: "words", label: t("their_words"), value: t("sample_hello"), optional: true },
  ] });
  if (given) await act("account/asks_to_be_friends", given);
}
