// Shows times in the browser's zone, scrolls to the newest message, and reports a lost connection. The server renders
// all content; every page and form works without this file. `composer.js` is for the message form.
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

// If a picture fails to load, the letter beneath it stays visible.
document.addEventListener("error", (event) => {
  if (event.target.matches?.(".avatar img")) event.target.classList.add("broken");
}, true);

document.addEventListener("DOMContentLoaded", () => {
  for (const image of document.querySelectorAll(".avatar img")) {
    if (image.complete && !image.naturalWidth && image.src) image.classList.add("broken");
  }
  showTimes(document);
});

document.addEventListener("htmx:afterSettle", (event) => showTimes(event.target.parentElement ?? document));

document.addEventListener("htmx:sseMessage", (event) => {
  const list = event.target;
  showTimes(list);
  if (list.id !== "feed") return;
  list.firstElementChild?.classList.add("fresh");
  const most = Number(list.dataset.most ?? 300);
  while (list.children.length > most) list.lastElementChild.remove();
});

// -- a conversation

// Follows the newest message while the reader is at the end. Messages of others do not move a reader who has scrolled
// up: a button announces them.
class Talk {
  constructor(box) {
    this.box = box;
    this.newer = document.querySelector(".newer");
    this.follow = true;
    box.addEventListener("scroll", () => this.look(), { passive: true });
    this.newer?.addEventListener("click", () => this.toEnd());
    // The content grows or its box shrinks: messages, pictures, the keyboard of a phone, a long draft.
    const grown = new ResizeObserver(() => { if (this.follow) this.toEnd(); });
    for (const part of [box, ...box.children]) grown.observe(part);
    this.markRecalled();
    this.toEnd();
  }

  look() {
    this.follow = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < 120;
    if (this.follow && this.newer) this.newer.hidden = true;
  }

  toEnd() {
    this.follow = true;
    if (this.newer) this.newer.hidden = true;
    this.box.scrollTop = this.box.scrollHeight;
  }

  // A new message was appended to the list.
  arrived(message) {
    if (this.follow || message?.classList.contains("mine")) this.toEnd();
    else if (this.newer) this.newer.hidden = false;
    this.markRecalled();
  }

  // A recall names a message that is shown already, or loaded later with "Older".
  markRecalled() {
    const recalled = new Set([...this.box.querySelectorAll("[data-recalls]")].map((note) => note.dataset.recalls));
    for (const message of recalled.size ? this.box.querySelectorAll("[data-message]") : []) {
      if (recalled.has(message.dataset.message)) message.classList.add("recalled");
    }
  }
}

let talk;

document.addEventListener("DOMContentLoaded", () => {
  const box = document.querySelector("[data-stick]");
  if (box) talk = new Talk(box);
});

document.addEventListener("htmx:sseMessage", (event) => {
  if (event.target.id === "messages") talk?.arrived(event.target.lastElementChild);
});

document.addEventListener("htmx:afterSettle", () => talk?.markRecalled());

// -- the stream

function offline(is) {
  document.body.classList.toggle("offline", is);
  document.getElementById("offline").hidden = !is;
}

// The one stream of the page. After a lost connection it resumes where it was. Browsers allow six connections to a host,
// so a hidden page closes its connection, and reconnects when it becomes visible.
class Stream extends EventTarget {
  constructor(url) {
    super();
    this.url = new URL(url, location.href);
    this.types = new Set();
    this.failures = 0;
    this.look = () => (document.hidden ? this.pause() : this.connect());
    document.addEventListener("visibilitychange", this.look);
    addEventListener("pagehide", () => this.pause());
    addEventListener("pageshow", (event) => { if (event.persisted) this.look(); });
    this.look();
  }

  pause() {
    clearTimeout(this.again);
    this.source?.close();
  }

  connect() {
    this.pause();
    this.source = new EventSource(this.url);
    this.source.onopen = (event) => {
      this.failures = 0;
      offline(false);
      this.onopen?.(event);
    };
    this.source.onerror = () => this.lost();
    for (const type of this.types) this.source.addEventListener(type, this);
  }

  // Either the gateway is gone, or it ended only this stream: the account was restarted, or a login is needed.
  async lost() {
    this.pause();
    const pill = document.querySelector("#pill a").getAttribute("href") + "/pill";
    const answer = await fetch(pill, { headers: { "HX-Request": "true" } }).catch(() => null);
    const elsewhere = answer?.headers.get("HX-Redirect");
    if (elsewhere) {
      location.assign(elsewhere);
      return;
    }
    if (answer === null) offline(true);
    if (document.hidden) return;
    const pause = Math.min(250 * 2 ** this.failures, 4000);
    this.failures += 1;
    this.again = setTimeout(() => this.connect(), pause);
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
    this.pause();
  }
}

let stream;

htmx.createEventSource = (url) => {
  const where = stream?.url ?? url;
  stream?.close();
  stream = new Stream(where);
  return stream;
};

// After a lost connection the stream may repeat what is shown already.
document.addEventListener("htmx:sseBeforeMessage", (event) => {
  const part = document.createElement("template");
  part.innerHTML = event.detail.data;
  if (part.innerHTML.trim() === event.target.innerHTML.trim()) event.preventDefault(); // unchanged
  const id = /^\s*<li[^>]* id="([fm]-\d+)"/.exec(event.detail.data)?.[1];
  if (id && document.getElementById(id)) event.preventDefault();
});

// A page without a stream notices a lost connection by its requests.
document.addEventListener("htmx:sendError", () => offline(true));
document.addEventListener("htmx:afterOnLoad", () => { if (!stream) offline(false); });

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}, true);
