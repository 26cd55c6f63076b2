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
  button.disabled = true;
  outcome.textContent = main.dataset.working;
  await call();
  button.disabled = false;
});

function arm() {
  if (document.visibilityState !== "visible") return;
  document.removeEventListener("visibilitychange", arm);
  setTimeout(() => { button.disabled = false; }, WAIT_MS);
}

document.addEventListener("visibilitychange", arm);
arm();
