// Friend requests to the account, and from the web client.

import { avatar, el, iconButton, keep } from "./dom.js";
import { act, ask, head } from "./here.js";
import { strangerAsks } from "./chats.js";
import { t } from "./words.js";

export function open() {
  const [theirs, ours] = [el("ul", { class: "rows" }), el("ul", { class: "rows" })];
  const [noTheirs, noOurs] = [0, 1].map(() => el("p", { class: "empty" }, t("none_yet")));

  async function load() {
    const [incoming, outgoing] = await Promise.all([ask("friend_requests"), ask("friend_requests_sent")]);
    noTheirs.hidden = incoming.length > 0;
    noOurs.hidden = outgoing.length > 0;
    keep(theirs, incoming.reverse(), (one) => one.msg_id, (one) =>
      row(one, t("accept"), () => act("phone/accepts", { name: one.msg_id })));
    keep(ours, outgoing.map((one, number) => ({ ...one, number })).reverse(), (one) => one.number, (one) =>
      row(one, t("says_yes"), () => act("account/is_accepted", { name: String(one.key) })));
  }

  return { load, node: el("section", { class: "page" },
    head(t("friends"), "", iconButton("plus", t("stranger_asks"), strangerAsks)),
    el("h2", { class: "list-title" }, t("they_asked")), theirs, noTheirs,
    el("button", { type: "button", class: "wide inset", onclick: strangerAsks }, t("stranger_asks")),
    el("h2", { class: "list-title" }, t("we_asked")), ours, noOurs) };
}

function row({ nickname, words, accepted, colour }, label, onclick) {
  return el("li", {}, el("div", { class: "row" },
    avatar(nickname, colour),
    el("span", { class: "row-text" }, el("span", { class: "row-name" }, nickname), el("span", { class: "row-last" }, words)),
    accepted ? el("small", {}, t("accepted")) : el("button", { type: "button", class: "primary", onclick }, label)));
}
