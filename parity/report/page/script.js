"use strict";

// Theme: the system's until the button is pressed; the choice is kept where the browser lets a file keep something.
const root = document.documentElement;
const button = document.getElementById("theme");
const system = matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
}

function nameTheme() {
  button.textContent = isDark() ? "Light theme" : "Dark theme";
}

function kept(theme) {
  try {
    if (theme) localStorage.setItem("parity-theme", theme);
    return localStorage.getItem("parity-theme");
  } catch {
    return null;
  }
}

if (["light", "dark"].includes(kept())) root.dataset.theme = kept();
button.hidden = false;
button.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  kept(root.dataset.theme);
  nameTheme();
});
system.addEventListener("change", nameTheme);
nameTheme();

// Sorting: numbers by data-value, unknown ones always last; rows that are equal keep their order.
function compare(one, other, numeric, direction) {
  if (!numeric) return direction * one.textContent.localeCompare(other.textContent, "en", { numeric: true });
  const [a, b] = [one.dataset.value, other.dataset.value];
  if (a === "" || b === "") return (a === "") - (b === "");
  return direction * (Number(a) - Number(b) || 0);
}

function sortBy(table, heading) {
  const ascending = heading.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const column = heading.cellIndex;
  const numeric = heading.classList.contains("number");
  const rows = [...table.tBodies[0].rows];
  rows.sort((one, other) => compare(one.cells[column], other.cells[column], numeric, ascending ? 1 : -1));
  table.tBodies[0].append(...rows);
}

for (const table of document.querySelectorAll("[data-filtered] table")) {
  for (const heading of table.tHead.rows[0].cells) {
    const sort = document.createElement("button");
    sort.type = "button";
    sort.textContent = heading.textContent;
    sort.addEventListener("click", () => sortBy(table, heading));
    heading.replaceChildren(sort);
    heading.setAttribute("aria-sort", "none");
  }
}

// Filters: every word somewhere in the row, and the chosen word in its column.
function filter(form, rows) {
  const words = form.querySelector("input").value.toLowerCase().split(/\s+/);
  const choice = form.querySelector("select");
  let shown = 0;
  for (const row of rows) {
    const text = [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
    const chosen = !choice?.value || row.cells[choice.dataset.column].textContent === choice.value;
    row.hidden = !(chosen && words.every((word) => text.includes(word)));
    shown += !row.hidden;
  }
  form.querySelector("output").textContent = `${shown} of ${rows.length} rows`;
}

for (const box of document.querySelectorAll("[data-filtered]")) {
  const form = box.querySelector("form");
  const rows = [...box.querySelector("tbody").rows];
  form.hidden = false;
  form.addEventListener("input", () => filter(form, rows));
  form.addEventListener("submit", (event) => event.preventDefault());
  filter(form, rows);
}
