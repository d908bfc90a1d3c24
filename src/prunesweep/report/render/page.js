"use strict";

// ---- What the page holds, unpacked -------------------------------------------------------------------------------

const $ = (id) => document.getElementById(id);

async function unpacked(id) {
  const bytes = Uint8Array.from(atob($(id).textContent), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

let data, task, sorted = { column: "name", down: false }, first = 0, shown = [], open = null;
const PAGE = 25, MANY_POINTS = 2000, MANY_CURVES = 400, MANY_VALUES = 8;
// Okabe and Ito's colours, which people of any colour vision tell apart; yellow is left out, it is lost on white.
const ON_LIGHT = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8c6bb1", "#999999"];
const ON_DARK = ["#56b4e9", "#ff9248", "#2fc896", "#e59fc5", "#f0e442", "#b79bdb", "#c9a66b", "#bbbbbb"];
const colour = (index) => (css("--theme") === "dark" ? ON_DARK : ON_LIGHT)[index % 8];
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid", "dash"];
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "triangle-down", "star", "hexagon", "cross"];

const percent = (fraction, digits = 2) => `${(100 * fraction).toFixed(digits)} %`;
const number = (value, digits = 0) => value.toLocaleString("en", { maximumFractionDigits: digits });
const spread = ([mean, sd]) => (100 * mean).toFixed(2) + (sd === null ? "" : ` ± ${(100 * sd).toFixed(2)}`) + " %";
const safe = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const largest = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);  // of any number of values
const range = (count) => Array.from({ length: count }, (_, index) => index);
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") made.addEventListener("click", value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function fill(select, options) {
  const before = select.value;
  select.replaceChildren(...options.map(([value, text]) => element("option", { value }, text)));
  if (options.some(([value]) => value === before)) select.value = before;
}

// ---- What all charts have in common ------------------------------------------------------------------------------

function draw(id, traces, layout) {
  const ink = css("--ink"), grid = css("--grid"), narrow = $(id).clientWidth < 560;
  const axis = (own, room) => ({ gridcolor: grid, linecolor: ink, tickcolor: ink, ticks: "outside", zeroline: false, automargin: true, ...own,
    title: { text: wrapped(own.title, Math.floor(room / 8)), standoff: 8 } });  // 8 pixels a letter, in the room beside the margins
  const whole = {
    ...layout, xaxis: axis(layout.xaxis, $(id).clientWidth - 66), yaxis: axis(layout.yaxis, $(id).clientHeight - 90),
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink, family: "system-ui, sans-serif", size: 13 },
    margin: { l: 50, r: 16, t: 12, b: 44 }, hovermode: "closest", uirevision: layout.uirevision,
    hoverlabel: { bgcolor: css("--wash"), bordercolor: css("--line"), font: { color: ink }, align: "left" },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { size: 12 } }, showlegend: layout.showlegend ?? true,
  };
  const config = { responsive: true, displaylogo: false, displayModeBar: narrow ? false : "hover", modeBarButtonsToRemove: ["lasso2d", "select2d"] };
  return Plotly.react(id, traces, whole, config);
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

// Test accuracies as the chosen scale takes them: the error in percent, or the accuracy in percent.
function heights(scale, counted) {
  const floor = 50 / (counted || 10000);  // half an image: what a network without errors is drawn at on a log axis
  return scale === "error" ? (accuracy) => Math.max(100 * (1 - accuracy), floor) : (accuracy) => 100 * accuracy;
}

// Left alone, Plotly writes out the powers of ten only, and shortens what lies between them to a digit.
function costAxis(title, log, values, width) {
  const axis = { title, type: log ? "log" : "linear", exponentformat: "none", separatethousands: true };
  const low = Math.log10(-largest(values.map((value) => -value))), high = Math.log10(largest(values)), decades = high - low;
  if (!log || !(decades > 1)) return axis;
  const steps = [[1, 2, 5], [1, 3], [1]].find((each) => each.length * decades * 75 < width) ?? [1], ticks = [];
  for (let power = Math.floor(low) - 1; power <= high + 1; power++) ticks.push(...steps.map((step) => step * 10 ** power));
  return { ...axis, tickvals: ticks, ticktext: ticks.map((tick) => number(tick, 6)) };
}

