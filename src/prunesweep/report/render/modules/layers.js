// Sparsity by layer, as a heat map with one column per setting.

import { experiment, labelOf, task, textOf } from "page/data";
import { $, section } from "page/dom";
import { number, percent, range, safe, wrapped } from "page/format";
import { draw } from "page/plot";
import { ramp, readable, shadeAt } from "page/theme";

const PIXELS_OF_NUMBER = 44;

export async function drawLayers() {
  const heat = task.heats[Number($("heat").value)] ?? task.heats[0];
  section("layers").hidden = !heat;
  if (!heat) return;
  const columns = range(heat.experiments.length), dead = [];
  heat.dead.forEach((row, layer) => row.forEach((count, column) => { if (count) dead.push([column, layer]); }));
  const name = (column) => labelOf(experiment(heat.experiments[column])), wide = $("layers").clientWidth > columns.length * PIXELS_OF_NUMBER + 120;
  const every = Math.max(1, Math.ceil(columns.length / (wide ? 30 : 12))), ticks = columns.filter((column) => column % every === 0 || column === columns.length - 1);
  const hover = heat.layers.map((layer, row) => columns.map((column) => `<b>${safe(layer)}</b> sparsity ${percent(heat.sparsity[row][column])}`
    + `<br>total ${percent(heat.total[column])}<br>${wrapped(safe(name(column)), 60)}`));
  $("layers-hint").textContent = "Sparsity of a layer: its pruned parameters / all its parameters, weights and biases. One column per setting, sorted by total sparsity (pruned / selected parameters), mean over runs."
    + (heat.of > columns.length ? ` ${columns.length} of ${number(heat.of)} settings are shown, evenly spaced.` : "")
    + (dead.length ? " ✕: dead layer: in at least one run no weight of it is left, and only its biases have an effect." : " No layer is dead.");
  const title = wide ? `Setting: ${task.keys.join(", ") || "the only one"} (sorted by total sparsity)` : "Total sparsity, % of the selected parameters (one column per setting)";
  const text = (column) => (wide ? short(values(experiment(heat.experiments[column]))) : (100 * heat.total[column]).toFixed(heat.total[column] > 0.95 ? 1 : 0));
  await draw("layers", [
    { type: "heatmap", x: columns, y: heat.layers.map(safe), z: heat.sparsity.map((row) => row.map((value) => 100 * value)), zmin: 0, zmax: 100, colorscale: ramp(),
      text: hover, hovertemplate: "%{text}<extra></extra>", xgap: columns.length > 60 ? 0 : 1, ygap: 1, colorbar: { title: { text: "sparsity, %", side: "right" }, thickness: 12 } },
    ...(wide ? [numbers(heat)] : []),
    { type: "scatter", mode: "markers", name: "dead layer", visible: !wide, x: dead.map(([column]) => column), y: dead.map(([, layer]) => safe(heat.layers[layer])), hoverinfo: "skip",
      marker: { symbol: "x", size: columns.length > 60 ? 5 : 9, color: "#ffffff", line: { color: "#b3261e", width: 1.5 } } },
  ], { showlegend: false, xaxis: { title, range: [-0.5, columns.length - 0.5], tickvals: ticks, ticktext: ticks.map(text), showgrid: false, ...(wide ? { tickangle: -35 } : {}) }, yaxis: { title: "Layer", autorange: "reversed", type: "category", showgrid: false } },
  { columns: ["setting", "total", ...heat.layers], rows: columns.map((column) => [name(column), heat.total[column], ...heat.sparsity.map((row) => row[column])]) });
}

// The numbers in the cells, each in the color that is readable on its cell. Those of dead layers are marked.
function numbers(heat) {
  const cells = heat.sparsity.flatMap((row, layer) => row.map((value, column) => ({ value, column, layer, dead: heat.dead[layer][column] })));
  return { type: "scatter", mode: "text", name: "sparsity", hoverinfo: "skip", x: cells.map(({ column }) => column), y: cells.map(({ layer }) => safe(heat.layers[layer])),
    text: cells.map(({ value, dead }) => (dead ? `<b>✕ ${(100 * value).toFixed(1)}</b>` : (100 * value).toFixed(1))), textfont: { size: 12, color: cells.map(({ value }) => readable(shadeAt(value))) } };
}

const values = (setting) => task.keys.map((key) => textOf(setting, key)).join(" ") || "the only setting";
const short = (text) => safe(text.length > 28 ? `${text.slice(0, 27)}…` : text);
