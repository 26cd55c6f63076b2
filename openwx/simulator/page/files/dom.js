// Building and updating elements. All content goes through text nodes: nothing is ever parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: `on…` members are listeners, the others attributes (true: present; false, null: absent). */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child != null && child !== false));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `/_simulator/page/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/** Make a button with only an icon; `label` is for screen readers. */
export function iconButton(name, label, onclick, attributes = {}) {
  return el("button", { type: "button", class: "icon-button", "aria-label": label, title: label, onclick, ...attributes },
    icon(name));
}

const segments = new Intl.Segmenter();

/** Make a square in the colour of a person, with the first letter of the name. */
export function avatar(name, colour, size = "") {
  const [first] = segments.segment(name || "?");
  const square = el("span", { class: `avatar ${size}`, "aria-hidden": "true" }, first.segment);
  // A little paler than the picture that web clients get.
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) * 0.7 + 45);
  square.style.backgroundColor = `rgb(${red} ${green} ${blue})`;
  square.style.color = red * 0.3 + green * 0.59 + blue * 0.11 > 140 ? "#1b1b1b" : "#ffffff";
  return square;
}

const kept = new WeakMap();

/** Keep one child of `parent` for each item, in order; a child is replaced only if its item changed. */
export function keep(parent, items, keyOf, make) {
  const before = kept.get(parent) ?? new Map();
  const after = new Map();
  for (const item of items) {
    const key = keyOf(item);
    const looks = JSON.stringify(item);
    const known = before.get(key);
    after.set(key, known?.looks === looks ? known : { looks, node: make(item) });
  }
  const wanted = new Set([...after.values()].map(({ node }) => node));
  for (const { node } of before.values()) if (!wanted.has(node)) node.remove();
  let at = parent.firstChild;
  for (const node of wanted) {
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
  kept.set(parent, after);
}

/** Set a text only if it differs, so that screen readers do not repeat it. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