const ACCURACIES = [99.95, 99.9, 99.8, 99.7, 99.5, 99, 98, 97, 95, 90, 80, 50, 0];
const FINELY = [99.95, 99.9, 99.85, 99.8, 99.7, 99.6, 99.5, 99.4, 99.3, 99.2, 99, 98.8, 98.5, 98, 97.5, 97, 96, 95, 94, 92, 90, 85, 80, 70, 60, 50, 30, 0];

// Round accuracies around the errors between `low` and `high`, all in percent, however close these are.
function accuraciesAround(low, high) {
  const listed = high < 8 * low ? FINELY : ACCURACIES;
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

function bars(spreads, scale, of) {
  if (!$("bars").checked || spreads.every(([, sd]) => sd === null)) return undefined;
  const sds = spreads.map(([, sd]) => 100 * (sd ?? 0));
  const down = scale === "error" ? sds.map((sd, index) => Math.min(sd, 0.9 * of[index])) : sds;
  return { type: "data", symmetric: false, array: sds, arrayminus: down, thickness: 1.2, width: 3 };
}

// ---- Colour: by nothing, by the few values of a setting, or by a number -------------------------------------------

const valueOf = (key, run) => (key === "seed" ? data.runs.seed[run] : data.runs.keys[key][run]);

function colouring() {
  const key = $("colour").value;
  if (!key) return { key, groups: [["", mine()]] };
  const values = new Map();
  for (const run of mine()) {
    const value = valueOf(key, run);
    if (!values.has(value)) values.set(value, []);
    values.get(value).push(run);
  }
  const numeric = [...values.keys()].every((value) => typeof value === "number");
  if (values.size > MANY_VALUES && numeric) return { key, continuous: true, groups: [["", mine()]] };
  let groups = [...values].sort(([a], [b]) => (numeric ? a - b : String(a) < String(b) ? -1 : 1)).map(([value, runs]) => [String(value), runs]);
  if (groups.length > MANY_VALUES) {
    groups.sort((a, b) => b[1].length - a[1].length);
    groups = [...groups.slice(0, MANY_VALUES - 1), ["others", groups.slice(MANY_VALUES - 1).flatMap(([, runs]) => runs)]];
  }
  return { key, groups };
}

const mine = () => task.runs;

// ---- The frontier ------------------------------------------------------------------------------------------------

function drawFrontier() {
  const axis = $("axis").value, scale = $("scale").value, frontier = task.frontiers[axis];
  const y = heights(scale, task.test), colours = colouring(), traces = [];
  const single = colours.groups.length === 1;
  colours.groups.forEach(([value, runs], index) => {
    const known = runs.filter((run) => data.runs[axis][run] !== null);
    const shade = single ? css("--faint") : colour(index);
    traces.push({
      type: scatter(mine().length), mode: "markers", name: single ? "runs" : safe(value), legendgroup: value,
      x: known.map((run) => data.runs[axis][run]), y: known.map((run) => y(data.runs.final_test[run])),
      customdata: known, text: known.map(told), hovertemplate: "%{text}<extra></extra>",
      marker: {
        size: 6, opacity: known.length > MANY_POINTS ? 0.35 : 0.65, color: shade, symbol: single ? "circle" : SYMBOLS[index],
        ...(colours.continuous ? { color: known.map((run) => valueOf(colours.key, run)), colorscale: "Viridis", showscale: true,
          opacity: 0.85, colorbar: { title: { text: safe(colours.key), side: "right" }, thickness: 12 } } : {}),
      },
    });
  });
  const lines = !single && frontier.of_value[colours.key] ? colours.groups.map(([value], index) => [value, frontier.of_value[colours.key][value] ?? [], colour(index), DASHES[index]])
    : [["", frontier.members, css("--accent"), "solid"]];
  for (const [value, members, shade, dash] of lines) {
    const found = members.map((index) => data.experiments[index]), of = found.map(({ test }) => y(test[0]));
    traces.push({
      type: "scatter", mode: members.length < 60 ? "lines+markers" : "lines", name: value ? `frontier, ${safe(value)}` : "frontier, chosen by validation", legendgroup: value,
      showlegend: !value, x: found.map(({ costs }) => costs[axis]), y: of, error_y: bars(found.map(({ test }) => test), scale, of),
      customdata: found.map(({ runs }) => runs[0]), text: found.map((one) => toldExperiment(one)), hovertemplate: "%{text}<extra></extra>",
      line: { color: shade, width: 2, dash }, marker: { size: 7, color: shade },
    });
  }
  if ($("attained").checked) traces.push(...attained(frontier, axis, y));
  if ($("stages").checked) traces.push(...stages(axis, y));
  if ($("published").checked) traces.push(...publishedTraces(axis, y));
  traces.push(...marks(axis, y));
  const best = Math.max(...task.dense.map(({ test }) => test.mean));
  const layout = {
    xaxis: costAxis(data.axes[axis].label, data.axes[axis].log, mine().map((run) => data.runs[axis][run]).filter((cost) => cost > 0), $("frontier").clientWidth),
    yaxis: accuracyAxis(scale, `Test accuracy, % of ${task.test ? number(task.test) : "the test"} images`, best, [...mine().map((run) => data.runs.final_test[run]), ...task.dense.map(({ test }) => test.mean)].map(y)),
    shapes: task.dense.map((dense) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: y(dense.test.mean), y1: y(dense.test.mean), line: { color: css("--ink"), width: 1.2, dash: "dash" } })),
    annotations: task.dense.map((dense) => ({ xref: "paper", ...(data.axes[axis].more ? { x: 1, xanchor: "right" } : { x: 0, xanchor: "left" }), yanchor: "bottom", showarrow: false, y: scale === "error" ? Math.log10(y(dense.test.mean)) : y(dense.test.mean), text: `dense ${safe(dense.model)} ${percent(dense.test.mean)}`, font: { size: 12 } })),
    uirevision: `${axis} ${scale} ${task.dataset}`,
  };
  $("frontier-hint").textContent = (scale === "error" ? "Equal steps upwards are equal factors of error. " : "")
    + (data.axes[axis].more ? "Better is up and right." : "Better is up and left.") + " Dashed: the dense network, mean over those trained."
    + (lines.length > 1 ? " A frontier for each colour." : "");
  return draw("frontier", traces, layout);
}

