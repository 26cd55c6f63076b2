// The control API, and its stream of changes.

import { t } from "./words.js";

const ROOT = "/_simulator/";

async function answer(response) {
  const body = await response.json();
  if (!response.ok) throw Object.assign(new Error(body.error), { status: response.status });
  return body;
}

export async function get(path, query = {}) {
  return answer(await fetch(`${ROOT}${path}?${new URLSearchParams(query)}`));
}

export async function post(path, body = {}) {
  const headers = { "Content-Type": "application/json" };
  return answer(await fetch(ROOT + path, { method: "POST", headers, body: JSON.stringify(body) }));
}

export const attachment = (account, msgId) => `${ROOT}attachment?${new URLSearchParams({ account, msg_id: msgId })}`;
export const loginCode = (uuid) => `${ROOT}login_code?${new URLSearchParams({ uuid })}`;

/** Call `changed(now, before)` with a number for each thing that can change, whenever one changes. */
export function watch(changed) {
  let before = { accounts: [] };
  let lost = false;
  const source = new EventSource(ROOT + "changes");
  source.addEventListener("message", (event) => {
    const now = JSON.parse(event.data);
    if (lost) toast("");
    lost = false;
    changed(now, before);
    before = now;
  });
  source.addEventListener("error", () => {
    lost = true;
    toast(t("connection_lost"), 0);
  });
}

let fading;

/** Show a text at the bottom for some seconds; without seconds, until the next text. */
export function toast(text, seconds = 6) {
  const node = document.getElementById("toast");
  clearTimeout(fading);
  node.textContent = text;
  if (text && seconds) fading = setTimeout(() => toast(""), seconds * 1000);
}

/** Await the work. Show an error and return null if it fails. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    toast(error.message);
    return null;
  }
}
