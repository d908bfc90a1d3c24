// The main chart: test accuracy of every setting against a cost.

import { chosen } from "page/choice";
import { coloring, groupOf } from "page/colors";
import { collapseOf, data, experiment, labelOf, task } from "page/data";
import { $ } from "page/dom";
import { difference, number, percent, plural, safe, smallest, largest, spread, wrapped } from "page/format";
import { draw, many, narrow, reach, scatter, spaced, widthOf } from "page/plot";
import { publishedTraces } from "page/published";
import { css, DASHES, SYMBOLS } from "page/theme";
import { fitting } from "page/ticks";
import { open } from "page/view";

const MANY_LABELS = 12, LINE_GAP = 16, MAX_ROOM = 0.3, MAX_MODEL = 96;
let kept = null;  // the settings that the table shows, or null for all

export function emphasize(experiments) {
  kept = experiments;
}

export async function drawTradeoff() {
  const axis = $("axis").value, scale = $("scale").value, colors = coloring(), y = heights(scale);
  const members = task.experiments.filter((index) => experiment(index).costs[axis] !== null);
  const lines = seriesLines(axis, colors), { labels, room } = direct(lines);
  const horizontal = costScale(axis, members, room), vertical = accuracyScale(scale, members);
  const lined = lines.length > 0, front = frontierTraces(axis, colors, y, lined);
  const traces = [
    ...(lined ? front : []), ...lines.map((line) => lineTrace(line, axis, y, labels.length === 0)), ...points(axis, colors, members, y, scale, lined),
    ...single(axis, y, members), ...stageTraces(axis, colors, members, y), ...(lined ? [] : front),
    ...($("attained").checked ? attained(axis, y) : []), ...($("published").checked ? publishedTraces(axis, y) : []), ...marks(axis, y), ...collapsed(axis, members, y),
  ];
  const layout = {
    xaxis: { title: data.axes[axis].label, ...horizontal.axis }, yaxis: { title: `Test accuracy, % of ${task.test ? number(task.test) : "the test"} images`, ...vertical.axis },
    shapes: denseShapes(y), annotations: [...denseLabels(y, vertical), ...endLabels(labels, axis, y, horizontal, vertical)], margin: { r: denseRoom() },
    uirevision: `${axis} ${scale} ${task.dataset}`,
  };
  $("frontier-hint").textContent = hint(axis, scale);
  await draw("frontier", traces, layout, table(axis, members));
  reach("frontier", order(traces, axis), (index) => open(experiment(index).runs[0]));
}

// Maps an accuracy to its position on the axis: the error or the accuracy, in percent.
export const heights = (scale, { floor } = task.errors) =>
  (scale === "error" ? (accuracy) => Math.max(100 * (1 - accuracy), floor) : (accuracy) => 100 * accuracy);

// ---- Axes

function costScale(axis, members, room) {
  const { log, more } = data.axes[axis], extent = task.extents[axis], pixels = plotWidth();
  const place = extent ? Math.log10 : (cost) => cost, costs = members.map((index) => experiment(index).costs[axis]);
  let [low, high] = extent ? [place(extent.low), place(extent.high)] : [smallest(costs), largest(costs)];
  if (!extent) [low, high] = [low - 0.05 * (high - low || 1), high + 0.05 * (high - low || 1)];
  const space = (room / (1 - room)) * (high - low);  // for the labels at the ends of lines
  if (more) high += space; else low -= space;
  const ticks = extent ? fitting(extent.ticks, (tick) => (pixels * place(tick)) / (high - low), 62) : [];
  const marked = ticks.length ? { tickvals: ticks, ticktext: ticks.map((tick) => number(tick, 4)) } : {};
  return { axis: { type: log && extent ? "log" : "linear", range: [low, high], exponentformat: "none", separatethousands: true, ...marked }, place };
}

const plotWidth = () => $("frontier").clientWidth - 64 - denseRoom();
const plotHeight = () => $("frontier").clientHeight - 90;

function accuracyScale(scale, members) {
  const height = plotHeight();
  if (scale === "error") {
    const { low, high, ticks } = task.errors, [bottom, top] = [Math.log10(high), Math.log10(low)];
    const shown = fitting(ticks, (accuracy) => (height * Math.log10(100 - accuracy)) / (bottom - top), 24);
    const place = (error) => (height * (Math.log10(error) - top)) / (bottom - top);
    return { place, axis: { type: "log", range: [bottom, top], tickvals: shown.map((value) => 100 - value), ticktext: shown.map(String) } };
  }
  const best = largest(task.dense.length ? task.dense.map(({ test }) => 100 * test.mean) : members.map((index) => 100 * experiment(index).test[0])), ends = members.flatMap((index) => {
    const [mean, sd] = experiment(index).test;
    return [100 * (mean - (sd ?? 0)), 100 * (mean + (sd ?? 0))];
  });
  const span = [smallest([...ends, best]), largest([...ends, best])], pad = 0.05 * (span[1] - span[0] || 1);
  const [bottom, top] = scale === "near" ? [best - 5, Math.min(100.2, best + 1)] : [span[0] - pad, span[1] + pad];
  return { place: (value) => (height * (top - value)) / (top - bottom), axis: { range: [bottom, top] } };
}