const told = (run) => {
  const runs = data.runs;
  return [`<b>${safe(runs.name[run])}</b>`, wrapped(safe(data.experiments[runs.experiment[run]].label), 70), `seed ${runs.seed[run]}`,
    `${number(runs.params_nonzero[run])} of ${number(runs.params_total[run])} parameters left (−${percent(runs.param_reduction[run])}), sparsity ${percent(runs.sparsity[run])}`,
    `test: dense ${percent(runs.dense_test[run])}, pruned ${percent(runs.pruned_test[run])}, final ${percent(runs.final_test[run])}`,
    `validation: final ${percent(runs.final_val[run])}`].join("<br>");
};

const toldExperiment = (one) => [`<b>${wrapped(safe(one.label || "the only setting"), 70)}</b>`, `test ${spread(one.test)}, validation ${spread(one.val)}`,
  `${number(one.costs.params_nonzero, 1)} parameters left, ${one.runs.length} seed${one.runs.length > 1 ? "s" : ""}`].join("<br>");

function attained(frontier, axis, y) {
  const names = { one: "attained by a seed", half: "by half of the seeds", all: "by all seeds" }, dashes = { one: "dot", half: "solid", all: "dash" };
  return Object.entries(frontier.surfaces).map(([share, corners]) => ({
    type: "scatter", mode: "lines", name: names[share], x: corners.map(([x]) => x), y: corners.map(([, value]) => y(value)),
    line: { shape: data.axes[axis].more ? "vh" : "hv", color: css("--mark"), width: 1.3, dash: dashes[share] }, hoverinfo: "name+x",
  }));
}

