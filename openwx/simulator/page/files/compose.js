// Writing: as the friend, as any member of the group, or as the owner on the phone.

import { toast } from "./api.js";
import { el, icon, iconButton, keep } from "./dom.js";
import { account, act, ask } from "./here.js";
import { SAMPLES } from "./samples.js";
import { t } from "./words.js";

const ME = "me";
const AT_MOST = 45e6;
const BOT_SAMPLES = ["sample_file", "voice", "video"];
const SAMPLES_OF_ALL = [...BOT_SAMPLES, "sticker", "location", "link", "articles", "card", "mini_program", "transfer", "red_packet", "chat_record",
  "live_location", "call", "shop_sticker"];
const EVERYBODY = "所有人";
const KINDS = [["image/", "sends_image"], ["video/mp4", "sends_video"], ["audio/mpeg", "sends_voice"]];

export function composer(type, key) {
  const isBot = type === "clawbot";
  let members = null;
  let quoted = null;
  const writer = el("select", { "aria-label": t("write_as"), name: "writer" });
  const text = el("textarea", {
    rows: 1, "aria-label": t("message"), placeholder: t("message"), name: "text", maxlength: 10000,
    onkeydown: (event) => {
      // While characters are composed, Enter chooses among them.
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        form.requestSubmit();
      }
    },
    oninput: grow,
    onpaste: (event) => takes(event, event.clipboardData),
  });
  const menu = el("div", { class: "menu", role: "group", "aria-label": t("more"), hidden: true },
    picker("image", "image/*"), sampleButtons("sample_image"), picker("file", ""),
    sampleButtons(...(isBot ? BOT_SAMPLES : SAMPLES_OF_ALL), ...(type === "group" ? ["announcement"] : [])));
  const quoting = el("p", { class: "quoting", hidden: true });
  const more = iconButton("plus", t("more"), toggle, { "aria-expanded": "false" });
  const form = el("form", { class: "composer", onsubmit: say,
    ondragover: (event) => event.preventDefault(),
    ondrop: (event) => takes(event, event.dataTransfer),
    onkeydown: (event) => { if (event.key === "Escape" && !menu.hidden) toggle(); } },
    quoting, el("label", { class: "writer", hidden: isBot }, icon("pen"), el("span", {}, t("write_as")), writer),
    el("div", { class: "composer-line" }, text, more, el("button", { type: "submit", class: "primary" }, t("send"))), menu);
  const nobody = el("p", { class: "empty", hidden: true }, t(isBot ? "bot_is_gone" : "no_writer"));

  function grow() {
    text.style.height = "auto";
    text.style.height = `${Math.min(text.scrollHeight, 130)}px`;
  }

  function toggle() {
    menu.hidden = !menu.hidden;
    more.setAttribute("aria-expanded", String(!menu.hidden));
    (menu.hidden ? more : menu.querySelector("button"))?.focus();
  }

  /** Call a verb as the chosen writer. */
  function as(verb, what) {
    if (isBot) return act(`clawbot/${verb}`, what);
    const whom = { [type]: key };
    if (writer.value === ME) return act(`phone/${verb}`, { ...whom, ...what });
    if (type === "friend") return act(`friend/${verb}`, { ...whom, ...what });
    return act(`group/member_${verb}`, { ...whom, member: writer.value, ...what });
  }

  async function say(event) {
    event.preventDefault();
    const said = text.value.trim();
    if (!said) return;
    const words = type === "group" ? withMentions(text.value, members ?? []) : said;
    const what = quoted ? ["quotes", { msg_id: quoted.msg_id, text: words }] : ["says", { text: words }];
    text.value = "";
    grow();
    if (!await as(...what)) return text.value ||= said;
    return quote(null);
  }

  /** Have the next text quote a message, or none. */
  function quote(message) {
    quoted = message;
    quoting.hidden = !message;
    quoting.replaceChildren();
    if (!message) return;
    quoting.append(el("span", {}, `${message.speaker?.name ?? ""}: ${message.text || t(message.kind)}`),
      iconButton("remove", t("stop_quoting"), () => quote(null)));
    text.focus();
  }

  async function send(file) {
    if (file.size > AT_MOST) return toast(t("too_big", file.name));
    const [, verb] = KINDS.find(([mime]) => file.type.startsWith(mime)) ?? ["", "sends_file"];
    return as(verb, { data: await base64(file), name: file.name });
  }

  /** Send pasted or dropped files; text is pasted as usual. */
  function takes(event, { files }) {
    if (!files.length) return;
    event.preventDefault();
    sendAll(files);
  }

  async function sendAll(files) {
    for (const file of files) await send(file);
  }

  function picker(kind, accept) {
    const input = el("input", { type: "file", accept, multiple: true, hidden: true, onchange: async () => {
      await sendAll(input.files);
      input.value = "";
    } });
    return [tile(kind, kind, () => input.click()), input];
  }

  function sampleButtons(...names) {
    return names.map((name) => tile(name, SAMPLES[name].icon, async () => {
      const { verb, make } = SAMPLES[name];
      const { blob, ...what } = await make();
      await as(verb, blob ? { ...what, data: await base64(blob) } : what);
    }));
  }

  async function load(chat) {
    const open = chat.id !== "fmessage" && !chat.stale;
    form.hidden = !open;
    nobody.hidden = open;
    if (type === "group" && members?.length !== chat.members) members = await ask("members", { group: key });
    keep(writer, writers(chat, members), (one) => one.value, ({ value, name }) => el("option", { value }, name));
  }

  return { load, quote, node: el("footer", {}, form, nobody) };
}

/** Mention members as a phone does: "@NAME " gets the space that ends a mention. */
function withMentions(text, members) {
  const names = [EVERYBODY, ...members.map((one) => one.display_name || one.nickname)].sort((a, b) => b.length - a.length);
  const any = names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  return text.replace(new RegExp(`@(${any}) `, "gu"), "@$1\u2005").replace(/^\s+|[ \n]+$/g, "");
}

/** Fill the list of possible writers; the default is the first. */
function writers(chat, members) {
  const me = { value: ME, name: t("on_my_phone", account().nickname) };
  if (chat.type === "clawbot") return [me];
  if (chat.type === "friend") return chat.id === "filehelper" ? [me] : [{ value: "friend", name: chat.name }, me];
  const others = members.filter((one) => !one.is_me);
  return [...others.map((one) => ({ value: String(one.key), name: one.display_name || one.nickname })), me];
}

function tile(name, picture, onclick) {
  return el("button", { type: "button", class: "tile", onclick }, el("span", { class: "tile-icon" }, icon(picture)), t(name));
}

async function base64(blob) {
  const reader = new FileReader();
  return new Promise((resolve, reject) => {
    reader.addEventListener("load", () => resolve(reader.result.split(",")[1] ?? ""));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(blob);
  });
}
