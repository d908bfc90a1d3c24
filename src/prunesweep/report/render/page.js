"use strict";

// ---- Data and helpers ---------------------------------------------------------------------------------------------

const $ = (id) => document.getElementById(id);

async function unpacked(id) {
  const letters = atob($(id).textContent), bytes = new Uint8Array(letters.length);
  for (let place = 0; place < letters.length; place++) bytes[place] = letters.charCodeAt(place);  // Uint8Array.from is slow
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

let data, task, sorted = { column: "name", down: false }, first = 0, shown = [], open = null;
const PAGE = 25, MANY_POINTS = 2000, MANY_CURVES = 400, MANY_VALUES = 8;
// The colors of Okabe and Ito, which people with any color vision can distinguish. Yellow is hard to see on white.
const ON_LIGHT = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8c6bb1", "#999999"];
const ON_DARK = ["#56b4e9", "#ff9248", "#2fc896", "#e59fc5", "#f0e442", "#b79bdb", "#c9a66b", "#bbbbbb"];
const color = (index) => (css("--theme") === "dark" ? ON_DARK : ON_LIGHT)[index % 8];
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid", "dash"];
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "triangle-down", "star", "hexagon", "cross"];

const percent = (fraction, digits = 2) => `${(100 * fraction).toFixed(digits)} %`;
const number = (value, digits = 0) => value.toLocaleString("en", { maximumFractionDigits: digits });
const spread = ([mean, sd]) => (100 * mean).toFixed(2) + (sd === null ? "" : ` ± ${(100 * sd).toFixed(2)}`) + " %";
const safe = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const largest = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);  // Math.max(...values) fails for many values
const range = (count) => Array.from({ length: count }, (_, index) => index);
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") node.addEventListener("click", value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function fill(select, options) {
  const before = select.value;
  select.replaceChildren(...options.map(([value, text]) => element("option", { value }, text)));
  if (options.some(([value]) => value === before)) select.value = before;
}

// ---- Layout that all charts share ---------------------------------------------------------------------------------

function draw(id, traces, layout) {
  const ink = css("--ink"), grid = css("--grid"), narrow = $(id).clientWidth < 560;
  const axis = (options, pixels) => ({ gridcolor: grid, linecolor: ink, tickcolor: ink, ticks: "outside", zeroline: false, automargin: true, ...options,
    title: { text: wrapped(options.title, Math.floor(pixels / 8)), standoff: 8 } });  // about 8 pixels per letter
  const complete = {
    ...layout, xaxis: axis(layout.xaxis, $(id).clientWidth - 66), yaxis: axis(layout.yaxis, $(id).clientHeight - 90),
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink, family: "system-ui, sans-serif", size: 13 },
    margin: { l: 50, r: 16, t: 12, b: 44 }, hovermode: "closest", uirevision: layout.uirevision,
    hoverlabel: { bgcolor: css("--wash"), bordercolor: css("--line"), font: { color: ink }, align: "left" },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { size: 12 } }, showlegend: layout.showlegend ?? true,
  };
  const config = { responsive: true, displaylogo: false, displayModeBar: narrow ? false : "hover", modeBarButtonsToRemove: ["lasso2d", "select2d"] };
  return Plotly.react(id, traces, complete, config);
}

function wrapped(text, width) {
  const lines = [""];
  for (const word of text.split(" ")) {
    if ((lines.at(-1) + word).length > width) lines.push("");
    lines[lines.length - 1] += (lines.at(-1) ? " " : "") + word;
  }
  return lines.join("<br>");
}

const canUseWebGL = (() => {
  try { return Boolean(document.createElement("canvas").getContext("webgl")); } catch { return false; }
})();
const scatter = (count) => (count > MANY_POINTS && canUseWebGL ? "scattergl" : "scatter");

// Returns the function that maps an accuracy to its position on the axis: the error or the accuracy, in percent.
function heights(scale, images) {
  const floor = 50 / (images || 10000);  // half an image: where a logarithmic axis shows a network without errors
  return scale === "error" ? (accuracy) => Math.max(100 * (1 - accuracy), floor) : (accuracy) => 100 * accuracy;
}

