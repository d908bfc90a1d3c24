// The table of settings. Each row opens to the runs of its setting.

import { columns, joined, ofRuns, RUN_COLUMNS } from "page/columns";
import { collapseOf, data, experiment, labelOf, task } from "page/data";
import { $, button, copyButton, element } from "page/dom";
import { send } from "page/events";
import { filtered } from "page/filter";
import { number, plural } from "page/format";
import { csv, latex, markdown } from "page/texts";
import { open, view } from "page/view";

const ROWS = 25;
const LEFT_OUT = ["finetuning_epochs", "macs_nonzero", "compression", "val_accuracy", "sparsity", "seeds", "difference", "collapsed"];  // in this order, if there is little space
const NARROW = 560, LOUD = ["test_accuracy", "collapsed"];
let shown = [], first = 0, sorted = { id: null, down: false }, opened = new Set(), printing = false, whole = false;

export function filterSettings() {
  const all = task.experiments.map(experiment), known = columns();
  const { rows, problem } = filtered($("filter").value, [...known, ...ofRuns()], all);
  shown = rows;
  const column = known.find(({ id }) => id === sorted.id);
  if (column) shown = [...shown].sort((a, b) => (sorted.down ? -1 : 1) * compare(column.figure(a), column.figure(b)));
  first = 0;
  $("problem").textContent = problem;
  $("problem").hidden = !problem;
  $("count").textContent = `${number(shown.length)} of ${plural(all.length, "setting")}, ${plural(shown.reduce((sum, one) => sum + one.runs.length, 0), "run")}`;
  drawSettings();
  const found = new Set(shown);
  send("kept", shown.length < all.length ? new Set(task.experiments.filter((index) => found.has(experiment(index)))) : null);
}

const compare = (a, b) => (a === b ? 0 : a === null ? 1 : b === null ? -1 : typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b);

export function drawSettings() {
  const known = columns(), visible = printing ? shown : shown.slice(first, first + ROWS), last = first + visible.length;
  const missing = drawTable(known, visible);
  $("left-out").hidden = !missing.length && !whole;
  $("left-out-text").textContent = missing.length ? `Not shown for lack of space: ${missing.map(({ names }) => names[0]).join(", ")}. The filter and the copies contain them.` : "All columns are shown.";
  $("whole").textContent = whole ? "Show the columns that fit" : "Show all columns";
  $("where").textContent = shown.length ? `rows ${number(first + 1)} to ${number(last)} of ${number(shown.length)}` : "no row";
  $("back").disabled = first === 0;
  $("next").disabled = last >= shown.length;
  $("table-pager").hidden = shown.length <= ROWS;
}

// Draws the rows with as many columns as the page is wide enough for, and returns the columns that are left out.
function drawTable(all, visible) {
  const table = $("table"), known = table.parentElement.clientWidth < NARROW && !printing && !whole ? joined(all) : all;
  const missing = [], rest = LEFT_OUT.map((id) => known.find((column) => column.id === id && id !== sorted.id)).filter(Boolean);
  for (;;) {
    const kept = known.filter((column) => !missing.includes(column));
    table.tHead.replaceChildren(element("tr", {}, element("th", {}, "runs"), ...kept.map(head)));
    table.tBodies[0].replaceChildren(...visible.flatMap((one) => rows(one, kept)));
    if (printing || whole || !rest.length || table.parentElement.scrollWidth <= table.parentElement.clientWidth) return missing;
    missing.push(rest.shift());
  }
}

function head({ id, names, number }) {
  const cell = element("th", { scope: "col", class: number ? "number" : "" }, button(names[0], () => sortBy(id), { "data-column": id }));
  if (sorted.id === id) cell.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
  return cell;
}

function rows(one, known) {
  const isOpen = opened.has(one) || printing, index = data.experiments.indexOf(one);
  const toggle = button(isOpen ? "▾" : "▸", () => toggleSetting(one), { "aria-expanded": String(isOpen), "aria-label": `Runs of ${labelOf(one)}`, "data-setting": index });
  const states = { current: view.run !== null && data.runs.experiment[view.run] === index, collapsed: Boolean(one.collapsed) };
  const row = element("tr", { class: names(states), title: collapseOf(one) || null }, element("td", {}, toggle),
    ...known.map((column) => element("td", { class: names({ number: column.number, collapsed: states.collapsed && LOUD.includes(column.id) }) },
      states.collapsed && column.id === "test_accuracy" ? `✕ ${column.show(one)}` : column.show(one))));
  return isOpen ? [row, element("tr", { class: "detail" }, element("td", { colspan: known.length + 1 }, runTable(one)))] : [row];
}

const names = (states) => Object.keys(states).filter((name) => states[name]).join(" ");

function runTable(one) {
  const shownColumns = RUN_COLUMNS.filter(([title]) => title !== "collapsed" || one.collapsed), titles = ["run", ...shownColumns.map(([title]) => title)];
  const row = (run, repeated) => element("tr", {}, element("td", {}, button(data.runs.name[run], () => open(run), { "data-run": run }), repeated ? " (duplicate)" : ""),
    ...shownColumns.map(([title, show]) => element("td", { class: title === "collapsed" ? "collapsed" : "number" }, show(run))));
  return element("div", { class: "inner" }, element("table", {}, element("thead", {}, element("tr", {}, ...titles.map((title, at) => element("th", { class: at && title !== "collapsed" ? "number" : "" }, title)))),
    element("tbody", {}, ...one.runs.map((run) => row(run, false)), ...one.duplicates.map((run) => row(run, true)))));
}

function toggleSetting(one) {
  if (!opened.delete(one)) opened.add(one);
  drawSettings();
  document.querySelector(`button[data-setting="${data.experiments.indexOf(one)}"]`)?.focus();
}

function sortBy(id) {
  sorted = { id, down: sorted.id === id && !sorted.down };
  filterSettings();
  document.querySelector(`button[data-column="${CSS.escape(id)}"]`)?.focus();
}

// ---- The shown rows as text

const titles = (known) => known.flatMap(({ id, sd }) => (sd ? [`${id}.mean`, `${id}.sd`] : [id]));
const texts = (form) => () => form(columns().map(({ names }) => names[0]), shown.map((one) => columns().map((column) => column.show(one))), columns().map((column) => column.number));

export function listenToSettings() {
  const asCsv = () => csv(titles(columns()), shown.map((one) => columns().flatMap((column) => column.cells(one))));
  $("copies").append("Copy as ", copyButton("CSV", asCsv), copyButton("Markdown", texts(markdown)), copyButton("LaTeX", texts(latex)));
  $("back").addEventListener("click", () => { first -= ROWS; drawSettings(); });
  $("next").addEventListener("click", () => { first += ROWS; drawSettings(); });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.matches("input, select, textarea")) return;
    event.preventDefault();
    $("filter").focus();
  });
  $("whole").addEventListener("click", () => { whole = !whole; drawSettings(); });
  addEventListener("resize", () => { if (!printing) drawSettings(); });
  matchMedia("print").addEventListener("change", ({ matches }) => { printing = matches; drawSettings(); });
}
