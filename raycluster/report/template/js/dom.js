// Elements and numbers. Everything on the page is made here, as text and never as markup.

/** Make an element. Attributes that are functions become listeners; false, null and undefined leave one out. */
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (name === "value" || name === "checked") made[name] = value;
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return made;
}

const byId = (id) => document.getElementById(id);
const readJson = (id) => JSON.parse(byId(id).textContent);
const thousands = (n) => n.toLocaleString("en-US");
const counted = (n, noun) => `${thousands(n)} ${noun}${n === 1 ? "" : "s"}`;
const share = (x) => x.toFixed(2);

/** A table: the first row holds the names of the columns; the first column is text, the others are numbers. */
function table(rows) {
  const cell = (tag) => (text, i) => el(tag, { class: i ? "n" : null }, text);
  const [head, ...body] = rows;
  return el("div", { class: "scroll" },
    el("table", {}, el("thead", {}, el("tr", {}, head.map(cell("th")))),
      el("tbody", {}, body.map((row) => el("tr", {}, row.map(cell("td")))))));
}

let noticeTimer = 0;

/** Say something at the bottom of the window for a few seconds. */
function notify(text) {
  const notice = byId("notice");
  notice.textContent = text;
  notice.hidden = false;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { notice.hidden = true; }, 6000);
}