// By default, Plotly labels only the powers of ten in full, and the ticks between them with a single digit.
function costAxis(title, log, values, width) {
  const axis = { title, type: log ? "log" : "linear", exponentformat: "none", separatethousands: true };
  const low = Math.log10(-largest(values.map((value) => -value))), high = Math.log10(largest(values)), decades = high - low;
  if (!log || !(decades > 1)) return axis;
  const steps = [[1, 2, 5], [1, 3], [1]].find((each) => each.length * decades * 75 < width) ?? [1], ticks = [];
  for (let power = Math.floor(low) - 1; power <= high + 1; power++) ticks.push(...steps.map((step) => step * 10 ** power));
  return { ...axis, tickvals: ticks, ticktext: ticks.map((tick) => number(tick, 6)) };
}

const ACCURACIES = [99.95, 99.9, 99.8, 99.7, 99.5, 99, 98, 97, 95, 90, 80, 50, 0];
const FINE_ACCURACIES = [99.95, 99.9, 99.85, 99.8, 99.7, 99.6, 99.5, 99.4, 99.3, 99.2, 99, 98.8, 98.5, 98, 97.5, 97, 96, 95, 94, 92, 90, 85, 80, 70, 60, 50, 30, 0];

// Returns round accuracies around the errors between `low` and `high`, all in percent, even if these are close.
function accuraciesAround(low, high) {
  const listed = high < 8 * low ? FINE_ACCURACIES : ACCURACIES;
  if (listed.filter((value) => low <= 100 - value && 100 - value <= high).length > 2) return listed;
  const rough = 0.999 * (high - low) / 5 || 0.1, unit = 10 ** Math.floor(Math.log10(rough)), step = unit * [1, 2, 5, 10].find((times) => times * unit >= rough);
  return range(12).map((index) => Number(((Math.floor((100 - high) / step) - 2 + index) * step).toFixed(6))).filter((value) => value >= 0 && value < 100);
}

function accuracyAxis(scale, title, dense, errors = []) {
  if (scale === "error") {
    const ticks = errors.length ? accuraciesAround(-largest(errors.map((error) => -error)), largest(errors)) : ACCURACIES;
    return { title, type: "log", autorange: "reversed", tickvals: ticks.map((value) => 100 - value), ticktext: ticks.map(String) };
  }
  const near = scale === "near" && dense !== undefined;
  return { title, ...(near ? { range: [100 * dense - 5, Math.min(100.2, 100 * dense + 1)] } : {}) };
}

function bars(spreads, scale, heights) {
  if (!$("bars").checked || spreads.every(([, sd]) => sd === null)) return undefined;
  const sds = spreads.map(([, sd]) => 100 * (sd ?? 0));
  const down = scale === "error" ? sds.map((sd, index) => Math.min(sd, 0.9 * heights[index])) : sds;
  return { type: "data", symmetric: false, array: sds, arrayminus: down, thickness: 1.2, width: 3 };
}

// ---- Colors: none, one per value of a setting, or a scale for a number --------------------------------------------

const valueOf = (key, run) => (key === "seed" ? data.runs.seed[run] : data.runs.keys[key][run]);

function coloring() {
  const key = $("color").value;
  if (!key) return { key, groups: [["", taskRuns()]] };
  const values = new Map();
  for (const run of taskRuns()) {
    const value = valueOf(key, run);
    if (!values.has(value)) values.set(value, []);
    values.get(value).push(run);
  }
  const numeric = [...values.keys()].every((value) => typeof value === "number");
  if (values.size > MANY_VALUES && numeric) return { key, continuous: true, groups: [["", taskRuns()]] };
  let groups = [...values].sort(([a], [b]) => (numeric ? a - b : String(a) < String(b) ? -1 : 1)).map(([value, runs]) => [String(value), runs]);
  if (groups.length > MANY_VALUES) {
    groups.sort((a, b) => b[1].length - a[1].length);
    groups = [...groups.slice(0, MANY_VALUES - 1), ["others", groups.slice(MANY_VALUES - 1).flatMap(([, runs]) => runs)]];
  }
  return { key, groups };
}

const taskRuns = () => task.runs;

// ---- Frontier -----------------------------------------------------------------------------------------------------