// ---- Settings, and lines through those that differ in one number

function points(axis, colors, members, y, scale, lined) {
  const group = groupOf(colors.groups), scales = new Map(task.experiments.map((index, place) => [index, colors.scale?.[place]]));
  return colors.groups.map((each) => {
    const shown = members.filter((index) => group.get(index) === each), settings = shown.map(experiment), tests = settings.map(({ test }) => y(test[0]));
    const opacity = many(members.length) ? 0.4 : 0.9;
    return {
      type: scatter(members.length), mode: "markers", name: safe(each.label || "settings"), legendgroup: each.label, showlegend: !lined && !colors.scale && colors.groups.length > 1,
      x: settings.map(({ costs }) => costs[axis]), y: tests, error_y: bars(settings.map(({ test }) => test), scale, tests),
      customdata: shown, text: settings.map(describe), hovertemplate: "%{text}<extra></extra>",
      marker: {
        size: many(members.length) ? 5 : 8, symbol: SYMBOLS[each.index ?? 0], color: colors.scale ? shown.map((index) => scales.get(index)) : each.shade,
        opacity: kept ? shown.map((index) => (kept.has(index) ? 1 : 0.12)) : opacity,
        ...(colors.scale ? { colorscale: "Viridis", showscale: true, colorbar: { title: { text: safe(colors.key), side: "right" }, thickness: 12 } } : {}),
      },
    };
  });
}

export const describe = (setting) => [`<b>${wrapped(safe(labelOf(setting)), 70)}</b>`,
  `test ${spread(setting.test)}, ${difference(setting.test_drop)} points against dense`, `validation ${spread(setting.val)}`,
  `${number(setting.costs.params_nonzero, 1)} parameters left, ${plural(setting.seeds, "seed")}`,
  ...(setting.collapsed ? [`<b>${wrapped(safe(collapseOf(setting)), 70)}</b>`] : [])].join("<br>");

export function bars(spreads, scale, heights) {
  if (!$("bars").checked || spreads.every(([, sd]) => sd === null)) return undefined;
  const sds = spreads.map(([, sd]) => 100 * (sd ?? 0));
  const down = scale === "error" ? sds.map((sd, index) => Math.min(sd, 0.9 * heights[index])) : sds;  // a logarithmic axis has no zero
  return { type: "data", symmetric: false, array: sds, arrayminus: down, thickness: 1.2, width: 3 };
}

// The lines of a grid with their color, dash and text. The text names what the color does not.
function seriesLines(axis, colors) {
  const group = groupOf(colors.groups), count = new Map();
  const lines = task.lines.map(({ short, full, experiments }) => {
    const own = group.get(experiments[0]), shade = experiments.every((index) => group.get(index) === own) ? own.shade : css("--faint");
    const turn = count.get(own) ?? 0;
    count.set(own, turn + 1);
    const shown = experiments.map(experiment).filter(({ costs }) => costs[axis] !== null);
    return { shade, shown, dash: DASHES[turn % DASHES.length], text: short, name: full };
  });
  return lines.filter(({ shown }) => shown.length);
}

const lineTrace = ({ shade, shown, dash, text, name }, axis, y, legend) => ({
  type: "scatter", mode: "lines", name: safe(narrow("frontier") ? text : name), showlegend: legend && Boolean(name), x: shown.map(({ costs }) => costs[axis]), y: shown.map(({ test }) => y(test[0])),
  line: { color: shade, width: 1.8, dash }, hoverinfo: "skip",
});

// The lines with labels at their ends, and the part of the width that the labels take. Many or long names have a legend instead.
function direct(lines) {
  const labels = lines.filter(({ text }) => text), room = (largest([0, ...labels.map(({ text }) => widthOf(text))]) + 18) / plotWidth();
  return labels.length && labels.length <= MANY_LABELS && room <= MAX_ROOM ? { labels, room } : { labels: [], room: 0.02 };
}

