// Keeps a page pleasant: times in the browser's zone, the view at the newest message, a lost connection told.
// What is shown comes from the server; without this file every page and form still works.
"use strict";

const zone = document.documentElement.lang;
const day = new Intl.DateTimeFormat(zone, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
const hour = new Intl.DateTimeFormat(zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

function showTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
    const at = new Date(time.dateTime);
    time.title = at.toLocaleString(zone);
    time.textContent = (at.toDateString() === new Date().toDateString() ? hour : day).format(at);
  }
}

function body() { return document.querySelector("[data-stick]"); }

function isAtEnd(box) { return box.scrollHeight - box.scrollTop - box.clientHeight < 120; }

function toEnd() {
  const box = body();
  if (box) box.scrollTop = box.scrollHeight;
}

let follow = true;

// A picture that does not come leaves the letter that stands beneath it.
document.addEventListener("error", (event) => {
  if (event.target.matches?.(".avatar img")) event.target.classList.add("broken");
}, true);

// Pictures make a conversation longer after it was shown.
document.addEventListener("load", (event) => {
  if (event.target.matches?.(".picture") && follow) toEnd();
}, true);

document.addEventListener("DOMContentLoaded", () => {
  for (const image of document.querySelectorAll(".avatar img")) {
    if (image.complete && !image.naturalWidth && image.src) image.classList.add("broken");
  }
  showTimes(document);
  toEnd();
  body()?.addEventListener("scroll", () => { follow = isAtEnd(body()); }, { passive: true });
});

document.addEventListener("htmx:afterSettle", (event) => showTimes(event.target.parentElement ?? document));

document.addEventListener("htmx:sseMessage", (event) => {
  const list = event.target;
  showTimes(list);
  if (list.id === "feed") {
    list.firstElementChild?.classList.add("fresh");
    const most = Number(list.dataset.most ?? 300);
    while (list.children.length > most) list.lastElementChild.remove();
  }
  if (list.id === "messages" && follow) toEnd();
});

// -- the stream

// Browsers allow six connections to a host, so a page that nobody sees gives its own back, and goes on when it is seen.
class Stream extends EventTarget {
  constructor(url) {
    super();
    this.url = new URL(url, location.href);
    this.types = new Set();
    this.look = () => (document.hidden ? this.source?.close() : this.connect());
    document.addEventListener("visibilitychange", this.look);
    this.look();
  }

  connect() {
    this.source?.close();
    this.source = new EventSource(this.url);
    this.source.onopen = (event) => this.onopen?.(event);
    this.source.onerror = (event) => this.onerror?.(event);
    for (const type of this.types) this.source.addEventListener(type, this);
  }

  addEventListener(type, listener) {
    super.addEventListener(type, listener);
    if (!this.types.has(type)) this.source?.addEventListener(type, this);
    this.types.add(type);
  }

  handleEvent(event) {
    if (event.lastEventId) this.url.searchParams.set("after", event.lastEventId);
    this.dispatchEvent(new MessageEvent(event.type, { data: event.data }));
  }

  get readyState() { return this.source?.readyState ?? EventSource.CONNECTING; }

  close() {
    document.removeEventListener("visibilitychange", this.look);
    this.source?.close();
  }
}

let stream;

htmx.createEventSource = (url) => {
  const where = stream?.url ?? url;
  stream?.close();
  stream = new Stream(where);
  return stream;
};

// After a lost connection the stream goes on where it was: what is there already is not shown twice.
document.addEventListener("htmx:sseBeforeMessage", (event) => {
  const part = document.createElement("template");
  part.innerHTML = event.detail.data;
  if (part.innerHTML.trim() === event.target.innerHTML.trim()) event.preventDefault(); // nothing to say anew
  const id = /^\s*<li id="([fm]-\d+)"/.exec(event.detail.data)?.[1];
  if (id && document.getElementById(id)) event.preventDefault();
});

document.addEventListener("htmx:sseError", (event) => {
  document.getElementById("offline").hidden = false;
  if (event.detail.source.readyState !== EventSource.CLOSED) return;
  // The server answers but gives no stream: if one must log in again, this leads there.
  const pill = document.getElementById("pill");
  htmx.ajax("GET", pill.firstElementChild.getAttribute("href") + "/pill", { target: pill, swap: "innerHTML" });
});

document.addEventListener("htmx:sseOpen", () => { document.getElementById("offline").hidden = true; });

// -- forms

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}, true);

document.addEventListener("keydown", (event) => {
  if (event.target.id === "content" && event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});

document.addEventListener("change", (event) => {
  if (event.target.id !== "media") return;
  const chosen = event.target.form.querySelector(".chosen");
  const file = event.target.files[0];
  chosen.hidden = !file;
  chosen.textContent = file ? file.name : "";
});

document.addEventListener("paste", (event) => {
  const field = document.getElementById("media");
  if (event.target.id !== "content" || !field || !event.clipboardData.files.length) return;
  event.preventDefault();
  field.files = event.clipboardData.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
});

document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt.id === "composer" && event.detail.successful) {
    follow = true;
    requestAnimationFrame(() => { toEnd(); document.getElementById("content")?.focus(); });
  }
});