function drawFrontier() {
  const axis = $("axis").value, scale = $("scale").value, frontier = task.frontiers[axis];
  const y = heights(scale, task.test), colors = coloring(), traces = [];
  const single = colors.groups.length === 1;
  colors.groups.forEach(([value, runs], index) => {
    const known = runs.filter((run) => data.runs[axis][run] !== null);
    const shade = single ? css("--faint") : color(index);
    traces.push({
      type: scatter(taskRuns().length), mode: "markers", name: single ? "runs" : safe(value), legendgroup: value,
      x: known.map((run) => data.runs[axis][run]), y: known.map((run) => y(data.runs.final_test[run])),
      customdata: known, text: known.map(describeRun), hovertemplate: "%{text}<extra></extra>",
      marker: {
        size: 6, opacity: known.length > MANY_POINTS ? 0.35 : 0.65, color: shade, symbol: single ? "circle" : SYMBOLS[index],
        ...(colors.continuous ? { color: known.map((run) => valueOf(colors.key, run)), colorscale: "Viridis", showscale: true,
          opacity: 0.85, colorbar: { title: { text: safe(colors.key), side: "right" }, thickness: 12 } } : {}),
      },
    });
  });
  const ofValue = new Map((frontier.of_value[colors.key] ?? []).map(([value, members]) => [String(value), members]));
  const lines = !single && ofValue.size ? colors.groups.map(([value], index) => [value, ofValue.get(value) ?? [], color(index), DASHES[index]])
    : [["", frontier.members, css("--accent"), "solid"]];
  for (const [value, members, shade, dash] of lines) {
    const settings = members.map((index) => data.experiments[index]), tests = settings.map(({ test }) => y(test[0]));
    traces.push({
      type: "scatter", mode: members.length < 60 ? "lines+markers" : "lines", name: value ? `frontier, ${safe(value)}` : "frontier, selected by validation", legendgroup: value,
      showlegend: !value, x: settings.map(({ costs }) => costs[axis]), y: tests, error_y: bars(settings.map(({ test }) => test), scale, tests),
      customdata: settings.map(({ runs }) => runs[0]), text: settings.map(describeSetting), hovertemplate: "%{text}<extra></extra>",
      line: { color: shade, width: 2, dash }, marker: { size: 7, color: shade },
    });
  }
  if ($("attained").checked) traces.push(...attained(frontier, axis, y));
  if ($("rounds").checked) traces.push(...earlierRounds(axis, y));
  if ($("published").checked) traces.push(...publishedTraces(axis, y));
  traces.push(...marks(axis, y));
  const best = Math.max(...task.dense.map(({ test }) => test.mean));
  const layout = {
    xaxis: costAxis(data.axes[axis].label, data.axes[axis].log, taskRuns().map((run) => data.runs[axis][run]).filter((cost) => cost > 0), $("frontier").clientWidth),
    yaxis: accuracyAxis(scale, `Test accuracy, % of ${task.test ? number(task.test) : "the test"} images`, best, [...taskRuns().map((run) => data.runs.final_test[run]), ...task.dense.map(({ test }) => test.mean)].map(y)),
    shapes: task.dense.flatMap((dense) => [{ type: "rect", xref: "paper", x0: 0, x1: 1, y0: y(dense.band[0]), y1: y(dense.band[1]), fillcolor: css("--ink"), opacity: 0.08, layer: "below", line: { width: 0 } }, { type: "line", xref: "paper", x0: 0, x1: 1, y0: y(dense.test.mean), y1: y(dense.test.mean), line: { color: css("--ink"), width: 1.2, dash: "dash" } }]),
    annotations: task.dense.map((dense) => ({ xref: "paper", ...(data.axes[axis].more ? { x: 1, xanchor: "right" } : { x: 0, xanchor: "left" }), yanchor: "bottom", showarrow: false, y: scale === "error" ? Math.log10(y(dense.test.mean)) : y(dense.test.mean), text: `dense ${safe(dense.model)} ${percent(dense.test.mean)}`, font: { size: 12 } })),
    uirevision: `${axis} ${scale} ${task.dataset}`,
  };
  $("frontier-hint").textContent = (scale === "error" ? "Equal distances on the accuracy axis are equal ratios of error. " : "")
    + (data.axes[axis].more ? "Better is up and right." : "Better is up and left.") + " Dashed line: the dense network, mean over the trained ones; band: its standard error, by test images and seeds."
    + (lines.length > 1 ? " There is one frontier per color." : "");
  return draw("frontier", traces, layout);
}

const describeRun = (run) => {
  const runs = data.runs;
  return [`<b>${safe(runs.name[run])}</b>`, wrapped(safe(data.experiments[runs.experiment[run]].label), 70), `seed ${runs.seed[run]}`,
    `${number(runs.params_nonzero[run])} of ${number(runs.params_total[run])} parameters left (−${percent(runs.param_reduction[run])}), sparsity ${percent(runs.sparsity[run])}`,
    `test: dense ${percent(runs.dense_test[run])}, pruned ${percent(runs.pruned_test[run])}, final ${percent(runs.final_test[run])}`,
    `validation: final ${percent(runs.final_val[run])}`].join("<br>");
};

