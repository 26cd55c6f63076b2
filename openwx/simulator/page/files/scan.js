// The camera: the login QR codes of web clients, for this account's phone to scan.

import { loginCode } from "./api.js";
import { el, icon, keep } from "./dom.js";
import { act, go, head, here } from "./here.js";
import { t } from "./words.js";

export function open() {
  const codes = el("ul", { class: "codes" });
  const none = el("p", { class: "empty" }, t("no_code"));
  const hint = el("p", { class: "hint" }, t("by_itself"));

  async function load() {
    const waiting = here.state.codes;
    none.hidden = waiting.length > 0;
    hint.hidden = !here.state.settings.auto_scan || !waiting.length;
    keep(codes, waiting, (code) => code.uuid, frame);
  }

  return { load, node: el("section", { class: "page camera" }, head(t("scan"), "chats"), codes, none, hint) };
}

function frame({ uuid, kind }) {
  // The prompt that follows covers the list of chats.
  const scan = async () => {
    if (await act("phone/scan", { uuid, timeout_s: 1 })) go("chats");
  };
  return el("li", {},
    el("div", { class: "finder" }, el("img", { src: loginCode(uuid), alt: t("code_alt", uuid), width: 240, height: 240 })),
    el("button", { type: "button", class: "primary wide", onclick: scan }, icon("scan"), t(kind === "ilink" ? "scan_bot" : "scan_this")));
}
