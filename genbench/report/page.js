
"use strict";
const said = document.getElementById("said");

// --- tables that sort: numbers as numbers, blank cells last, the order as written the third time

const words = new Intl.Collator("en", { numeric: true });

function keyOf(row, column) {
  const cell = row.cells[column];
  if (cell.dataset.number !== undefined) return Number(cell.dataset.number);
  if (cell.classList.contains("number") || cell.classList.contains("blank")) return null;
  return cell.textContent.trim();
}

function compare(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number" && typeof b === "number") return sign * (a - b);
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return sign * words.compare(a, b);
}

function sortRows(table, column, order) {
  const sign = order === "descending" ? -1 : 1;
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => row.dataset.place !== undefined);
    const place = (row) => Number(row.dataset.place);
    rows.sort((a, b) =>
      (order && compare(keyOf(a, column), keyOf(b, column), sign)) || place(a) - place(b));
    body.append(...rows);
  }
}

function upcoming(order, numbers) {
  const orders = numbers ? ["descending", "ascending", ""] : ["ascending", "descending", ""];
  return orders[(orders.indexOf(order) + 1) % orders.length];
}

for (const table of document.querySelectorAll("table[data-sorts]")) {
  const corner = table.querySelector("thead th");
  const last = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  const heads = last.includes(corner) ? last : [corner, ...last];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const order = upcoming(head.getAttribute("aria-sort") || "", head.classList.contains("number"));
      for (const other of heads) other.removeAttribute("aria-sort");
      if (order) head.setAttribute("aria-sort", order);
      sortRows(table, column, order);
      const name = head.textContent.trim();
      said.textContent = order ? `Sorted by ${name}, ${order}.` : "In the order as written.";
    });
  });
}

// --- rows that show: those whose name has one of the words, commas between; in all tables alike

const filter = document.getElementById("filter");

function wanted(name, words) {
  return words.length === 0 || words.some((word) => name.includes(word));
}

function filterRows() {
  const words = filter.value.toLowerCase().split(",").map((word) => word.trim()).filter(Boolean);
  let shown = 0, all = 0;
  for (const row of document.querySelectorAll("table[data-filters] tr[data-place]")) {
    row.hidden = !wanted(row.cells[0].textContent.toLowerCase(), words);
    shown += Number(!row.hidden);
    all += 1;
  }
  for (const record of document.querySelectorAll("details.record")) {
    record.hidden = !wanted(record.querySelector("h3").textContent.toLowerCase(), words);
  }
  said.textContent = `${shown} of ${all} rows are shown.`;
}

if (filter) filter.addEventListener("input", filterRows);

// --- light and dark: as the system says, until the button says otherwise; nothing is kept

const theme = document.getElementById("theme");
const system = window.matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : system.matches;
}

function showTheme() {
  theme.setAttribute("aria-pressed", String(isDark()));
}

theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  showTheme();
});
system.addEventListener("change", showTheme);
showTheme();

// --- copying: by the clipboard, or by a selection where a browser refuses that to a file

function select(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = window.getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    select(element);
    return document.execCommand("copy");
  }
}

for (const button of document.querySelectorAll("button.copy")) {
  button.addEventListener("click", async () => {
    const done = await copy(button.parentElement.querySelector("code"));
    button.textContent = done ? "Copied" : "Selected";
    said.textContent = done ? "Copied." : "Selected; your own key for copying takes it.";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}

// --- folds: all records at once, and what a print must show

const unfold = document.getElementById("unfold");
if (unfold) {
  unfold.addEventListener("click", () => {
    const open = unfold.getAttribute("aria-pressed") !== "true";
    for (const record of document.querySelectorAll("details.record")) record.open = open;
    unfold.setAttribute("aria-pressed", String(open));
  });
}

let folded = [];
window.addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details[data-prints]:not([open])")];
  for (const part of folded) part.open = true;
});
window.addEventListener("afterprint", () => {
  for (const part of folded) part.open = false;
});