const describeSetting = (setting) => [`<b>${wrapped(safe(setting.label || "the only setting"), 70)}</b>`, `test ${spread(setting.test)}, validation ${spread(setting.val)}`,
  `${number(setting.costs.params_nonzero, 1)} parameters left, ${seedCount(setting)}`].join("<br>");

const seedCount = ({ seeds }) => `${seeds} seed${seeds > 1 ? "s" : ""}`;

function attained(frontier, axis, y) {
  const names = { one: "attained by at least one seed", half: "by half of the seeds", all: "by all seeds" }, dashes = { one: "dot", half: "solid", all: "dash" };
  return Object.entries(frontier.surfaces).map(([share, corners]) => ({
    type: "scatter", mode: "lines", name: names[share], x: corners.map(([x]) => x), y: corners.map(([, value]) => y(value)),
    line: { shape: data.axes[axis].more ? "vh" : "hv", color: css("--mark"), width: 1.3, dash: dashes[share] }, hoverinfo: "name+x",
  }));
}

function earlierRounds(axis, y) {
  const rounds = task.rounds.filter((round) => round[axis] !== undefined && round[axis] !== null);
  if (!rounds.length) return [];
  return [{ type: scatter(rounds.length), mode: "markers", name: "earlier rounds (weights not kept)", x: rounds.map((round) => round[axis]), y: rounds.map((round) => y(round.test)),
    customdata: rounds.map(({ run }) => run), text: rounds.map(({ round, run, test }) => `round ${round} of ${safe(data.runs.name[run])}<br>test ${percent(test)}`),
    hovertemplate: "%{text}<extra></extra>", marker: { size: 6, symbol: "circle-open", color: css("--faint") } }];
}

function publishedTraces(axis, y) {
  return task.dense.filter(({ model }) => task.published[model].length).map(({ model, params }, index) => {
    const rows = task.published[model];
    return { type: "scatter", mode: $("frontier").clientWidth < 560 ? "markers" : "markers+text", name: `published, ${safe(model)}`, x: rows.map(({ kept }) => (axis === "compression" ? 100 / kept : kept * params / 100)),
      y: rows.map(({ error }) => y(1 - error / 100)), text: rows.map(({ method }) => safe(method.split(",")[0])), textposition: "bottom center", textfont: { size: 10 },
      hovertext: rows.map((row) => `<b>${safe(row.method)} ${row.year}</b><br>${row.kept} % kept (of ${row.of ?? "parameters not specified"}), error ${row.error} %`
        + `, dense ${row.dense ?? "?"} %<br>${wrapped(safe(row.source), 70)}<br>verified: ${row.checked}`),
      hovertemplate: "%{hovertext}<extra></extra>", marker: { size: 9, symbol: index ? "x-thin-open" : "x", color: css("--mark") } };
  });
}

function marks(axis, y) {
  const traces = [], knee = task.frontiers[axis].knee, choice = chosen();
  const mark = (index, name, symbol, size) => {
    const setting = data.experiments[index];
    traces.push({ type: "scatter", mode: "markers", name, x: [setting.costs[axis]], y: [y(setting.test[0])], hoverinfo: "skip", marker: { symbol, size, color: css("--mark"), line: { width: 2.5, color: css("--mark") } } });
  };
  if (knee !== null) mark(knee, "knee", "diamond-open", 14);
  if (choice !== null) mark(choice, "smallest within the limit", "circle-open", 18);
  return traces;
}

// ---- Smallest network within a limit, and knee ----------------------------------------------------------------------

function chosen() {
  const limit = Number($("within").dataset.limit) / 100;
  return task.frontiers[$("axis").value].choices.find((index) => data.experiments[index].val_drop[0] <= limit + 1e-9) ?? null;
}

function showChoice() {
  const index = chosen(), out = $("chosen"), axis = $("axis").value;
  out.dataset.experiment = index ?? "";
  if (index === null) return out.replaceChildren(element("p", {}, "No setting is within this limit."));
  out.replaceChildren(...description(index, axis));
}

