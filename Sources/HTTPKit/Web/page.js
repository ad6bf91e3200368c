// Small pieces for pages that are made of plain elements. Texts are set as texts, never as markup.

/** An element with properties and children. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Makes the children of an element those of another. What is alike stays, with its focus, selection and scrolling. */
function update(target, fresh) {
  const wanted = [...fresh.childNodes];
  const keys = new Set(wanted.map((node) => node.dataset?.key));
  wanted.forEach((now, index) => {
    let old = target.childNodes[index];
    while (old?.dataset?.key && !keys.has(old.dataset.key)) {
      old.remove();
      old = target.childNodes[index];
    }
    if (!old || old.nodeName !== now.nodeName || old.dataset?.key !== now.dataset?.key) {
      target.insertBefore(now, old || null);
    } else if (now.nodeType === Node.TEXT_NODE) {
      if (old.data !== now.data) old.data = now.data;
    } else {
      for (const { name } of [...old.attributes]) if (!now.hasAttribute(name)) old.removeAttribute(name);
      for (const { name, value } of now.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
      old.onclick = now.onclick;
      update(old, now);
    }
  });
  while (target.childNodes.length > wanted.length) target.lastChild.remove();
}

/** What an element shows from now on. */
export function show(id, ...children) {
  update(document.getElementById(id), element("div", {}, ...children));
}

/** A table of rows of cells `{ content, className }`, the first of which names the row; a line when there are none. */
export function table(empty, titles, rows) {
  if (rows.length === 0) return element("p", { className: "empty" }, empty);
  const numbers = rows[0].map((cell) => cell.className === "number");
  const head = titles.map((title, index) => element("th", { scope: "col", className: numbers[index] ? "number" : "" }, title));
  const body = rows.map((cells) => {
    const row = element("tr", {},
      ...cells.map((cell) => element("td", { className: cell.className || "" }, cell.content)));
    row.dataset.key = cells[0].content;
    cells.forEach((_, index) => { row.cells[index].dataset.label = titles[index]; });
    return row;
  });
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
