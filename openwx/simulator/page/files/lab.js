// Beyond a phone: end the session, inject faults, list the calls. Shown beside the phone where there is room.

import { attempt, get, post } from "./api.js";
import { el, keep } from "./dom.js";
import { account, act, head, here } from "./here.js";
import { accounts } from "./me.js";
import { second, t } from "./words.js";

const FAULTS = ["drop", "lose_answer", "server_error", "hang", "garbage", "truncate", "partial", "empty", "ret"];
const CALLS = ["webwxsendmsg", "webwxsync", "synccheck", "webwxinit", "webwxgetcontact", "webwxbatchgetcontact", "webwxuploadmedia",
  "webwxsendmsgimg", "webwxsendappmsg", "webwxrevokemsg", "webwxgetmsgimg", "webwxupdatechatroom", "jslogin", "login", "getupdates", "sendmessage",
  "getuploadurl", "c2c/upload", "c2c/download", "get_bot_qrcode", "get_qrcode_status", "getconfig", "sendtyping", "*"];
const LATEST = 40;

let lists = 0;

export function open() {
  const all = accounts();
  const session = sessionCard();
  const faults = faultCard();
  const calls = callCard();

  async function load() {
    all.load();
    session.load();
    faults.load();
    await calls.load();
  }

  return { load, node: el("section", { class: "page lab-page" }, head(t("lab"), ""),
    card(t("accounts"), all.node), card(t("session"), session.node), card(t("faults"), faults.node), card(t("calls"), calls.node)) };
}

const card = (title, ...parts) => el("section", { class: "lab-card" }, el("h2", {}, title), ...parts);

const button = (words, onclick, kind = "") => el("button", { type: "button", class: kind, onclick }, words);

function sessionCard() {
  const out = button(t("end_session"), () => act("phone/logs_out_web"));
  const elsewhere = button(t("log_in_elsewhere"), () => act("account/ends_session", { ret: 1101 }));
  const expire = button(t("expire_codes"), () => act("codes/expire"));
  const refuse = button(t("refuse"), () => act(account().refusal ? "account/allow_login" : "account/refuse_login"));

  const stale = button(t("bot_goes_stale"), () => act("clawbot/goes_stale"));
  const closes = button(t("bot_window_closes"), () => act("clawbot/window_closes"));

  function load() {
    stale.hidden = closes.hidden = !account().bot;
    out.disabled = elsewhere.disabled = !account().online;
    expire.disabled = here.state.codes.length === 0;
    refuse.textContent = t(account().refusal ? "allow" : "refuse");
  }

  return { load, node: el("div", { class: "buttons" }, out, elsewhere, expire, refuse, stale, closes) };
}

function faultCard() {
  const list = `calls-known-${lists++}`;
  const ret = el("input", { name: "ret", type: "number", value: 1205, required: true });
  const retField = el("label", { class: "field", hidden: true }, t("ret_code"), ret);
  const fault = el("select", { name: "fault", onchange: () => { retField.hidden = fault.value !== "ret"; } },
    FAULTS.map((name) => el("option", { value: name }, `${name} – ${t(name)}`)));
  const rules = el("ul", { class: "rules" });
  const none = el("p", { class: "hint" }, t("no_faults"));
  const clear = button(t("clear_all"), () => act("faults/clear"));
  const form = el("form", { class: "fault-form", onsubmit: (event) => {
    event.preventDefault();
    const { times, ret: code, ...given } = Object.fromEntries(new FormData(form));
    attempt(() => post("faults/add", { ...given, ...(times && { times: Number(times) }), ...(given.fault === "ret" && { ret: Number(code) }) }));
  } },
  el("label", { class: "field" }, t("which_call"),
    el("input", { name: "call", required: true, value: CALLS[0], list, autocomplete: "off" })),
  el("datalist", { id: list }, CALLS.map((name) => el("option", { value: name }))),
  el("label", { class: "field" }, t("which_fault"), fault), retField,
  el("label", { class: "field" }, t("times"), el("input", { name: "times", type: "number", min: 1, value: 1 })),
  el("button", { type: "submit", class: "primary" }, t("inject")));

  function load() {
    const now = here.state.faults.map((rule, number) => ({ ...rule, number }));
    none.hidden = now.length > 0;
    clear.hidden = now.length === 0;
    keep(rules, now, (rule) => rule.number, (rule) => el("li", {},
      t("rule", rule.call, rule.fault, rule.times === null ? t("always") : t("so_often", rule.times), rule.hits)));
  }

  return { load, node: el("div", {}, form, none, rules, clear) };
}

function callCard() {
  const rows = el("tbody");
  const none = el("p", { class: "hint" }, t("no_calls"));
  const table = el("table", {}, el("thead", {}, el("tr", {},
    [t("when"), t("what"), t("how")].map((words) => el("th", { scope: "col" }, words)))), rows);

  async function load() {
    const calls = await get("calls", { last: LATEST });
    none.hidden = calls.length > 0;
    table.hidden = calls.length === 0;
    const shown = calls.map(({ time, name, fault }) => ({ time, name, fault }));
    keep(rows, shown.reverse(), (call) => `${call.time} ${call.name}`, (call) => el("tr", { class: call.fault ? "struck" : "" },
      el("td", {}, second(call.time)), el("td", {}, el("code", {}, call.name || "/")), el("td", {}, call.fault)));
  }

  return { load, node: el("div", { class: "calls", tabindex: "0", "aria-label": t("calls") }, none, table) };
}
