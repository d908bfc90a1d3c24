// Slices: accuracy and size of every setting against each of the varied settings, one small plot for each.

import { settingAxes } from "page/axes";
import { shades } from "page/colors";
import { experiment, task } from "page/data";
import { $ } from "page/dom";
import { number, range, safe } from "page/format";
import { draw, reach } from "page/plot";
import { evenly } from "page/places";
import { css } from "page/theme";
import { fitting } from "page/ticks";
import { describe, heights } from "page/tradeoff";
import { open } from "page/view";

const WIDTH = 240, TOP = 12, BETWEEN = 10, FOOT = 66, MAX_POINTS = 500, PAD = 0.05;

export async function drawSlices(kept) {
  const axes = settingAxes(), chart = $("slices"), rows = Math.ceil(axes.length / Math.max(1, Math.min(4, Math.floor(chart.clientWidth / WIDTH))));
  const columns = Math.ceil(axes.length / rows), tall = columns > 1 ? 150 : 110, area = rows * (2 * tall + BETWEEN + FOOT) - FOOT;
  chart.style.height = `${TOP + area + FOOT}px`;
  const shown = evenly(task.experiments, MAX_POINTS), frame = { columns, tall, area, width: chart.clientWidth - 66 };
  const places = axes.map((axis, index) => panels(axis, index, frame)), y = heights("error", { floor: 100 - task.mattered.accuracy.high });
  const traces = axes.flatMap((axis, index) => [...points(axis, index, shown, kept, y), ...means(axis, index, y)]);
  $("slices-hint").textContent = "Every point is a setting, in the color of the main chart. Squares are means of the settings with the same value. Click a point, or move with the arrow keys and press Enter, to open its run."
    + (shown.length < task.experiments.length ? ` ${number(shown.length)} of ${number(task.experiments.length)} settings are drawn: an even selection.` : "");
  await draw("slices", traces, { showlegend: false, margin: { t: TOP, b: FOOT }, ...Object.assign({}, ...places) },
    { columns: [...axes.map(({ title }) => title), "val_accuracy", "params_nonzero"], rows: task.experiments.map(experiment).map((one) => [...axes.map(({ column }) => column.figure(one)), one.val[0], one.costs.params_nonzero]) });
  reach("slices", order(axes, shown), (index) => open(experiment(index).runs[0]));
}

const axisName = (letter, number) => `${letter}axis${number === 1 ? "" : number}`;
const short = (letter, number) => `${letter}${number === 1 ? "" : number}`;

// The axes of the plot of one setting: accuracy above size, over the same values.
function panels({ title, scale }, index, { columns, tall, area, width }) {
  const column = index % columns, row = Math.floor(index / columns), gap = columns > 1 ? 56 / width : 0;
  const domain = [column / columns + (column ? gap / 2 : 0), (column + 1) / columns - gap / 2], length = (domain[1] - domain[0]) * width;
  const from = row * (2 * tall + BETWEEN + FOOT), [x, above, below] = [index + 1, 2 * index + 1, 2 * index + 2];
  const vertical = (start) => ({ domain: [1 - (start + tall) / area, 1 - start / area], anchor: short("x", x), length: tall });
  return {
    [axisName("x", x)]: { ...horizontal(scale, length), title: safe(title), domain, anchor: short("y", below), length },
    [axisName("y", above)]: { ...accuracy(tall), title: column ? "" : "Validation, %", ...vertical(from) },
    [axisName("y", below)]: { ...size(tall), title: column ? "" : "Parameters left", ...vertical(from + tall + BETWEEN) },
  };
}

function horizontal(scale, pixels) {
  if (scale.kind === "category") {
    const room = Math.floor(pixels / scale.values.length / 7), text = (value) => (value.length > Math.max(room, 6) ? `${value.slice(0, Math.max(room, 6) - 1)}…` : value);
    return { range: [-0.5, scale.high + 0.5], tickvals: range(scale.values.length), ticktext: scale.values.map((value) => safe(text(value))), showgrid: false, tickangle: scale.values.length * 44 > pixels ? -60 : 0 };
  }
  const log = scale.kind === "log", place = log ? Math.log10 : (value) => value, [low, high] = [place(scale.low), place(scale.high)], pad = PAD * (high - low);
  const ticks = fitting(scale.ticks, (tick) => (pixels * place(tick)) / (high - low), 44);
  return { type: log ? "log" : "linear", range: [low - pad, high + pad], tickvals: ticks, ticktext: ticks.map((tick) => number(tick, 6)) };
}

