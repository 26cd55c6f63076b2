// The message form: Enter sends; a file can be chosen, pasted or dropped, previewed, and removed.
"use strict";

const composer = () => document.getElementById("composer");
const chosenFile = () => composer()?.elements.media?.files[0]; // no field where files cannot be sent

const units = ["B", "kB", "MB", "GB"];

function shownSize(bytes) {
  let unit = 0;
  for (; bytes >= 1000 && unit < units.length - 1; unit += 1) bytes /= 1000;
  return `${bytes.toFixed(bytes >= 10 || !unit ? 0 : 1)} ${units[unit]}`;
}

function complain(id) {
  const words = document.getElementById(id);
  document.getElementById("composer-error").replaceChildren(...(words ? [words.content.cloneNode(true)] : []));
}

function showChosen() {
  const row = composer().querySelector(".chosen");
  const file = chosenFile();
  const picture = row.querySelector(".chosen-picture");
  if (picture.src) URL.revokeObjectURL(picture.src);
  picture.removeAttribute("src");
  row.hidden = !file;
  picture.hidden = !file?.type.match(/^image\/(png|jpeg|gif|webp)$/);
  row.querySelector(".icon").classList.toggle("gone", !picture.hidden);
  if (!file) return;
  row.querySelector(".chosen-name").textContent = file.name;
  row.querySelector(".chosen-size").textContent = shownSize(file.size);
  if (!picture.hidden) picture.src = URL.createObjectURL(file);
}

// Accepts only the first of several files, and none that is too large for the gateway.
function choose(files) {
  const field = composer().elements.media;
  if (!field) return;
  const fits = files.length > 0 && files[0].size <= Number(composer().dataset.most);
  const kept = new DataTransfer();
  if (fits) kept.items.add(files[0]);
  field.files = kept.files;
  complain(files.length && !fits ? "too-large" : files.length > 1 ? "one-file" : "");
  showChosen();
}

document.addEventListener("change", (event) => {
  if (event.target.id === "media") choose([...event.target.files]);
});

document.addEventListener("click", (event) => {
  if (!event.target.closest?.(".unchoose")) return;
  choose([]);
  document.getElementById("content").focus();
});

document.addEventListener("paste", (event) => {
  if (event.target.id !== "content" || !event.clipboardData.files.length) return;
  event.preventDefault();
  choose([...event.clipboardData.files]);
});

const carriesFiles = (event) => composer()?.elements.media && event.dataTransfer?.types.includes("Files");

for (const type of ["dragenter", "dragover"]) {
  document.addEventListener(type, (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    composer().classList.add("dropping");
  });
}

document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) composer()?.classList.remove("dropping");
});

document.addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  composer().classList.remove("dropping");
  choose([...event.dataTransfer.files]);
});

document.addEventListener("keydown", (event) => {
  if (event.target.id === "content" && event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});

// Text that is typed while a message is being sent belongs to the next one.
let sent = "";
let written = "";

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt.id !== "composer") return;
  complain("");
  sent = document.getElementById("content").value;
});

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id === "composer") written = document.getElementById("content").value;
});

document.addEventListener("htmx:xhr:progress", (event) => {
  const bar = event.target.id === "composer" && event.target.querySelector("progress");
  if (!bar || !chosenFile() || !event.detail.lengthComputable || !event.detail.total) return;
  bar.hidden = false;
  bar.value = event.detail.loaded / event.detail.total;
});

document.addEventListener("htmx:sendError", (event) => {
  if (event.detail.elt.id === "composer") complain("no-connection");
});

// Rejected or lost: the form stays the same.
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt.id === "composer") event.detail.elt.querySelector("progress").hidden = true;
});

// Accepted: the answer replaced the form.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.elt.id !== "composer" || event.detail.target.id !== "composer") return;
  const field = document.getElementById("content");
  if (written !== sent) field.value = written;
  sent = written = "";
  talk?.toEnd();
  field.focus();
});