function stages(axis, y) {
  const found = task.stages.filter((stage) => stage[axis] !== undefined && stage[axis] !== null);
  if (!found.length) return [];
  return [{ type: scatter(found.length), mode: "markers", name: "stages (weights not kept)", x: found.map((stage) => stage[axis]), y: found.map((stage) => y(stage.test)),
    customdata: found.map(({ run }) => run), text: found.map((stage) => `round ${stage.round} of ${safe(data.runs.name[stage.run])}<br>test ${percent(stage.test)}`),
    hovertemplate: "%{text}<extra></extra>", marker: { size: 6, symbol: "circle-open", color: css("--faint") } }];
}

function publishedTraces(axis, y) {
  return task.dense.filter(({ model }) => task.published[model].length).map(({ model, params }, index) => {
    const rows = task.published[model];
    return { type: "scatter", mode: $("frontier").clientWidth < 560 ? "markers" : "markers+text", name: `published, ${safe(model)}`, x: rows.map(({ kept }) => (axis === "compression" ? 100 / kept : kept * params / 100)),
      y: rows.map(({ error }) => y(1 - error / 100)), text: rows.map(({ method }) => safe(method.split(",")[0])), textposition: "bottom center", textfont: { size: 10 },
      hovertext: rows.map((row) => `<b>${safe(row.method)} ${row.year}</b><br>${row.kept} % kept (of ${row.of ?? "what is not said"}), error ${row.error} %`
        + ` from ${row.dense ?? "?"} % dense<br>${wrapped(safe(row.source), 70)}<br>checked: ${row.checked}`),
      hovertemplate: "%{hovertext}<extra></extra>", marker: { size: 9, symbol: index ? "x-thin-open" : "x", color: css("--mark") } };
  });
}

function marks(axis, y) {
  const found = [], knee = task.frontiers[axis].knee, choice = chosen();
  const mark = (index, name, symbol, size) => {
    const one = data.experiments[index];
    found.push({ type: "scatter", mode: "markers", name, x: [one.costs[axis]], y: [y(one.test[0])], hoverinfo: "skip", marker: { symbol, size, color: css("--mark"), line: { width: 2.5, color: css("--mark") } } });
  };
  if (knee !== null) mark(knee, "knee", "diamond-open", 14);
  if (choice !== null) mark(choice, "smallest within the limit", "circle-open", 18);
  return found;
}

// ---- The choice --------------------------------------------------------------------------------------------------

function chosen() {
  const limit = Number($("within").dataset.limit) / 100;
  return task.frontiers[$("axis").value].choices.find((index) => data.experiments[index].val_drop[0] <= limit + 1e-9) ?? null;
}

function tellChoice() {
  const index = chosen(), out = $("chosen"), axis = $("axis").value;
  out.dataset.experiment = index ?? "";
  if (index === null) return out.replaceChildren(element("p", {}, "No setting of this sweep stays within that limit."));
  out.replaceChildren(...description(index, axis));
}

function description(index, axis) {
  const one = data.experiments[index], runs = data.runs, run = one.runs[0], seeds = one.runs.length;
  const cost = data.axes[axis].label.split(" (")[0].toLowerCase();
  const points = (drop) => `${Math.abs(100 * drop[0]).toFixed(2)} points ${drop[0] >= 0 ? "below" : "above"} dense`;
  const left = one.costs.params_nonzero;
  return [
    element("p", { class: "figures" }, element("strong", {}, one.label || "The only setting"), ": ",
      `${number(left, 1)} of ${number(runs.params_total[run])} parameters left (${percent(left / runs.params_total[run])}, ${one.costs.compression === null ? "nothing left" : number(one.costs.compression, 1) + "x"})`
      + (axis === "params_nonzero" || axis === "compression" ? "" : `, ${cost} ${number(one.costs[axis], 1)}`)
      + `. Chosen by validation accuracy, ${spread(one.val)}, ${points(one.val_drop)}. Test accuracy ${spread(one.test)}, ${points(one.test_drop)}, over ${seeds} seed${seeds > 1 ? "s" : ""}.`),
    element("ul", {}, ...one.runs.slice(0, 10).map((each) => element("li", {}, `seed ${runs.seed[each]}, test ${percent(runs.final_test[each])}: `, element("a", { href: link(each) }, runs.name[each]), " ", copyable(runs.command[each])))),
  ];
}

const link = (run) => data.runs.link[run].split("/").map(encodeURIComponent).join("/") + "/";

