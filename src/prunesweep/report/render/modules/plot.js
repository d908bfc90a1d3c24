// What all charts share: their layout, their buttons, and the way to their points by keyboard.

import { $ } from "page/dom";
import { range, wrapped } from "page/format";
import { offer } from "page/save";
import { css } from "page/theme";

const MANY_POINTS = 2000;

const canUseWebGL = (() => {
  try { return Boolean(document.createElement("canvas").getContext("webgl")); } catch { return false; }
})();
export const scatter = (count) => (count > MANY_POINTS && canUseWebGL ? "scattergl" : "scatter");
export const many = (count) => count > MANY_POINTS;
export const narrow = (id) => $(id).clientWidth < 560;

// Draws a chart, also of several plots. The `length` of an axis is in pixels, and by default that of the chart. `table` contains its figures, { columns, rows }, which can be saved as CSV.
export async function draw(id, traces, layout, table) {
  const ink = css("--ink"), grid = css("--grid");
  const axis = (options, pixels) => ({ gridcolor: grid, linecolor: ink, tickcolor: ink, ticks: "outside", zeroline: false, automargin: true,
    ...options, title: { text: wrapped(options.title ?? "", Math.floor(pixels / 8)), standoff: 8 } });  // about 8 pixels per letter
  const pixels = { xaxis: $(id).clientWidth - 66, yaxis: $(id).clientHeight - 90 };
  const axes = Object.entries(layout).filter(([name]) => /^[xy]axis\d*$/.test(name)).map(([name, { length = pixels[name], ...options }]) => [name, axis(options, length)]);
  const complete = {
    ...layout, ...Object.fromEntries(axes),
    paper_bgcolor: css("--paper"), plot_bgcolor: css("--paper"), font: { color: ink, family: "system-ui, sans-serif", size: 13 },
    margin: { l: 50, r: 16, t: 12, b: 44, ...layout.margin }, hovermode: "closest",
    hoverlabel: { bgcolor: css("--wash"), bordercolor: css("--line"), font: { color: ink }, align: "left" },
    legend: { orientation: "h", traceorder: "normal", y: 1.02, yanchor: "bottom", x: 0, font: { size: narrow(id) ? 10 : 12 }, ...layout.legend }, showlegend: layout.showlegend ?? true,
  };
  // Every button is named here. Plotly has others, such as one that uploads the figures.
  const buttons = [["zoom2d", "pan2d", "resetScale2d"]];
  const config = { responsive: true, displaylogo: false, displayModeBar: narrow(id) ? false : "hover", modeBarButtons: buttons };
  await Plotly.react(id, traces, complete, config);
  offer(id, table);
}

// Makes the points of a chart reachable by keyboard: arrow keys move, Enter opens. `points` are [trace, point, value].
export function reach(id, points, open) {
  const chart = $(id);
  let at = -1;
  chart.tabIndex = 0;
  chart.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter" && at >= 0) open(points[at][2]);
    if (!step || !points.length) return;
    event.preventDefault();
    at = at < 0 && step < 0 ? points.length - 1 : Math.min(points.length - 1, Math.max(0, at + step));
    const [curveNumber, pointNumber] = points[at];
    Plotly.Fx.hover(chart, [{ curveNumber, pointNumber }]);
    $("reader").textContent = String(chart.data[curveNumber].text[pointNumber]).replace(/<[^>]*>/g, " ");
  };
  chart.onblur = () => Plotly.Fx.unhover(chart);
}

// Moves labels apart that would overlap: returns pixels from 0 to `end` that are at least `gap` from each other and as near to
// `places` as possible, in least squares. `compute/spacing.py` does the same for the figure.
export function spaced(places, gap, end) {
  const order = range(places.length).sort((a, b) => places[a] - places[b]), blocks = [], found = [], last = end - (order.length - 1) * gap;
  order.forEach((index, rank) => {
    let block = { mean: places[index] - rank * gap, count: 1 };
    while (blocks.length && blocks.at(-1).mean > block.mean) block = merged(blocks.pop(), block);
    blocks.push(block);
  });
  blocks.flatMap(({ mean, count }) => Array(count).fill(mean)).forEach((mean, rank) => { found[order[rank]] = Math.max(0, Math.min(mean, last)) + rank * gap; });
  return found;
}

function merged(one, other) {
  const count = one.count + other.count;
  return { mean: (one.mean * one.count + other.mean * other.count) / count, count };
}

const pen = document.createElement("canvas").getContext("2d");

// The width of a label of 12 pixels.
export function widthOf(text) {
  pen.font = "12px system-ui, sans-serif";
  return pen.measureText(text).width;
}
