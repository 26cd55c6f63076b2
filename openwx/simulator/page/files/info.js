// About a chat: its members, its name, and how to leave it.

import { dialog } from "./dialog.js";
import { avatar, el, iconButton, keep } from "./dom.js";
import { act, ask, go, head } from "./here.js";
import { t } from "./words.js";

const SHOWN = 40;

export function open(type, key) {
  return type === "group" ? aboutGroup(key) : aboutFriend(key);
}

function aboutGroup(key) {
  let shown = SHOWN;
  const list = el("ul", { class: "rows" });
  const invited = el("ul", { class: "rows" });
  const invitedTitle = el("h2", { class: "list-title" }, t("invited"));
  const count = el("h2", { class: "list-title" });
  const all = el("button", { type: "button", class: "wide inset", onclick: () => { shown = Infinity; load(); } }, t("show_all"));
  let chat = null;

  async function load() {
    let members;
    [chat, members] = await Promise.all([ask("chat", { group: key, limit: 1 }), ask("members", { group: key })]);
    count.textContent = t("members", members.length);
    all.hidden = members.length <= shown;
    invitedTitle.hidden = !chat.invited.length;
    keep(invited, chat.invited, (one) => one.key, (one) => person(one.name, one.colour, "",
      el("button", { type: "button", onclick: () => act("group/accepts_invitation", { group: key, member: String(one.key) }) }, t("joins"))));
    keep(list, members.slice(0, shown), (one) => one.key, (one) => {
      const name = one.display_name || one.nickname;
      return person(name, one.colour, one.display_name ? one.nickname : "",
        !one.is_me && iconButton("remove", t("remove", name), () => act("group/remove_member", { group: key, member: String(one.key) })));
    });
  }

  const rename = async () => {
    const given = await dialog(t("rename_group"), { fields: [{ name: "name", label: t("name"), value: chat.name }] });
    if (given) await act("group/rename", { group: key, ...given });
  };
  const invite = async () => {
    const friends = await ask("friends");
    const given = await dialog(t("invite"), { fields: [
      { name: "member", label: t("invite_whom"), suggestions: friends.map((one) => one.nickname) },
    ] });
    if (given) await act("group/add_member", { group: key, ...given });
  };
  const leave = async () => {
    if (await act("phone/leaves_group", { group: key })) go("chats");
  };
  return { load, node: page(`chat/group/${key}`,
    el("div", { class: "card actions" }, action(rename, t("rename_group")), action(invite, t("invite")), action(leave, t("leave_group"), "danger")),
    invitedTitle, invited, count, list, all) };
}

function aboutFriend(key) {
  const actions = el("div", { class: "card actions" });
  const whom = { friend: key };

  async function load() {
    const chat = await ask("chat", { ...whom, limit: 1 });
    keep(actions, [chat], () => "actions", () => el("div", {},
      person(chat.nickname, chat.colour, chat.remark, null, "div"),
      chat.dropped_me && el("p", { class: "hint" }, t("dropped_me")),
      action(named("friend/renames", t("rename_friend", chat.nickname), chat.nickname), t("rename_friend", chat.nickname)),
      action(named("phone/remarks", t("remark"), chat.remark, true), t("remark")),
      action(() => act("friend/changes_avatar", whom), t("changes_avatar", chat.nickname)),
      !chat.dropped_me && action(() => act("friend/unfriends_me", whom), t("unfriends_me", chat.nickname)),
      chat.id === "" && action(async () => { if (await act("phone/deletes", whom)) go("chats"); }, t("delete_friend"), "danger")));
  }

  const named = (verb, title, value, optional = false) => async () => {
    const given = await dialog(title, { fields: [{ name: "name", label: t("name"), value, optional }] });
    if (given) await act(verb, { ...whom, ...given });
  };
  return { load, node: page(`chat/friend/${key}`, actions) };
}

const page = (back, ...parts) => el("section", { class: "page" }, head(t("info"), back), ...parts);

const action = (onclick, words, kind = "") => el("button", { type: "button", class: `wide ${kind}`, onclick }, words);

function person(name, colour, below, button, tag = "li") {
  return el(tag, {}, el("div", { class: "row" }, avatar(name, colour),
    el("span", { class: "row-text" }, el("span", { class: "row-name" }, name), el("span", { class: "row-last" }, below)), button));
}