function accuracy(tall) {
  const { low, high, ticks } = task.mattered.accuracy, [bottom, top] = [Math.log10(100 - low), Math.log10(100 - high)];
  const shown = fitting(ticks, (tick) => (tall * Math.log10(100 - tick)) / (bottom - top || 1), 20);
  return { type: "log", range: [bottom + 0.05 * (bottom - top), top - 0.05 * (bottom - top)], tickvals: shown.map((tick) => 100 - tick), ticktext: shown.map(String) };
}

function size(tall) {
  const { low, high, ticks } = task.mattered.size, [bottom, top] = [Math.log10(low), Math.log10(high)], pad = PAD * (top - bottom || 1);
  const shown = fitting(ticks, (tick) => (tall * Math.log10(tick)) / (top - bottom || 1), 20);
  return { type: "log", range: [bottom - pad, top + pad], tickvals: shown, ticktext: shown.map((tick) => number(tick)) };
}

const across = ({ scale, value }, one) => (scale.kind === "category" ? scale.values.indexOf(value(one)) : value(one));

function points(axis, index, shown, kept, y) {
  const shade = shades(), settings = shown.map(experiment), opacity = shown.map((each) => (!kept || kept.has(each) ? 0.7 : 0.08));
  const marker = { size: shown.length > 300 ? 4 : 6, color: shown.map(shade), opacity };
  const common = { type: "scatter", mode: "markers", x: settings.map((one) => across(axis, one)), xaxis: short("x", index + 1), customdata: shown, text: settings.map(describe), hovertemplate: "%{text}<extra></extra>", marker };
  return [
    { ...common, name: `${axis.title}: accuracy`, y: settings.map(({ val }) => y(val[0])), yaxis: short("y", 2 * index + 1) },
    { ...common, name: `${axis.title}: size`, y: settings.map(({ costs }) => Math.max(1, costs.params_nonzero ?? 1)), yaxis: short("y", 2 * index + 2) },
  ];
}

function means({ scale, levels, title }, index, y) {
  if (levels.length < 2) return [];
  const category = scale.kind === "category", x = category ? range(levels.length) : levels.map(({ value }) => Number(value));
  const common = { type: "scatter", mode: category ? "markers" : "lines+markers", x, xaxis: short("x", index + 1), hovertemplate: "%{text}<extra></extra>", line: { color: css("--ink"), width: 1.2 },
    marker: { symbol: "square-open", size: 9, color: css("--ink"), line: { width: 1.6 } } };
  const text = (figure) => levels.map((level) => `<b>${safe(title)}=${safe(level.value)}</b><br>mean of ${number(level.count)}: ${figure(level)}`);
  return [
    { ...common, name: `${title}: mean accuracy`, y: levels.map(({ val }) => y(val)), yaxis: short("y", 2 * index + 1), text: text(({ val }) => `validation ${(100 * val).toFixed(2)} %`) },
    { ...common, name: `${title}: mean size`, y: levels.map(({ size }) => size), yaxis: short("y", 2 * index + 2), text: text(({ size }) => `${number(size)} parameters left (geometric mean)`) },
  ];
}

// The way of the arrow keys: through the accuracies of each plot, from left to right. A plot has two traces of points, and two
// of means if its values are listed.
function order(axes, shown) {
  let curve = 0;
  return axes.flatMap((axis) => {
    const own = curve, place = shown.map((index) => across(axis, experiment(index)));
    curve += axis.levels.length < 2 ? 2 : 4;
    return range(shown.length).sort((a, b) => place[a] - place[b]).map((at) => [own, at, shown[at]]);
  });
}
