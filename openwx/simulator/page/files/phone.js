// The start: selects the screen, and reloads it after changes.

import { attempt, get, toast, watch } from "./api.js";
import * as chat from "./chat.js";
import * as chats from "./chats.js";
import { el, icon } from "./dom.js";
import * as friends from "./friends.js";
import { account, act, go, here, route } from "./here.js";
import * as info from "./info.js";
import * as lab from "./lab.js";
import * as me from "./me.js";
import * as scan from "./scan.js";
import { language, t } from "./words.js";

const SCREENS = { chats, chat, info, friends, me, scan, lab };
const TABS = { chats: "chats", friends: "people", me: "person", lab: "flask" };

const screenPlace = document.getElementById("screen");
const tabs = document.getElementById("tabs");
const prompt = document.getElementById("prompt");
const labAside = lab.open();

let screen = null;

async function show(event) {
  if (here.state === null) return;
  const [name = "chats", ...rest] = route();
  screen?.close?.();
  screen = (SCREENS[name] ?? chats).open(...rest);
  document.body.dataset.screen = name;
  screenPlace.replaceChildren(screen.node);
  tabs.hidden = ["chat", "info", "scan"].includes(name);
  for (const link of tabs.children) {
    if (link.dataset.name === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  await load();
  // Keyboard users continue from the head of the new screen.
  if (event && !screen.node.contains(document.activeElement)) screen.node.querySelector("h1")?.focus();
}

/** Load the screen. If its content is gone (a group that was left), show the list of chats. */
async function load() {
  try {
    await screen.load();
  } catch (error) {
    toast(error.message);
    if (error.status === 404) go("chats");
  }
}

let prompted = "null";

function showPrompt() {
  const { prompt: asked, nickname } = account();
  if (JSON.stringify(asked) === prompted) return;
  prompted = JSON.stringify(asked);
  prompt.hidden = !asked;
  screenPlace.inert = tabs.inert = Boolean(asked);
  prompt.replaceChildren();
  if (!asked) return;
  const { kind, digits, offers_confirm: offered } = asked;
  const isBot = kind === "ilink";
  const words = !isBot ? "prompt_text" : digits ? "bot_digits" : offered ? "bot_prompt_text" : "bot_too_old";
  const answer = (verb) => async () => {
    if (await act(verb) && route()[0] === "scan") go("chats");
  };
  prompt.append(
    el("section", { class: "sheet", role: "alertdialog", "aria-labelledby": "prompt-title", "aria-describedby": "prompt-text" },
      icon(isBot ? "chats" : "laptop"),
      el("h2", { id: "prompt-title" }, t(isBot ? "bot_prompt_title" : "prompt_title")),
      digits && el("strong", { class: "digits" }, digits),
      el("p", { id: "prompt-text" }, t(words, nickname)),
      offered && el("button", { type: "button", class: "primary wide", onclick: answer("phone/confirm") }, t(isBot ? "bot_confirm" : "confirm")),
      el("button", { type: "button", class: "wide", onclick: answer("phone/cancel") }, t("cancel"))));
  prompt.querySelector("button").focus();
}

async function loadState() {
  here.state = await get("state");
  if (!account()) here.account = 0;
  showPrompt();
}

let busy = false;
let waiting = null;

/** Reload what changed; changes meanwhile are loaded afterwards. */
async function changed(now, before) {
  if (busy) {
    waiting = [now, waiting?.[1] ?? before];
    return;
  }
  busy = true;
  const onlyCalls = screen !== null && now.world === before.world && now.login === before.login
    && now.accounts.join() === before.accounts.join();
  await attempt(async () => {
    if (!onlyCalls) await loadState();
    if (screen === null) await show();
    else if (!onlyCalls || document.body.dataset.screen === "lab") await load();
    if (labAside.node.checkVisibility()) await labAside.load();
  });
  busy = false;
  if (waiting) {
    const next = waiting;
    waiting = null;
    await changed(...next);
  }
}

document.documentElement.lang = language;
document.title = t("title");
for (const [name, picture] of Object.entries(TABS)) {
  tabs.append(el("a", { href: `#/${name}`, "data-name": name }, icon(picture), t(name)));
}
document.getElementById("lab").append(labAside.node);
window.addEventListener("hashchange", show);
watch(changed);