function description(index, axis) {
  const setting = data.experiments[index], runs = data.runs, run = setting.runs[0];
  const cost = data.axes[axis].label.split(" (")[0].toLowerCase();
  const points = (drop) => `${Math.abs(100 * drop[0]).toFixed(2)} points ${drop[0] >= 0 ? "below" : "above"} dense`;
  const left = setting.costs.params_nonzero;
  return [
    element("p", { class: "figures" }, element("strong", {}, setting.label || "The only setting"), ": ",
      `${number(left, 1)} of ${number(runs.params_total[run])} parameters left (${percent(left / runs.params_total[run])}, ${setting.costs.compression === null ? "nothing left" : number(setting.costs.compression, 1) + "x"})`
      + (axis === "params_nonzero" || axis === "compression" ? "" : `, ${cost} ${number(setting.costs[axis], 1)}`)
      + `. Selected by validation accuracy: ${spread(setting.val)}, ${points(setting.val_drop)}. Test accuracy: ${spread(setting.test)}, ${points(setting.test_drop)}, over ${seedCount(setting)}.`),
    element("ul", {}, ...setting.runs.slice(0, 10).map((each) => element("li", {}, `seed ${runs.seed[each]}, test ${percent(runs.final_test[each])}: `, element("a", { href: link(each) }, runs.name[each]), " ", copyable(runs.command[each])))),
  ];
}

const link = (run) => data.runs.link[run];

function copyable(command) {
  const copy = element("button", { type: "button", "aria-label": `Copy ${command}`, onclick: async () => {
    try { await navigator.clipboard.writeText(command); copy.textContent = "copied"; } catch { getSelection().selectAllChildren(copy.previousSibling); }
  } }, "copy");
  return element("span", {}, element("code", {}, command), copy);
}

function showKnee() {
  const axis = $("axis").value, knee = task.frontiers[axis].knee;
  $("knee").textContent = knee === null ? "The frontier has no knee: it has fewer than three settings, or it does not bend."
    : `Knee (where the logarithm of the validation error bends most against ${data.axes[axis].log ? "the logarithm of the cost" : "the cost"}): ${data.experiments[knee].label || "the only setting"}, `
      + `${number(data.experiments[knee].costs.params_nonzero, 1)} parameters left, test accuracy ${spread(data.experiments[knee].test)}.`;
}

let timer;

function limit(value) {
  $("within").dataset.limit = value;
  showChoice();
  clearTimeout(timer);  // the text follows each step of the slider; a chart with 10,000 points waits until it rests
  timer = setTimeout(drawFrontier, 80);
}

// ---- Layers and fine-tuning -----------------------------------------------------------------------------------------

function drawLayers() {
  const heat = task.heats[Number($("heat").value)] ?? task.heats[0];
  if (!heat) return $("layers").closest("section").setAttribute("hidden", "");
  const columns = range(heat.experiments.length), dead = [];
  heat.dead.forEach((row, layer) => row.forEach((count, column) => { if (count) dead.push([column, layer, count]); }));
  const every = Math.max(1, Math.ceil(columns.length / 12)), ticks = columns.filter((column) => column % every === 0 || column === columns.length - 1);
  const hover = heat.layers.map((name, row) => columns.map((column) => `<b>${safe(name)}</b> sparsity ${percent(heat.sparsity[row][column])}`
    + `<br>total ${percent(heat.total[column])}<br>${wrapped(safe(data.experiments[heat.experiments[column]].label), 60)}`));
  $("layers-hint").textContent = "Sparsity of a layer: its pruned parameters / all its parameters, weights and biases. One column per setting, sorted by total sparsity (pruned / selected parameters), mean over runs."
    + (heat.of > columns.length ? ` ${columns.length} of ${number(heat.of)} settings are shown, evenly spaced.` : "")
    + (dead.length ? " ✕: dead layer: in at least one run no weight of it is left, and only its biases have an effect." : " No layer is dead.");
  return draw("layers", [
    { type: "heatmap", x: columns, y: heat.layers.map(safe), z: heat.sparsity.map((row) => row.map((value) => 100 * value)), zmin: 0, zmax: 100, colorscale: "Cividis", reversescale: true,
      text: hover, hovertemplate: "%{text}<extra></extra>", xgap: columns.length > 60 ? 0 : 1, ygap: 1, colorbar: { title: { text: "sparsity, %", side: "right" }, thickness: 12 } },
    { type: "scatter", mode: "markers", name: "dead layer", x: dead.map(([column]) => column), y: dead.map(([, layer]) => safe(heat.layers[layer])), hoverinfo: "skip",
      marker: { symbol: "x", size: columns.length > 60 ? 5 : 10, color: "#ffffff", line: { color: "#b3261e", width: 1.5 } } },
  ], { showlegend: false, xaxis: { title: "Total sparsity, % of the selected parameters (one column per setting)", tickvals: ticks, ticktext: ticks.map((column) => (100 * heat.total[column]).toFixed(heat.total[column] > 0.95 ? 1 : 0)), showgrid: false },
    yaxis: { title: "Layer", autorange: "reversed", type: "category", showgrid: false } });
}