function copyable(command) {
  const copy = element("button", { type: "button", "aria-label": `Copy ${command}`, onclick: async () => {
    try { await navigator.clipboard.writeText(command); copy.textContent = "copied"; } catch { getSelection().selectAllChildren(copy.previousSibling); }
  } }, "copy");
  return element("span", {}, element("code", {}, command), copy);
}

function tellKnee() {
  const axis = $("axis").value, knee = task.frontiers[axis].knee;
  $("knee").textContent = knee === null ? "The frontier has no knee: fewer than three settings, or no bend."
    : `The knee, where the frontier bends most (logarithm of the validation error against ${data.axes[axis].log ? "that of the cost" : "the cost"}): ${data.experiments[knee].label || "the only setting"}, `
      + `${number(data.experiments[knee].costs.params_nonzero, 1)} parameters left, test accuracy ${spread(data.experiments[knee].test)}.`;
}

let waiting;

function limit(value) {
  $("within").dataset.limit = value;
  tellChoice();
  clearTimeout(waiting);  // the words follow every step of the slider, the chart of 10,000 points where it rests
  waiting = setTimeout(drawFrontier, 80);
}

// ---- Layers ------------------------------------------------------------------------------------------------------

function drawLayers() {
  const heat = task.heats[Number($("heat").value)] ?? task.heats[0];
  if (!heat) return $("layers").closest("section").setAttribute("hidden", "");
  const columns = range(heat.experiments.length), dead = [];
  heat.dead.forEach((row, layer) => row.forEach((count, column) => { if (count) dead.push([column, layer, count]); }));
  const every = Math.max(1, Math.ceil(columns.length / 12)), ticks = columns.filter((column) => column % every === 0 || column === columns.length - 1);
  const hover = heat.layers.map((name, row) => columns.map((column) => `<b>${safe(name)}</b> sparsity ${percent(heat.sparsity[row][column])}`
    + `<br>total ${percent(heat.total[column])}<br>${wrapped(safe(data.experiments[heat.experiments[column]].label), 60)}`));
  $("layers-hint").textContent = "Sparsity of a layer: its pruned / its parameters, weights and biases. One column for each setting, in the order of total sparsity (pruned / selected); mean over seeds."
    + (heat.of > columns.length ? ` ${columns.length} of ${number(heat.of)} settings are shown, evenly spaced.` : "")
    + (dead.length ? " ✕: no weight of the layer is left in at least one seed, so nothing passes it but its biases." : " No layer is dead.");
  return draw("layers", [
    { type: "heatmap", x: columns, y: heat.layers.map(safe), z: heat.sparsity.map((row) => row.map((value) => 100 * value)), zmin: 0, zmax: 100, colorscale: "Cividis", reversescale: true,
      text: hover, hovertemplate: "%{text}<extra></extra>", xgap: columns.length > 60 ? 0 : 1, ygap: 1, colorbar: { title: { text: "sparsity, %", side: "right" }, thickness: 12 } },
    { type: "scatter", mode: "markers", name: "dead layer", x: dead.map(([column]) => column), y: dead.map(([, layer]) => safe(heat.layers[layer])), hoverinfo: "skip",
      marker: { symbol: "x", size: columns.length > 60 ? 5 : 10, color: "#ffffff", line: { color: "#b3261e", width: 1.5 } } },
  ], { showlegend: false, xaxis: { title: "Total sparsity, % of the selected parameters (settings in this order)", tickvals: ticks, ticktext: ticks.map((column) => (100 * heat.total[column]).toFixed(heat.total[column] > 0.95 ? 1 : 0)), showgrid: false },
    yaxis: { title: "Layer", autorange: "reversed", type: "category", showgrid: false } });
}

