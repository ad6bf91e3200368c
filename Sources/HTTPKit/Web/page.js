// Small pieces for pages that are made of plain elements. Texts are set as texts, never as markup.

/** An element with properties and children. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Replaces what an element shows, if it changed: so that focus and selection stay. */
export function show(id, ...children) {
  const target = document.getElementById(id);
  const probe = element("div", {}, ...children);
  if (probe.innerHTML === target.innerHTML) return;
  const focused = target.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  target.replaceChildren(...probe.childNodes);
  if (focused) target.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

/** A table of rows of cells `{ content, className }`, or a line when there are none. */
export function table(empty, titles, rows) {
  if (rows.length === 0) return element("p", { className: "empty" }, empty);
  const numbers = rows[0].map((cell) => cell.className === "number");
  const head = titles.map((title, index) => element("th", { scope: "col", className: numbers[index] ? "number" : "" }, title));
  const body = rows.map((cells) => element("tr", {},
    ...cells.map((cell) => element("td", { className: cell.className || "" }, cell.content))));
  return element("div", { className: "scroll" },
    element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body)));
}

/** Mebibytes for people. */
export function size(mebibytes) {
  return mebibytes >= 1024 ? `${(mebibytes / 1024).toFixed(1)} GiB` : `${mebibytes.toFixed(0)} MiB`;
}

/** How long ago a moment in seconds since 1970 was. */
export function ago(seconds) {
  const past = Math.max(0, Date.now() / 1000 - seconds);
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (past >= length) return `${Math.floor(past / length)} ${unit} ago`;
  }
  return `${Math.floor(past)} s ago`;
}