function drawSensitivity() {
  const section = $("sensitivity-section");
  section.hidden = !task.sensitivities.length;
  if (section.hidden) return;
  const moment = $("moment").value, many = new Set(task.sensitivities.map(({ model }) => model)).size > 1;
  return draw("sensitivity", task.sensitivities.map((curve, index) => {
    const spreads = curve[moment].map(({ mean, sd }) => [mean, sd]);
    return { type: "scatter", mode: "lines+markers", name: safe([many ? curve.model : "", curve.layer, curve.context].join(" ").trim()), x: curve.sparsity.map((value) => 100 * value), y: spreads.map(([mean]) => 100 * mean),
      error_y: bars(spreads, "linear"), line: { color: color(index), dash: DASHES[Math.floor(index / 8) % 8] }, marker: { symbol: SYMBOLS[index % 8], size: 7 } };
  }), { xaxis: { title: "Sparsity of the layer, % of its selected parameters" }, yaxis: { title: `Test accuracy, %, ${moment === "pruned" ? "directly after pruning" : "after fine-tuning"}` } });
}

function drawTuning() {
  const colors = coloring(), front = new Set(task.frontiers.params_nonzero.members.flatMap((index) => data.experiments[index].runs));
  const usable = (run) => data.runs.curve[run].length > 1, all = taskRuns().filter(usable);
  const rest = all.filter((run) => !front.has(run)), every = Math.max(1, Math.ceil(rest.length / MANY_CURVES));
  const taken = new Set([...all.filter((run) => front.has(run)).slice(0, MANY_CURVES), ...rest.filter((_, index) => index % every === 0)]);
  const y = heights("error", 5000);
  const traces = colors.groups.map(([value, runs], index) => {
    const kept = runs.filter((run) => taken.has(run)), line = { type: "scatter", mode: "lines+markers", name: safe(value || "runs"), x: [], y: [], customdata: [], text: [], hovertemplate: "%{text}<extra></extra>",
      line: { color: colors.groups.length > 1 ? color(index) : css("--accent"), width: 1 }, marker: { size: 4 }, opacity: kept.length > 60 ? 0.4 : 0.75 };
    for (const run of kept) {
      data.runs.curve[run].forEach((accuracy, epoch) => { line.x.push(epoch); line.y.push(y(accuracy)); line.customdata.push(run);
        line.text.push(`<b>${safe(data.runs.name[run])}</b> epoch ${epoch}: validation ${percent(accuracy)}<br>${wrapped(safe(data.experiments[data.runs.experiment[run]].label), 60)}`); });
      line.x.push(null); line.y.push(null); line.customdata.push(null); line.text.push("");
    }
    return line;
  });
  $("tuning-hint").textContent = all.length ? "Validation accuracy after each epoch that follows the dense training. Epoch 0 is directly after the first pruning, or the dense network if sparsity rises during training (schedule gradual). Equal distances on the accuracy axis are equal ratios of error."
    + (taken.size < all.length ? ` ${number(taken.size)} of ${number(all.length)} runs are drawn: the runs on the frontier and an even selection of the others.` : "") : "No run was fine-tuned.";
  return draw("tuning", traces, { showlegend: colors.groups.length > 1, xaxis: { title: "Epochs after the dense training", rangemode: "tozero", ...(all.every((run) => data.runs.curve[run].length < 12) ? { dtick: 1 } : {}) },
    yaxis: accuracyAxis("error", `Validation accuracy, % of ${task.validation || "the validation"} images`, undefined, all.flatMap((run) => data.runs.curve[run].map(y))) });
}

// ---- Table of runs --------------------------------------------------------------------------------------------------

const FIGURES = ["seed", "sparsity", "params_nonzero", "final_test", "final_val", "pruned_test", "dense_test", "param_reduction", "compression", "macs_nonzero", "finetuning_epochs", "seconds"];
const FRACTIONS = new Set(["sparsity", "param_reduction", "dense_test", "pruned_test", "final_test", "final_val"]);
const HEADINGS = { name: "run", params_nonzero: "parameters left", param_reduction: "reduction", macs_nonzero: "multiply-adds", dense_test: "dense, test", pruned_test: "pruned, test", final_test: "final, test", final_val: "final, validation", finetuning_epochs: "fine-tuning epochs" };

