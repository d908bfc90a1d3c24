// Parallel coordinates: every setting as a line over the axes of its values, its size and its accuracy. A brush filters the page.

import { allAxes } from "page/axes";
import { brushOf, brushPlaces, clear, clearAll, step, toggle } from "page/brush";
import { shades } from "page/colors";
import { experiment, labelOf, task } from "page/data";
import { $ } from "page/dom";
import { number, percent } from "page/format";
import { evenly, placeOf } from "page/places";
import { offer } from "page/save";
import { imageOf, svg } from "page/svg";
import { css } from "page/theme";
import { fitting } from "page/ticks";
import { open } from "page/view";

const HEIGHT = 340, TOP = 46, BOTTOM = 22, LEFT = 84, RIGHT = 30, GAP = 112;
const MAX_KEPT = 1000, MAX_OTHERS = 300, LONGEST = 14, TAP = 4, HANDLE = 7, LABEL_GAP = 15, LETTER = 7.5;
let axes = [], width = 0, lines, marks = [], drawn = null, waiting;

const length = HEIGHT - TOP - BOTTOM;
const xOf = (index) => LEFT + (index * (width - LEFT - RIGHT)) / Math.max(1, axes.length - 1);
const yOf = (share) => TOP + length * (1 - share);

const fitted = () => Math.max($("parallel").clientWidth, LEFT + RIGHT + GAP * (axes.length - 1));

// Draws everything. `kept` are the settings that the filter keeps, or null for all.
export function drawParallel(kept) {
  [axes, drawn] = [allAxes(), task];
  width = fitted();
  lines = svg("g", { fill: "none" });
  const paper = svg("rect", { width, height: HEIGHT, fill: css("--paper") });
  const drawing = svg("svg", { xmlns: "http://www.w3.org/2000/svg", width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, "font-family": "system-ui, sans-serif", "font-size": 12, fill: css("--ink"), role: "group", "aria-label": "Axes of the settings" });
  marks = axes.map(axisMarks);
  drawing.append(paper, lines, ...marks.map(({ group }) => group));
  $("parallel").replaceChildren(drawing);
  showKept(kept);
  const rows = task.experiments.map(experiment).map((one) => axes.map(({ column }) => column.figure(one)));
  offer("parallel", { columns: axes.map(({ column }) => column.id), rows }, (format) => imageOf(drawing, format));
}

// Draws the lines, those of settings that the filter removes in the background, and the brushes. Another data set has other
// axes, which are drawn first.
export function showKept(kept) {
  if (drawn !== task) return;
  const shade = shades(), inside = task.experiments.filter((index) => !kept || kept.has(index)), outside = task.experiments.filter((index) => kept && !kept.has(index));
  const [near, far] = [evenly(inside, MAX_KEPT), evenly(outside, MAX_OTHERS)], opacity = near.length > 300 ? 0.3 : near.length > 60 ? 0.55 : 0.85;
  lines.replaceChildren(
    svg("g", { stroke: css("--line"), "stroke-width": 1, "stroke-opacity": 0.7 }, ...far.map((index) => line(index, {}))),
    svg("g", { "stroke-width": 1.5, "stroke-opacity": opacity }, ...near.map((index) => line(index, { stroke: shade(index) }))),
  );
  marks.forEach(({ show }) => show());
  $("unbrush").disabled = !axes.some((axis) => brushOf(axis));
  $("parallel-hint").textContent = "Every line is a setting, in the color of the main chart. Drag along an axis to filter the whole page, click the axis to remove its brush, and click names to choose them. "
    + "With the keyboard, move the ends of an axis with the arrow keys, and remove its brush with Delete. Brushes are part of the filter of the table."
    + (near.length < inside.length ? ` ${number(near.length)} of ${number(inside.length)} settings are drawn: an even selection.` : "");
}

function line(index, attributes) {
  const one = experiment(index), points = axes.map(({ scale, value }, at) => `${xOf(at).toFixed(1)},${yOf(placeOf(scale, value(one))).toFixed(1)}`);
  const node = svg("polyline", { points: points.join(" "), ...attributes }, svg("title", {}, `${labelOf(one)}: validation ${percent(one.val[0])}`));
  node.addEventListener("click", () => open(one.runs[0]));
  return node;
}

// ---- Axes

// Returns the elements of an axis, and a function that shows its brush.
function axisMarks(axis, index) {
  const x = xOf(index), group = svg("g", { transform: `translate(${x.toFixed(1)} 0)` });
  const brush = svg("path", { fill: css("--accent"), "fill-opacity": 0.25, stroke: css("--accent") }), area = dragged(axis);
  const controls = axis.scale.kind === "category" ? categories(axis) : handles(axis);
  group.append(title(axis, index), svg("line", { y1: TOP, y2: HEIGHT - BOTTOM, stroke: css("--ink") }), brush, ...ticks(axis), area, ...controls.nodes);
  return { group, show: () => { showBrush(brush, axis); controls.show(); } };
}

const shortened = (text, longest = LONGEST) => (text.length > longest ? `${text.slice(0, longest - 1)}…` : text);

function title({ title: text }, index) {
  const anchor = index === axes.length - 1 ? "end" : index ? "middle" : "start", x = anchor === "end" ? RIGHT - 4 : anchor === "start" ? 4 - LEFT : 0;
  const room = Math.floor(((width - LEFT - RIGHT) / (axes.length - 1) - 8) / LETTER), shown = text.length > room ? text.split(".").at(-1) : text;
  return svg("text", { x, y: 16, "text-anchor": anchor, "font-weight": 600 }, shortened(shown, room), svg("title", {}, text));
}

