// Validation accuracy during fine-tuning.

import { coloring, groupOf } from "page/colors";
import { data, experimentOf, labelOf, task } from "page/data";
import { $, section } from "page/dom";
import { number, percent, range, safe, wrapped } from "page/format";
import { draw } from "page/plot";
import { heights } from "page/tradeoff";
import { fitting } from "page/ticks";

const MANY_CURVES = 400;

export async function drawTuning() {
  const all = task.runs.filter((run) => data.runs.curve[run].length > 1);
  section("tuning").hidden = !all.length;
  if (!all.length) return;
  const colors = coloring(), group = groupOf(colors.groups), taken = selection(all), y = heights("error");
  const traces = colors.groups.map((each) => curves(taken.filter((run) => group.get(data.runs.experiment[run]) === each), each, y));
  $("tuning-hint").textContent = "Validation accuracy after each epoch that follows the dense training. Epoch 0 is directly after the first pruning, or the dense network if sparsity rises during training (schedule gradual)."
    + (taken.length < all.length ? ` ${number(taken.length)} of ${number(all.length)} runs are drawn: the runs on the frontier and an even selection of the others.` : "");
  const longest = Math.max(...taken.map((run) => data.runs.curve[run].length)), height = $("tuning").clientHeight - 90, levels = task.tuning_ticks;
  const shown = fitting(levels, (accuracy) => (height * Math.log10(100 - accuracy)) / task.tuning_decades, 24);
  await draw("tuning", traces, { showlegend: colors.groups.length > 1, xaxis: { title: "Epochs after the dense training", rangemode: "tozero", ...(longest < 12 ? { dtick: 1 } : {}) },
    yaxis: { title: `Validation accuracy, % of ${task.validation || "the validation"} images`, type: "log", autorange: "reversed", tickvals: shown.map((value) => 100 - value), ticktext: shown.map(String) } },
  { columns: ["run", "epoch", "val_accuracy"], rows: taken.flatMap((run) => data.runs.curve[run].map((accuracy, epoch) => [data.runs.name[run], epoch, accuracy])) });
}

// The runs on the frontier, and an even selection of the others.
function selection(all) {
  const front = new Set(task.frontiers.params_nonzero.members.flatMap((index) => data.experiments[index].runs));
  const rest = all.filter((run) => !front.has(run)), every = Math.max(1, Math.ceil(rest.length / MANY_CURVES));
  return [...all.filter((run) => front.has(run)).slice(0, MANY_CURVES), ...range(Math.ceil(rest.length / every)).map((index) => rest[index * every])];
}

function curves(runs, { label, shade }, y) {
  const line = { type: "scatter", mode: "lines+markers", name: safe(label || "runs"), x: [], y: [], customdata: [], text: [], hovertemplate: "%{text}<extra></extra>",
    line: { color: shade, width: 1 }, marker: { size: 4 }, opacity: runs.length > 60 ? 0.4 : 0.75 };
  const add = (x, height, run, text) => { line.x.push(x); line.y.push(height); line.customdata.push(run); line.text.push(text); };
  for (const run of runs) {
    data.runs.curve[run].forEach((accuracy, epoch) => add(epoch, y(accuracy), run,
      `<b>${safe(data.runs.name[run])}</b> epoch ${epoch}: validation ${percent(accuracy)}<br>${wrapped(safe(labelOf(experimentOf(run))), 60)}`));
    add(null, null, null, "");
  }
  return line;
}