function drawSensitivity() {
  const section = $("sensitivity-section");
  section.hidden = !task.sensitivities.length;
  if (section.hidden) return;
  const moment = $("moment").value, many = new Set(task.sensitivities.map(({ model }) => model)).size > 1;
  return draw("sensitivity", task.sensitivities.map((curve, index) => {
    const spreads = curve[moment].map(({ mean, sd }) => [mean, sd]);
    return { type: "scatter", mode: "lines+markers", name: safe([many ? curve.model : "", curve.layer, curve.setting].join(" ").trim()), x: curve.sparsity.map((value) => 100 * value), y: spreads.map(([mean]) => 100 * mean),
      error_y: bars(spreads, "linear"), line: { color: colour(index), dash: DASHES[Math.floor(index / 8) % 8] }, marker: { symbol: SYMBOLS[index % 8], size: 7 } };
  }), { xaxis: { title: "Sparsity of the one layer, % of its selected parameters" }, yaxis: { title: `Test accuracy, %, ${moment === "pruned" ? "straight after pruning" : "after fine-tuning"}` } });
}

function drawTuning() {
  const colours = colouring(), front = new Set(task.frontiers.params_nonzero.members.flatMap((index) => data.experiments[index].runs));
  const usable = (run) => data.runs.curve[run].length > 1, all = mine().filter(usable);
  const rest = all.filter((run) => !front.has(run)), every = Math.max(1, Math.ceil(rest.length / MANY_CURVES));
  const taken = new Set([...all.filter((run) => front.has(run)).slice(0, MANY_CURVES), ...rest.filter((_, index) => index % every === 0)]);
  const y = heights("error", 5000);
  const traces = colours.groups.map(([value, runs], index) => {
    const kept = runs.filter((run) => taken.has(run)), line = { type: "scatter", mode: "lines+markers", name: safe(value || "runs"), x: [], y: [], customdata: [], text: [], hovertemplate: "%{text}<extra></extra>",
      line: { color: colours.groups.length > 1 ? colour(index) : css("--accent"), width: 1 }, marker: { size: 4 }, opacity: kept.length > 60 ? 0.4 : 0.75 };
    for (const run of kept) {
      data.runs.curve[run].forEach((accuracy, epoch) => { line.x.push(epoch); line.y.push(y(accuracy)); line.customdata.push(run);
        line.text.push(`<b>${safe(data.runs.name[run])}</b> epoch ${epoch}: validation ${percent(accuracy)}<br>${wrapped(safe(data.experiments[data.runs.experiment[run]].label), 60)}`); });
      line.x.push(null); line.y.push(null); line.customdata.push(null); line.text.push("");
    }
    return line;
  });
  $("tuning-hint").textContent = all.length ? "Each epoch is a point already paid for: a run with fewer epochs would have ended there. Epoch 0 is straight after pruning. Validation accuracy; equal steps upwards are equal factors of error."
    + (taken.size < all.length ? ` ${number(taken.size)} of ${number(all.length)} runs are drawn: those of the frontier and evenly spaced others.` : "") : "No run was fine-tuned.";
  return draw("tuning", traces, { showlegend: colours.groups.length > 1, xaxis: { title: "Epochs of training after the first pruning", rangemode: "tozero", ...(all.every((run) => data.runs.curve[run].length < 12) ? { dtick: 1 } : {}) },
    yaxis: accuracyAxis("error", `Validation accuracy, % of ${task.validation || "the validation"} images`, undefined, all.flatMap((run) => data.runs.curve[run].map(y))) });
}

// ---- The table ---------------------------------------------------------------------------------------------------

const FIGURES = ["seed", "sparsity", "params_nonzero", "final_test", "final_val", "pruned_test", "dense_test", "param_reduction", "compression", "macs_nonzero", "finetuning_epochs", "seconds"];
const FRACTIONS = new Set(["sparsity", "param_reduction", "dense_test", "pruned_test", "final_test", "final_val"]);
const HEADS = { name: "run", params_nonzero: "parameters left", param_reduction: "reduction", macs_nonzero: "multiply-adds", dense_test: "dense, test", pruned_test: "pruned, test", final_test: "final, test", final_val: "final, validation", finetuning_epochs: "tuned, epochs" };

const columns = () => ["name", ...task.keys, ...data.repeating, ...FIGURES];
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
      return (run) => { const own = cell(column, run); return own !== null && own !== undefined && COMPARE[sign](own, bound); };
    }
    const word = token.toLowerCase();
    return (run) => columns().some((each) => String(cell(each, run) ?? "").toLowerCase().includes(word)) || data.runs.model[run].includes(word);
  });
}

