// The panel of one run, at the side of the page, or below on a narrow screen.

import { measuredOf } from "page/columns";
import { data, experimentOf, labelOf } from "page/data";
import { $, button, copyable, element } from "page/dom";
import { difference, number, percent, range, safe } from "page/format";
import { drawHistograms, pictures } from "page/pictures";
import { draw } from "page/plot";
import { color, css } from "page/theme";
import { MAX_PINS, open, pin, view } from "page/view";

export async function showPanel(run) {
  document.body.classList.toggle("with-panel", run !== null);
  $("panel").hidden = run === null;
  if (run === null) return;
  const setting = experimentOf(run), first = data.runs.duplicate_of[run];
  $("panel-title").textContent = `Run ${data.runs.name[run]}`;
  $("panel-body").replaceChildren(
    element("p", {}, element("strong", {}, labelOf(setting))), seeds(setting, run),
    ...(data.runs.collapsed[run] ? [element("p", { class: "collapsed", role: "alert" }, `Collapsed: ${data.runs.collapsed[run]}. This network does not work.`)] : []),
    ...(first === null ? [] : [element("p", {}, `Duplicate of run ${data.runs.name[first]}: same result ID. It counts once.`)]),
    figures(run),
    element("h3", {}, "Accuracy and loss"), chart("panel-curves"), chart("panel-loss"),
    element("h3", {}, "Sparsity by layer"), chart("panel-layers"),
    ...pictures(run),
    element("h3", {}, "Files"), element("p", {}, "Directory: ", element("a", { href: data.runs.link[run] }, data.runs.name[run])),
    element("p", {}, "Run it again: ", copyable(data.runs.command[run])), config(run),
  );
  await Promise.all([drawCurves("panel-curves", [run]), drawLosses("panel-loss", [run]), drawBars("panel-layers", [run]), drawHistograms(run)]);
}

const chart = (id) => element("div", { id, class: "chart small" });

function seeds(setting, run) {
  const pinned = view.pins.includes(run);
  return element("p", { class: "controls" }, ...(setting.runs.length < 2 ? [] : ["Seed ", ...setting.runs.map((each) => button(String(data.runs.seed[each]), () => open(each), { "aria-pressed": String(each === run) }))]),
    button(pinned ? "Unpin" : "Pin to compare", () => { pin(run); showPanel(run); }, { id: "pin", "aria-pressed": String(pinned), title: `Up to ${MAX_PINS} pinned runs are shown side by side` }));
}

const FIGURES = [
  ["test accuracy", (run) => percent(data.runs.final_test[run])],
  ["difference to its dense network", (run) => `${difference([data.runs.dense_test[run] - data.runs.final_test[run], null])} points`],
  ["test accuracy, dense", (run) => percent(data.runs.dense_test[run])],
  ["test accuracy, directly after pruning", (run) => percent(data.runs.pruned_test[run])],
  ["validation accuracy", (run) => percent(data.runs.final_val[run])],
  ["parameters left", (run) => `${number(data.runs.params_nonzero[run])} of ${number(data.runs.params_total[run])}`],
  ["sparsity", (run) => percent(data.runs.sparsity[run])],
  ["reduction", (run) => percent(data.runs.param_reduction[run])],
  ["multiply-adds", (run) => `${number(data.runs.macs_nonzero[run])} of ${number(data.runs.macs_total[run])}`],
  ["seed", (run) => String(data.runs.seed[run])],
  ["seconds", (run) => number(data.runs.seconds[run], 1)],
];
const collapse = ["collapsed", (run) => data.runs.collapsed[run] ?? "no"];

// The figures of runs. Whether they collapsed is among them if one of them did.
export const figuresOf = (runs) => [...FIGURES, ...measuredOf(runs), ...(runs.some((run) => data.runs.collapsed[run]) ? [collapse] : [])];

const figures = (run) => element("table", { class: "facts-table" }, element("tbody", {}, ...figuresOf([run]).map(([name, show]) =>
  element("tr", {}, element("th", { scope: "row" }, name), element("td", { class: "number" }, show(run))))));

// ---- Charts of one run or of several

const names = (runs) => runs.map((run) => `run ${safe(data.runs.name[run])}`);
const small = { margin: { t: 4, b: 36 } };
const epochs = (traces) => ({ title: "Epochs after the dense training", ...(Math.max(...traces.map(({ x }) => x.length)) < 8 ? { dtick: 1 } : {}) });

