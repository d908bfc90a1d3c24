// What was pruned, as pictures: kernels, masks over the input, matrices of masks, and histograms of weights.

import { data } from "page/data";
import { element } from "page/dom";
import { number, percent, safe } from "page/format";
import { draw } from "page/plot";
import { css } from "page/theme";

export function pictures(run) {
  const own = data.pictures[run];
  if (!own) return data.pictured ? [element("p", { class: "hint" }, `This page has pictures of the weights of ${number(data.pictured)} runs, and not of this one.`)] : [];
  return [
    element("h3", {}, "What was pruned"), ...own.pictures.map(figure),
    element("h3", {}, "Weights"), element("p", { class: "hint" }, own.histograms.some(({ before }) => before) ? "Gray: the dense network. Color: the weights that are left." : "The weights that are left. Those of the dense network are no longer in the store."),
    ...own.histograms.map((_, index) => element("div", { id: `panel-histogram-${index}`, class: "chart tiny" })),
  ];
}

export const drawHistograms = (run) => Promise.all((data.pictures[run]?.histograms ?? []).map(({ layer, end, before, after }, index) => {
  const width = (2 * end) / after.length, x = after.map((_, bin) => -end + (bin + 0.5) * width);
  const bars = (name, y, shade) => ({ type: "bar", name, x, y, width, marker: { color: shade }, opacity: 0.75, hoverinfo: "x+y+name" });
  return draw(`panel-histogram-${index}`, [...(before ? [bars("dense", before, css("--line"))] : []), bars("left", after, css("--accent"))],
    { showlegend: false, barmode: "overlay", bargap: 0, margin: { t: 4, b: 30 }, xaxis: { title: `Weights of ${safe(layer)}` }, yaxis: { title: "Count" } },
    { columns: ["bin", "dense", "left"], rows: x.map((center, bin) => [center, before?.[bin] ?? null, after[bin]]) });
}));

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const share = (value) => percent(value, 1);
const scale = ({ least, most }) => `from ${share(least)} (palest) to ${share(most)} (strongest color)`;
const TEXTS = {
  kernels: ({ count, shape }) => `${number(count)} of ${number(shape[0] * shape[1])} kernels. Crossed: pruned. Blue: negative, orange: positive.`,
  input: (picture) => `The input image. Each pixel shows the share of its ${number(picture.shape[0])} weights that is left: ${picture.least === picture.most ? share(picture.most) : scale(picture)}.`,
  matrix: (picture) => `${number(picture.shape[0])} outputs (rows) by ${number(picture.shape[1])} inputs (columns). `
    + (picture.rows === picture.shape[0] && picture.columns === picture.shape[1] ? "Filled: left, empty: pruned." : `Each pixel shows the share of a block of weights that is left: ${scale(picture)}.`),
};

function figure(picture) {
  const content = bytes(picture.data), canvas = picture.kind === "kernels" ? kernels(picture, content) : image(picture, content);
  const left = `${share(picture.left)} left`;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${picture.layer}, ${picture.kind}: ${left}`);
  return element("figure", { "data-layer": picture.layer, "data-kind": picture.kind }, canvas, element("figcaption", { class: "hint" }, element("strong", {}, `${picture.layer}, ${left}`), ` ${TEXTS[picture.kind](picture)}`));
}

function canvas(width, height) {
  const node = element("canvas", { class: "pixels" });
  Object.assign(node, { width, height });
  return node;
}

// One pixel for each byte, from the background to the accent. The style sheet enlarges it.
function image({ rows, columns }, content) {
  const node = canvas(columns, rows), context = node.getContext("2d");
  context.fillStyle = css("--wash");
  context.fillRect(0, 0, columns, rows);
  context.fillStyle = css("--accent");
  content.forEach((value, place) => { context.globalAlpha = value / 255; context.fillRect(place % columns, Math.floor(place / columns), 1, 1); });
  return node;
}

const CELL = 6, GAP = 5;

function kernels({ rows, columns, count }, content) {
  const across = Math.max(1, Math.floor(380 / (columns * CELL + GAP))), down = Math.ceil(count / across);
  const node = canvas(Math.min(count, across) * (columns * CELL + GAP) - GAP, down * (rows * CELL + GAP) - GAP), context = node.getContext("2d");
  node.className = "kernels";
  content.forEach((value, place) => {
    const kernel = Math.floor(place / (rows * columns)), inside = place % (rows * columns);
    const x = (kernel % across) * (columns * CELL + GAP) + (inside % columns) * CELL, y = Math.floor(kernel / across) * (rows * CELL + GAP) + Math.floor(inside / columns) * CELL;
    if (value) weight(context, x, y, (value - 128) / 127); else cross(context, x, y);
  });
  return node;
}

function weight(context, x, y, value) {
  context.globalAlpha = 1;
  context.fillStyle = css("--wash");
  context.fillRect(x, y, CELL, CELL);
  context.globalAlpha = Math.min(1, Math.abs(value));
  context.fillStyle = value < 0 ? "#0072b2" : "#e06a00";
  context.fillRect(x, y, CELL, CELL);
}

function cross(context, x, y) {
  context.globalAlpha = 1;
  context.strokeStyle = css("--faint");
  context.lineWidth = 0.8;
  context.beginPath();
  for (const [a, b, c, d] of [[1, 1, CELL - 1, CELL - 1], [CELL - 1, 1, 1, CELL - 1]]) { context.moveTo(x + a, y + b); context.lineTo(x + c, y + d); }
  context.stroke();
}
