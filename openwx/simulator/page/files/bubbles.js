// Messages as a phone shows them.

import { attachment } from "./api.js";
import { avatar, el, icon } from "./dom.js";
import { act, here } from "./here.js";
import { bytes, moment, t } from "./words.js";

const WITH_ICON = {
  location: "place", link: "link", card: "person", mini_program: "grid", transfer: "coin", red_packet: "envelope",
  announcement: "people", chat_record: "chats", call: "call", live_location: "place", friend_request: "people", other: "chats",
};

/** Return the line for the list of chats. */
export function preview(message, chat) {
  if (message.revoked) return recalled(message);
  const tag = ["text", "notice"].includes(message.kind) ? "" : `[${t(message.kind)}] `;
  const said = tag + (message.kind === "file" ? message.file_name : message.text);
  const who = chat.type === "group" && message.by === "other" && message.speaker;
  return who ? `${who.name}: ${said}` : said;
}

function recalled({ by, speaker }) {
  return by === "other" ? t("recalled", speaker?.name ?? "") : t("recalled_me");
}

/** Return the list item of a message, or of the time between two. `onquote` begins an answer that quotes the message. */
export function bubble(message, chat, onquote) {
  if (message.kind === "time") return el("li", { class: "notice" }, el("time", {}, moment(message.time)));
  if (message.kind === "notice") return el("li", { class: "notice" }, message.text);
  if (message.revoked) return el("li", { class: "notice", "data-msg-id": message.msg_id }, recalled(message));
  const { by, speaker } = message;
  const own = by !== "other";
  return el("li", { class: own ? "said own" : "said", "data-msg-id": message.msg_id, "aria-label": t("message_of", speaker?.name ?? "") },
    avatar(speaker?.name ?? "?", speaker?.colour ?? "#888888"),
    el("div", { class: "said-body" },
      chat.type === "group" && !own && el("span", { class: "said-by" }, speaker?.name ?? ""),
      content(message),
      el("span", { class: "said-after" }, ...marks(message, chat),
        canBeQuoted(message, chat) && el("button", { type: "button", class: "quiet", onclick: () => onquote(message) }, t("quote")),
        canBeRecalled(message, chat) && el("button", { type: "button", class: "quiet", onclick: () => recall(message, chat) }, t("recall")))));
}

/** A bot is not told of recalls, and can make none. */
const canBeRecalled = ({ kind }, { type }) => kind !== "friend_request" && type !== "clawbot";

const canBeQuoted = ({ kind }, { type, id }) => kind !== "friend_request" && kind !== "call" && type !== "clawbot" && id !== "fmessage";

function marks({ by, bounced, taken }, { type }) {
  if (type === "clawbot") return by === "other" ? [] : [took(taken, "bot_took", "bot_waits")];
  if (bounced) return [el("span", { class: "wrong" }, icon("warning"), t("bounced"))];
  if (by === "web") return [el("span", { class: "via" }, icon("laptop"), t("via_web"))];
  return [took(taken, "taken", "not_taken")];
}

function took(taken, yes, no) {
  const label = t(taken ? yes : no);
  return el("span", { class: taken ? "taken" : "waits", role: "img", "aria-label": label, title: label }, icon(taken ? "check" : "clock"));
}

function recall({ msg_id, by, speaker }, chat) {
  if (by !== "other") return act("phone/recalls", { msg_id });
  if (chat.type === "group") return act("group/member_recalls", { group: chat.key, msg_id });
  return act("friend/recalls", { friend: chat.key, msg_id });
}

function content(message) {
  const { kind, text, medium, msg_id } = message;
  const address = medium && attachment(here.account, msg_id);
  switch (kind) {
    case "text":
      return el("p", { class: "bubble", dir: "auto" }, message.quotes && el("small", { class: "quoted" }, message.quotes), text);
    case "image":
    case "sticker":
      if (message.unreadable) return card("warning", t(kind), t("unreadable"));
      if (!medium) return card("sticker", t(kind), t("only_on_phone"));
      return el("a", { class: kind, href: address, target: "_blank", rel: "noopener" },
        el("img", { src: address, alt: t(kind), loading: "lazy" }));
    case "voice":
      return voice(address, message.seconds);
    case "video":
      if (message.unreadable) return card("warning", t(kind), t("unreadable"));
      return el("a", { class: "video", href: address, target: "_blank", rel: "noopener", "aria-label": t("video") },
        icon("play"), message.seconds != null && el("small", {}, t("seconds", message.seconds)));
    case "file":
      if (message.unreadable) return card("warning", message.file_name, t("unreadable"));
      return el("a", { class: "card-bubble", href: address, download: message.file_name },
        icon("file"), el("span", {}, el("strong", {}, message.file_name), el("small", {}, medium ? bytes(medium.size) : "")));
    case "friend_request":
      return request(message);
    case "link":
      return card("link", text, message.url);
    default:
      return card(WITH_ICON[kind] ?? "chats", text || t(kind), text ? t(kind) : t("only_on_phone"), kind);
  }
}

function card(picture, title, below, kind = "") {
  return el("div", { class: `card-bubble ${kind}` }, icon(picture),
    el("span", {}, el("strong", {}, title), el("small", {}, below)));
}

function voice(address, seconds) {
  const play = () => new Audio(address).play().catch(() => window.open(address, "_blank", "noopener"));
  const button = el("button", { type: "button", class: "bubble voice", onclick: play, "aria-label": `${t("voice")} ${t("seconds", seconds)}` },
    icon("voice"), t("seconds", seconds));
  button.style.width = `${Math.min(80 + 8 * seconds, 240)}px`;
  return button;
}

function request({ text, request: asked, msg_id }) {
  return el("div", { class: "card-bubble" }, icon("people"),
    el("span", {}, el("strong", {}, asked?.name ?? ""), el("small", {}, text),
      asked?.accepted ? el("small", {}, t("accepted"))
        : el("button", { type: "button", class: "primary", onclick: () => act("phone/accepts", { name: msg_id }) }, t("accept"))));
}