// A text with an edge in the color of the page, which can be read above lines.
const label = (text, y, attributes = {}) => svg("text", { x: -12, y: y + 4, "text-anchor": "end", stroke: css("--paper"), "stroke-width": 3, "paint-order": "stroke", ...attributes }, shortened(text));

function ticks({ scale }) {
  const shown = scale.kind === "category" ? [] : fitting(scale.ticks, (tick) => yOf(placeOf(scale, tick)), 22);
  return shown.flatMap((tick) => {
    const y = yOf(placeOf(scale, tick));
    return [svg("line", { x1: -4, x2: 4, y1: y, y2: y, stroke: css("--ink") }), label(number(tick, 6), y)];
  });
}

// A range is one box, and each chosen category has its own.
function showBrush(node, axis) {
  const brush = brushOf(axis), place = (value) => yOf(placeOf(axis.scale, value));
  const boxes = (brush?.values ?? []).map((value) => [place(value), place(value)]);
  if (brush && !brush.values) boxes.push([place(brush.high), place(brush.low)]);
  node.setAttribute("d", boxes.map(([top, bottom]) => `M-8,${top - 5}H8V${bottom + 5}H-8Z`).join(""));
}

// ---- The mouse and fingers: drag along an axis to brush it, tap to remove its brush

function dragged(axis) {
  const area = svg("rect", { "data-only": "screen", "data-axis": axis.column.id, x: -15, width: 30, y: TOP - HANDLE, height: length + 2 * HANDLE, fill: "transparent", class: "axis" });
  const share = ({ clientY }) => 1 - (clientY - area.getBoundingClientRect().top - HANDLE) / length;
  let start = null, from;
  area.onpointerdown = (event) => {
    if (event.button) return;
    area.setPointerCapture(event.pointerId);
    [start, from] = [anchor(axis, share(event)), share(event)];
  };
  area.onpointermove = (event) => {
    if (start === null || Math.abs(share(event) - from) * length < TAP) return;
    cancelAnimationFrame(waiting);
    const now = share(event), begin = start;
    waiting = requestAnimationFrame(() => brushPlaces(axis, begin, now));
  };
  area.onpointerup = (event) => {
    if (start !== null && Math.abs(share(event) - from) * length < TAP) clear(axis);
    start = null;
  };
  area.onpointercancel = () => { start = null; };
  return area;
}

// A drag that begins at an end of a range moves this end: the other one stays.
function anchor(axis, share) {
  const { scale } = axis, { low, high } = brushOf(axis) ?? scale;
  if (scale.kind === "category") return share;
  const near = (value) => Math.abs(placeOf(scale, value) - share) * length <= HANDLE + 1;
  return near(high) ? placeOf(scale, low) : near(low) ? placeOf(scale, high) : share;
}

// ---- The keyboard

// The two ends of a range of numbers are sliders.
function handles(axis) {
  const nodes = ["low", "high"].map((end) => {
    const node = svg("rect", { "data-only": "screen", class: "handle", x: -9, width: 18, height: HANDLE, rx: 3, fill: css("--paper"), stroke: css("--ink"), tabindex: 0, role: "slider", "aria-orientation": "vertical",
      "aria-label": `${axis.title}, ${end === "low" ? "at least" : "at most"}`, "aria-valuemin": axis.scale.low, "aria-valuemax": axis.scale.high });
    node.onkeydown = (event) => press(event, axis, end);
    return node;
  });
  const show = () => nodes.forEach((node, index) => {
    const { low, high } = brushOf(axis) ?? axis.scale, value = index ? high : low, y = yOf(placeOf(axis.scale, value));
    node.setAttribute("y", index ? y - HANDLE : y);
    node.setAttribute("aria-valuenow", value);
    node.setAttribute("aria-valuetext", axis.write(value));
  });
  return { nodes, show };
}

const STEPS = { ArrowUp: 1, ArrowRight: 1, PageUp: 5, End: Infinity, ArrowDown: -1, ArrowLeft: -1, PageDown: -5, Home: -Infinity };

function press(event, axis, end) {
  if (event.key === "Delete" || event.key === "Backspace") clear(axis);
  else if (event.key in STEPS) step(axis, end, STEPS[event.key]);
  else return;
  event.preventDefault();
}

// The names of an axis are buttons. If there are many, only some are labeled, and dragging reaches the others.
function categories(axis) {
  const { scale } = axis, every = Math.ceil((scale.values.length * LABEL_GAP) / length);
  const nodes = scale.values.filter((_, at) => at % every === 0).map((value) => {
    const node = label(value, yOf(placeOf(scale, value)), { class: "name", tabindex: 0, role: "button", "aria-label": `${axis.title}=${value}`, "data-value": value });
    node.append(svg("title", {}, value));
    node.onclick = () => toggle(axis, value);
    node.onkeydown = (event) => {
      if (event.key === "Delete" || event.key === "Backspace") clear(axis);
      else if (event.key === "Enter" || event.key === " ") toggle(axis, value);
      else return;
      event.preventDefault();
    };
    return node;
  });
  const show = () => {
    const chosen = brushOf(axis)?.values ?? [];
    for (const node of nodes) {
      node.setAttribute("aria-pressed", String(chosen.includes(node.dataset.value)));
      node.setAttribute("font-weight", chosen.includes(node.dataset.value) ? 700 : 400);
    }
  };
  return { nodes, show };
}

export function listenToParallel(redraw) {
  $("unbrush").addEventListener("click", () => clearAll(axes));
  new ResizeObserver(() => { if (task.mattered && fitted() !== width) redraw(); }).observe($("parallel"));
}