const columns = () => ["name", ...task.keys, ...data.numerics, ...FIGURES];
const cell = (column, run) => (column in data.runs.keys ? data.runs.keys[column][run] : data.runs[column]?.[run]);
const isNumber = (column) => FIGURES.includes(column) || Object.hasOwn(data.runs.keys, column) && data.runs.keys[column].every((value) => typeof value === "number");

function shownCell(column, run) {
  const value = cell(column, run);
  if (value === null || value === undefined) return "";
  if (FRACTIONS.has(column)) return percent(value);
  if (column === "params_nonzero" || column === "macs_nonzero") return number(value);
  return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(4))) : String(value);
}

const COMPARE = { "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b, "=": (a, b) => String(a) === String(b) || (a !== "" && a !== null && Number(a) === Number(b)) };

function tests(text) {
  return text.trim().split(/\s+/).filter(Boolean).map((token) => {
    const [, column, sign, value] = token.match(/^([\w.]+)(<=|>=|<|>|=)(.+)$/) ?? [];
    if (column && columns().includes(column)) {
      const bound = sign === "=" || Number.isNaN(Number(value)) ? value : Number(value);
      return (run) => { const value = cell(column, run); return value !== null && value !== undefined && COMPARE[sign](value, bound); };
    }
    const word = token.toLowerCase();
    return (run) => columns().some((each) => String(cell(each, run) ?? "").toLowerCase().includes(word)) || data.runs.model[run].includes(word);
  });
}

function filterTable() {
  const wanted = tests($("filter").value);
  shown = taskRuns().filter((run) => wanted.every((test) => test(run)));
  const { column, down } = sorted, order = new Map(shown.map((run) => [run, cell(column, run)]));
  const compare = column === "name" ? (a, b) => String(a).localeCompare(String(b), "en", { numeric: true }) : (a, b) => (a === b ? 0 : a === null || a === undefined ? 1 : b === null || b === undefined ? -1 : a < b ? -1 : 1);
  shown.sort((a, b) => (down ? -1 : 1) * compare(order.get(a), order.get(b)) || a - b);
  first = 0;
  $("count").textContent = `${number(shown.length)} of ${number(taskRuns().length)} runs`;
  drawTable();
}

function drawTable() {
  const table = $("table"), names = columns();
  table.tHead.replaceChildren(element("tr", {}, element("th", {}, "details"), ...names.map((column) => {
    const head = element("th", { scope: "col", class: isNumber(column) ? "number" : "" }, element("button", { type: "button", "data-column": column, onclick: () => sortBy(column) }, HEADINGS[column] ?? column));
    if (sorted.column === column) head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
    return head;
  })));
  table.tBodies[0].replaceChildren(...shown.slice(first, first + PAGE).flatMap((run) => rows(run, names)));
  const last = Math.min(first + PAGE, shown.length);
  $("where").textContent = shown.length ? `rows ${number(first + 1)} to ${number(last)} of ${number(shown.length)}` : "no row";
  $("back").disabled = first === 0;
  $("next").disabled = last >= shown.length;
}

function rows(run, names) {
  const isOpen = open === run;
  const toggle = element("button", { type: "button", "aria-expanded": isOpen, "aria-label": `Details of run ${data.runs.name[run]}`, "data-run": run, onclick: () => toggleRun(run) }, isOpen ? "close" : "open");
  const row = element("tr", {}, element("td", {}, toggle), ...names.map((column) => element("td", isNumber(column) ? { class: "number" } : {}, shownCell(column, run))));
  return isOpen ? [row, element("tr", { class: "detail" }, element("td", { colspan: names.length + 1 }, detail(run)))] : [row];
}

function detail(run) {
  const { shared, varying } = data.settings, first = data.runs.duplicate_of[run];
  const settings = { ...shared, ...Object.fromEntries(Object.entries(varying).map(([key, { values, index }]) => [key, values[index[run]]])) };
  return element("div", {}, element("p", {}, "Directory: ", element("a", { href: link(run) }, data.runs.name[run])),
    ...(first === null ? [] : [element("p", {}, `Duplicate of run ${data.runs.name[first]}: same result ID. It counts once.`)]),
    element("p", {}, "Run it again: ", copyable(data.runs.command[run])),
    element("p", {}, "Complete config. Settings that differ between runs are bold:"),
    element("ul", { class: "config" }, ...Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => element("li", {}, element("code", {}, key in varying ? element("strong", {}, `${key}=${value}`) : `${key}=${value}`)))));
}

