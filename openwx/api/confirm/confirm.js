"use strict";

// A click that was meant for another page, which has just gone away, must not reach the button.
const WAIT_MS = 800;

const main = document.querySelector("main");
const button = document.getElementById("do");
const outcome = document.getElementById("outcome");
const token = document.getElementById("token");

async function call() {
  const given = new URLSearchParams(location.search);
  for (const name of main.dataset.notPassedOn.split(" ")) given.delete(name);
  const headers = token && token.value ? { Authorization: `Bearer ${token.value}` } : {};
  try {
    const answer = await fetch(location.pathname, { method: "POST", body: given, headers });
    outcome.textContent = `${answer.status}: ${await answer.text()}`;
  } catch {
    outcome.textContent = main.dataset.lost;
  }
}

button.addEventListener("click", async (event) => {
  if (!event.isTrusted) return;
  isWorking = true;
  show();
  outcome.textContent = main.dataset.working;
  await call();
  isWorking = false;
  show();
});

let timer = 0;
let isArmed = false;
let isWorking = false;

function show() {
  button.disabled = isWorking || !isArmed;
}

// Losing the focus restarts the wait: another window may have covered this one until the click.
function arm() {
  clearTimeout(timer);
  isArmed = false;
  show();
  if (document.visibilityState !== "visible" || !document.hasFocus()) return;
  timer = setTimeout(() => { isArmed = true; show(); }, WAIT_MS);
}

document.addEventListener("visibilitychange", arm);
for (const name of ["focus", "blur", "pageshow"]) window.addEventListener(name, arm);
arm();