function filterTable() {
  const wanted = tests($("filter").value);
  shown = mine().filter((run) => wanted.every((test) => test(run)));
  const { column, down } = sorted, order = new Map(shown.map((run) => [run, cell(column, run)]));
  const compare = column === "name" ? (a, b) => String(a).localeCompare(String(b), "en", { numeric: true }) : (a, b) => (a === b ? 0 : a === null || a === undefined ? 1 : b === null || b === undefined ? -1 : a < b ? -1 : 1);
  shown.sort((a, b) => (down ? -1 : 1) * compare(order.get(a), order.get(b)) || a - b);
  first = 0;
  $("count").textContent = `${number(shown.length)} of ${number(mine().length)} runs`;
  drawTable();
}

function drawTable() {
  const table = $("table"), names = columns();
  table.tHead.replaceChildren(element("tr", {}, element("th", {}, "details"), ...names.map((column) => {
    const head = element("th", { scope: "col", class: isNumber(column) ? "number" : "" }, element("button", { type: "button", "data-column": column, onclick: () => sortBy(column) }, HEADS[column] ?? column));
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
  const { shared, varying } = data.settings;
  const own = { ...shared, ...Object.fromEntries(Object.entries(varying).map(([key, { values, index }]) => [key, values[index[run]]])) };
  return element("div", {}, element("p", {}, "Directory: ", element("a", { href: link(run) }, data.runs.name[run])), element("p", {}, "Again: ", copyable(data.runs.command[run])),
    element("p", {}, "Its complete config; what differs between runs is bold:"),
    element("ul", { class: "config" }, ...Object.entries(own).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => element("li", {}, element("code", {}, key in varying ? element("strong", {}, `${key}=${value}`) : `${key}=${value}`)))));
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

// ---- All together ------------------------------------------------------------------------------------------------

function enter() {
  task = data.tasks[Number($("task").value) || 0];
  task.runs ??= range(data.runs.name.length).filter((run) => data.runs.dataset[run] === task.dataset);
  task.stages ??= data.stages.filter(({ run }) => data.runs.dataset[run] === task.dataset);
  fill($("axis"), Object.keys(data.axes).filter((axis) => axis in task.frontiers).map((axis) => [axis, data.axes[axis].label.split(" (")[0]]));
  const keys = [...task.keys, ...(task.seeds.length > 1 ? ["seed"] : []), ...data.repeating];
  fill($("colour"), [["", "none"], ...keys.map((key) => [key, key])]);
  fill($("heat"), task.heats.map(({ model }, index) => [String(index), model]));
  $("heat").closest(".controls").hidden = task.heats.length < 2;
  $("stages-label").hidden = !task.stages.length;
  $("attained").closest("label").hidden = task.seeds.length < 2;
  const any = Object.values(task.published).some((found) => found.length);
  $("published-label").hidden = !any;
  if (!any) $("published").checked = false;
  tellKnee();
  tellChoice();
  filterTable();
  return drawAll();
}

const drawAll = () => Promise.all([drawFrontier(), drawLayers(), drawSensitivity(), drawTuning()]);

function changeAxis() {
  const axis = $("axis").value, comparable = axis === "params_nonzero" || axis === "compression";
  $("published").disabled = !comparable;
  if (!comparable) $("published").checked = false;
  tellKnee();
  tellChoice();
  return drawFrontier();
}

function listen() {
  $("task").addEventListener("change", enter);
  $("axis").addEventListener("change", changeAxis);
  for (const id of ["scale", "attained", "stages", "published"]) $(id).addEventListener("change", drawFrontier);
  $("bars").addEventListener("change", () => Promise.all([drawFrontier(), drawSensitivity()]));
  $("colour").addEventListener("change", () => Promise.all([drawFrontier(), drawTuning()]));
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

if (!document.querySelector("#lost tbody tr")) $("lost").hidden = true;
start().catch((error) => {
  $("trouble").hidden = false;
  $("trouble").textContent = `The charts cannot be shown: ${error.message}. The same figures are in results.csv and frontier.csv.`;
  console.error(error);
}).finally(() => { document.body.dataset.ready = "true"; });
