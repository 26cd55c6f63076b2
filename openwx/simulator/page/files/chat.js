// One chat: its messages in both directions, and a form to write as anybody in it.

import { el, icon, keep, say } from "./dom.js";
import { bubble } from "./bubbles.js";
import { composer } from "./compose.js";
import { act, ask, head, here } from "./here.js";
import { t } from "./words.js";

const PAGE = 60;
const PAUSE_S = 300;
/** The distance in pixels that counts as "at the end": new messages scroll into view. */
const NEAR = 120;

export function open(type, key) {
  const whom = { account: here.account, [type]: key };
  const isBot = type === "clawbot";
  let limit = PAGE;
  const title = el("span");
  const count = el("small");
  const budget = el("p", { class: "notice budget" });
  const list = el("ol", { class: "log" });
  const earlier = el("button", { type: "button", class: "quiet earlier", onclick: () => { limit += PAGE; load(); } }, t("earlier"));
  const none = el("p", { class: "empty" }, t(isBot ? "no_messages_of_bot" : "no_messages"));
  const talk = el("div", { class: "talk", tabindex: "0", role: "log", "aria-live": "off" }, earlier, none, list, budget);
  const writing = composer(type, key);

  async function load() {
    const chat = await ask("chat", { ...whom, limit });
    say(title, chat.typing ? t("typing") : chat.name);
    say(count, chat.members ? ` (${chat.members})` : "");
    const atEnd = talk.scrollHeight - talk.scrollTop - talk.clientHeight < NEAR;
    const fromEnd = talk.scrollHeight - talk.scrollTop;
    earlier.hidden = !chat.more;
    none.hidden = chat.messages.length > 0;
    say(budget, chat.type !== "clawbot" || chat.sends_left === null ? "" : t("bot_sends_left", chat.sends_left));
    keep(list, withTimes(chat.messages), (message) => message.msg_id, (message) => bubble(message, chat, writing.quote));
    talk.scrollTop = atEnd ? talk.scrollHeight : talk.scrollHeight - fromEnd;
    await writing.load(chat);
    // Screen readers announce new messages, not the earlier ones.
    talk.setAttribute("aria-label", chat.name);
    talk.setAttribute("aria-live", "polite");
  }

  // Pictures that load later push the end down.
  list.addEventListener("load", () => {
    if (talk.scrollHeight - talk.scrollTop - talk.clientHeight < NEAR + 300) talk.scrollTop = talk.scrollHeight;
  }, true);
  act(isBot ? "clawbot/opens" : "phone/opens", whom);
  return {
    load,
    close: () => act(isBot ? "clawbot/opens" : "phone/leaves", whom),
    node: el("section", { class: "page chat" },
      head(el("span", { class: "chat-title" }, title, count), "chats",
        !isBot && el("a", { class: "icon-button", href: `#/info/${type}/${key}`, "aria-label": t("info"), title: t("info") }, icon("dots"))),
      talk, writing.node),
  };
}

/** Insert the time before each message that came after a pause. */
function withTimes(messages) {
  let last = 0;
  return messages.flatMap((message) => {
    const pause = message.time - last > PAUSE_S;
    last = message.time;
    return pause ? [{ kind: "time", time: message.time, msg_id: `time ${message.msg_id}` }, message] : [message];
  });
}