// The dense training ends at epoch 0. Pruning is the vertical line.
export async function drawCurves(id, runs) {
  const traces = runs.flatMap((run, index) => {
    const dense = data.dense[data.runs.dense[run]].curve, after = data.runs.curve[run], shade = color(index);
    return [line("dense training", dense.map((_, epoch) => epoch + 1 - dense.length), dense, shade, "dot", runs.length === 1), line(names(runs)[index], range(after.length), after, shade, "solid", true)];
  });
  await draw(id, traces, { ...small, showlegend: true, shapes: [pruning()], xaxis: epochs(traces), yaxis: { title: "Validation accuracy, %" } }, curveTable(traces, "val_accuracy"));
}

export async function drawLosses(id, runs) {
  const traces = runs.flatMap((run, index) => {
    const dense = data.dense[data.runs.dense[run]].loss, after = data.runs.loss[run], shade = color(index);
    return [line("dense training", dense.map((_, epoch) => epoch + 1 - dense.length), dense, shade, "dot", false, 1), line(names(runs)[index], after.map((_, epoch) => epoch + 1), after, shade, "solid", false, 1)];
  }).filter(({ y }) => y.some((loss) => loss !== null));
  $(id).hidden = !traces.length;
  if (traces.length) await draw(id, traces, { ...small, showlegend: false, shapes: [pruning()], xaxis: epochs(traces), yaxis: { title: "Validation loss" } }, curveTable(traces, "val_loss", 1));
}

const pruning = () => ({ type: "line", yref: "paper", x0: 0, x1: 0, y0: 0, y1: 1, line: { color: css("--faint"), width: 1, dash: "dot" } });
const line = (name, x, values, shade, dash, showlegend, unit = 100) => ({ type: "scatter", mode: "lines+markers", name, showlegend, x, y: values.map((value) => (value === null ? null : unit * value)), line: { color: shade, width: 1.5, dash }, marker: { size: 4 } });
const curveTable = (traces, name, unit = 100) => ({ columns: ["line", "epoch", name], rows: traces.flatMap(({ name, x, y }) => x.map((epoch, at) => [name, epoch, y[at] === null ? null : y[at] / unit])) });

export async function drawBars(id, runs) {
  const layers = [...new Set(runs.flatMap((run) => data.architectures[data.runs.architecture[run]]))];
  const sparsity = (run, layer) => data.runs.layers[run][data.architectures[data.runs.architecture[run]].indexOf(layer)] ?? null;
  const traces = runs.map((run, index) => ({ type: "bar", orientation: "h", name: names(runs)[index], y: layers.map(safe), x: layers.map((layer) => (sparsity(run, layer) === null ? null : 100 * sparsity(run, layer))),
    text: layers.map((layer) => (sparsity(run, layer) === null ? "" : percent(sparsity(run, layer), 1))), textposition: "auto", marker: { color: color(index) }, hoverinfo: "x+y" }));
  await draw(id, traces, { ...small, showlegend: runs.length > 1, xaxis: { title: "Sparsity, % of all parameters of the layer", range: [0, 100] }, yaxis: { autorange: "reversed", type: "category" } },
    { columns: ["layer", ...names(runs)], rows: layers.map((layer) => [layer, ...runs.map((run) => sparsity(run, layer))]) });
}

// ---- The complete config

export function settingsOf(run) {
  const { shared, varying } = data.settings;
  return { ...shared, ...Object.fromEntries(Object.entries(varying).map(([key, { values, index }]) => [key, values[index[run]]])) };
}

function config(run) {
  const entries = Object.entries(settingsOf(run)).sort(([a], [b]) => (a < b ? -1 : 1));
  return element("details", {}, element("summary", {}, "Complete config"), element("p", { class: "hint" }, "Settings that differ between runs are bold."),
    element("ul", { class: "config" }, ...entries.map(([key, value]) => element("li", {}, element("code", {}, key in data.settings.varying ? element("strong", {}, `${key}=${value}`) : `${key}=${value}`)))));
}

export function listenToPanel() {
  $("panel-close").addEventListener("click", () => open(null));
  document.addEventListener("keydown", ({ key }) => { if (key === "Escape" && view.run !== null) open(null); });
}