function toggleRun(run) {
  open = open === run ? null : run;
  drawTable();
  document.querySelector(`button[data-run="${run}"]`)?.focus();
}

function sortBy(column) {
  sorted = { column, down: sorted.column === column && !sorted.down };
  filterTable();
  document.querySelector(`button[data-column="${CSS.escape(column)}"]`)?.focus();
}

function reveal(run) {
  if (!shown.includes(run)) { $("filter").value = ""; filterTable(); }
  first = Math.floor(shown.indexOf(run) / PAGE) * PAGE;
  open = run;
  drawTable();
  const button = document.querySelector(`button[data-run="${run}"]`);
  button.focus({ preventScroll: true });
  button.scrollIntoView({ block: "center" });
}

// ---- Page -----------------------------------------------------------------------------------------------------------

function enter() {
  task = data.tasks[Number($("task").value) || 0];
  task.runs ??= range(data.runs.name.length).filter((run) => data.runs.dataset[run] === task.dataset);
  task.rounds ??= data.rounds.filter(({ run }) => data.runs.dataset[run] === task.dataset);
  fill($("axis"), Object.keys(data.axes).filter((axis) => axis in task.frontiers).map((axis) => [axis, data.axes[axis].label.split(" (")[0]]));
  const keys = [...task.keys, ...(task.seeds.length > 1 ? ["seed"] : []), ...data.numerics];
  fill($("color"), [["", "none"], ...keys.map((key) => [key, key])]);
  fill($("heat"), task.heats.map(({ model }, index) => [String(index), model]));
  $("heat").closest(".controls").hidden = task.heats.length < 2;
  $("rounds-label").hidden = !task.rounds.length;
  $("attained").closest("label").hidden = task.seeds.length < 2;
  const any = Object.values(task.published).some((rows) => rows.length);
  $("published-label").hidden = !any;
  if (!any) $("published").checked = false;
  showKnee();
  showChoice();
  filterTable();
  return drawAll();
}

const drawAll = () => Promise.all([drawFrontier(), drawLayers(), drawSensitivity(), drawTuning()]);

function changeAxis() {
  const axis = $("axis").value, comparable = axis === "params_nonzero" || axis === "compression";
  $("published").disabled = !comparable;
  if (!comparable) $("published").checked = false;
  showKnee();
  showChoice();
  return drawFrontier();
}

function listen() {
  $("task").addEventListener("change", enter);
  $("axis").addEventListener("change", changeAxis);
  for (const id of ["scale", "attained", "rounds", "published"]) $(id).addEventListener("change", drawFrontier);
  $("bars").addEventListener("change", () => Promise.all([drawFrontier(), drawSensitivity()]));
  $("color").addEventListener("change", () => Promise.all([drawFrontier(), drawTuning()]));
  $("heat").addEventListener("change", drawLayers);
  $("moment").addEventListener("change", drawSensitivity);
  $("within").addEventListener("input", () => { $("within-number").value = $("within").value; limit($("within").value); });
  $("within-number").addEventListener("input", () => { $("within").value = $("within-number").value; limit($("within-number").value || 0); });
  $("filter").addEventListener("input", filterTable);
  $("back").addEventListener("click", () => { first -= PAGE; drawTable(); });
  $("next").addEventListener("click", () => { first += PAGE; drawTable(); });
  for (const id of ["frontier", "tuning"]) $(id).on("plotly_click", ({ points }) => { const run = points[0].customdata; if (run !== undefined && run !== null) reveal(run); });
  for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", drawAll);
}

async function start() {
  const [library, text] = await Promise.all([unpacked("plotly"), unpacked("data")]);
  document.head.append(element("script", {}, library));
  data = JSON.parse(text);
  if (!data.tasks.length) return;
  document.querySelector("main").hidden = false;
  fill($("task"), data.tasks.map(({ dataset }, index) => [String(index), dataset]));
  $("tasks").hidden = data.tasks.length < 2;
  $("within").dataset.limit = $("within").value;
  await enter();
  listen();
}

if (!document.querySelector("#failed tbody tr")) $("failed").hidden = true;
start().catch((error) => {
  $("error").hidden = false;
  $("error").textContent = `The charts cannot be shown: ${error.message}. results.csv and frontier.csv contain the same figures.`;
  console.error(error);
}).finally(() => { document.body.dataset.ready = "true"; });