// Labels at the cheap ends of the lines, moved apart. A thin line leads to a label that was moved.
function endLabels(lines, axis, y, horizontal, vertical) {
  const { more } = data.axes[axis], cheaper = (a, b) => (more ? a.costs[axis] > b.costs[axis] : a.costs[axis] < b.costs[axis]);
  const ends = lines.map(({ shown }) => shown.reduce((best, each) => (cheaper(each, best) ? each : best))), log = vertical.axis.type === "log";
  const places = ends.map(({ test }) => vertical.place(y(test[0]))), moved = shifts(places, LINE_GAP);
  return lines.map(({ text, shade }, index) => ({
    x: horizontal.place(ends[index].costs[axis]), y: log ? Math.log10(y(ends[index].test[0])) : y(ends[index].test[0]), text: safe(text), font: { size: 12, color: shade },
    xanchor: more ? "left" : "right", ax: more ? 12 : -12, ay: moved[index], showarrow: true, arrowhead: 0, arrowwidth: 1, standoff: 6, arrowcolor: Math.abs(moved[index]) > LINE_GAP / 2 ? shade : "rgba(0, 0, 0, 0)",
  }));
}

// How far labels of a height move so that they do not overlap and stay beside the plot, in pixels.
function shifts(places, height) {
  const above = (height - LINE_GAP) / 2;  // what must fit between the middle of a label and the top
  return spaced(places.map((place) => place - above), height, plotHeight() - height / 2 - above).map((place, index) => place + above - places[index]);
}

// ---- Runs, stages, frontiers, marks

function single(axis, y, members) {
  if (!$("single").checked) return [];
  const runs = members.flatMap((index) => experiment(index).runs).filter((run) => data.runs[axis][run] !== null);
  return [{ type: scatter(runs.length), mode: "markers", name: "single runs", x: runs.map((run) => data.runs[axis][run]), y: runs.map((run) => y(data.runs.final_test[run])),
    text: runs.map((run) => `run ${safe(data.runs.name[run])}, seed ${data.runs.seed[run]}<br>test ${percent(data.runs.final_test[run])}${data.runs.collapsed[run] ? `<br>collapsed: ${safe(data.runs.collapsed[run])}` : ""}`), hovertemplate: "%{text}<extra></extra>",
    marker: { size: 4, color: css("--faint"), opacity: 0.6 } }];
}

function stageTraces(axis, colors, members, y) {
  if (!$("rounds").checked) return [];
  const group = groupOf(colors.groups);
  return members.filter((index) => experiment(index).stages).map((index) => {
    const setting = experiment(index), known = setting.stages.filter(({ costs }) => costs[axis] !== null), all = [...known, setting];
    const text = known.map(({ round, test, costs, collapsed: dead }) => `round ${round} of ${safe(labelOf(setting))}<br>test ${spread(test)}<br>${number(costs.params_nonzero, 1)} parameters left (weights not kept)${dead ? `<br><b>collapsed in ${plural(dead, "run")}</b>` : ""}`);
    return { type: "scatter", mode: "lines+markers", name: `earlier rounds, ${safe(labelOf(setting))}`, showlegend: false, x: all.map(({ costs }) => costs[axis]), y: all.map(({ test }) => y(test[0])),
      text: [...text, describe(setting)], hovertemplate: "%{text}<extra></extra>", line: { color: group.get(index).shade, width: 1.4 }, marker: { size: 6, symbol: "circle-open", color: group.get(index).shade } };
  });
}

// With lines through all settings, the frontier is a pale line behind them. Otherwise there is one for each color.
function frontierTraces(axis, colors, y, lined) {
  const frontier = task.frontiers[axis], parts = new Map(frontier.of_value[colors.key] ?? []), split = !lined && parts.size && !colors.scale;
  const lines = split ? colors.groups.map(({ label, shade }) => [label, parts.get(label) ?? [], shade]) : [["", frontier.members, lined ? css("--faint") : css("--accent")]];
  return lines.map(([label, members, shade]) => {
    const settings = members.map(experiment);
    return { type: "scatter", mode: "lines", name: label ? `frontier, ${safe(label)}` : `frontier${narrow("frontier") ? "" : ", selected by validation"}`, legendgroup: label, showlegend: !label,
      x: settings.map(({ costs }) => costs[axis]), y: settings.map(({ test }) => y(test[0])), hoverinfo: "skip", opacity: lined ? 0.6 : 1, line: { color: shade, width: lined ? 5 : 2, dash: "solid" } };
  });
}

function attained(axis, y) {
  const names = { one: "attained by at least one seed", half: "by half of the seeds", all: "by all seeds" }, dashes = { one: "dot", half: "solid", all: "dash" };
  return Object.entries(task.frontiers[axis].surfaces).map(([share, corners]) => ({
    type: "scatter", mode: "lines", name: names[share], x: corners.map(([x]) => x), y: corners.map(([, value]) => y(value)),
    line: { shape: data.axes[axis].more ? "vh" : "hv", color: css("--mark"), width: 1.3, dash: dashes[share] }, hoverinfo: "name+x",
  }));
}

function marks(axis, y) {
  const { knee } = task.frontiers[axis], choice = chosen(), traces = [];
  const mark = (index, name, symbol, size) => traces.push({ type: "scatter", mode: "markers", name, x: [experiment(index).costs[axis]], y: [y(experiment(index).test[0])], hoverinfo: "skip",
    marker: { symbol, size, color: css("--ink"), line: { width: 2.5, color: css("--ink") } } });
  if (knee !== null) mark(knee, "knee", "diamond-open", 14);
  if (choice !== null) mark(choice, narrow("frontier") ? "within the limit" : "smallest within the limit", "circle-open", 18);
  return traces;
}

// Settings of which a run collapsed, so that nobody reads their accuracy as that of a working network.
function collapsed(axis, members, y) {
  const found = members.map(experiment).filter((setting) => setting.collapsed);
  return found.length === 0 ? [] : [{ type: scatter(found.length), mode: "markers", name: "collapsed", x: found.map(({ costs }) => costs[axis]), y: found.map(({ test }) => y(test[0])), hoverinfo: "skip",
    marker: { symbol: "x", size: 12, color: css("--mark"), line: { width: 1.5, color: css("--paper") } } }];
}

// ---- The dense networks, with their noise as a band

const denseShapes = (y) => task.dense.flatMap((dense, index) => {
  const band = task.bands[index], line = { type: "line", xref: "paper", x0: 0, x1: 1, y0: y(dense.test.mean), y1: y(dense.test.mean), line: { color: css("--ink"), width: 1.2, dash: "dash" } };
  const noise = band && { type: "rect", xref: "paper", x0: 0, x1: 1, y0: y(band.low), y1: y(band.high), line: { width: 0 }, fillcolor: css("--faint"), opacity: 0.18, layer: "below", name: "noise" };
  return noise ? [noise, line] : [line];
});

// Labels in the right margin, where no point can be. Several are moved apart.
function denseLabels(y, vertical) {
  const texts = denseTexts(), log = vertical.axis.type === "log", heights = task.dense.map(({ test }) => y(test.mean));
  const moved = shifts(heights.map(vertical.place), LINE_GAP * largest([0, ...texts.map(({ length }) => length)]));
  return texts.map((lines, index) => ({
    xref: "paper", x: 1, xanchor: "left", xshift: 2, y: log ? Math.log10(heights[index]) : heights[index], yshift: -moved[index], showarrow: false, align: "left",
    text: lines.map(safe).join("<br>"), font: { size: 12 },
  }));
}

const denseTexts = () => task.dense.map(({ model, test }) => ["dense", ...(task.architectures.length > 1 ? [shortened(model)] : []), percent(test.mean)]);

// The width of the right margin.
const denseRoom = () => largest([8, ...denseTexts().flat().map(widthOf)]) + 8;

function shortened(model) {
  let end = model.length;
  while (widthOf(model.slice(0, end)) > MAX_MODEL) end -= 1;
  return end < model.length ? `${model.slice(0, end)}…` : model;
}

function hint(axis, scale) {
  const band = task.bands.find(Boolean), seeds = band?.seeds === null || band?.seeds === undefined ? "" : ` and ${(100 * band.seeds).toFixed(2)} over trained networks`;
  return [data.axes[axis].more ? "Better is up and right." : "Better is up and left.", "Each point is a setting, with one standard deviation over its seeds.",
    ...(scale === "error" ? ["Equal distances on the accuracy axis are equal ratios of error."] : []),
    ...(task.experiments.some((index) => experiment(index).collapsed) ? ["✕: at least one network of the setting collapsed (accuracy at chance, or a layer that no signal passes)."] : []),
    ...(band ? [`Dashed: the dense network. Band: the noise of a single network around it, one standard deviation: ${(100 * band.images).toFixed(2)} points from ${number(task.test)} test images${seeds}.`] : []),
    ...(narrow("frontier") ? [] : ["Click a point, or move with the arrow keys and press Enter, to open its run."])].join(" ");
}

// The settings on the way of the arrow keys: by cost.
function order(traces, axis) {
  const all = traces.flatMap((trace, curve) => (trace.customdata ?? []).map((index, place) => [curve, place, index]));
  return all.sort((a, b) => experiment(a[2]).costs[axis] - experiment(b[2]).costs[axis]);
}

function table(axis, members) {
  const columns = [...task.keys, axis, "test_accuracy.mean", "test_accuracy.sd", "val_accuracy.mean", "val_accuracy.sd", "seeds"];
  const rows = members.map(experiment).map((one) => [...task.keys.map((key) => one.settings[data.keys.indexOf(key)]), one.costs[axis], ...one.test, ...one.val, one.seeds]);
  return { columns, rows };
}
