// Brushes are conditions of the filter: they apply to the whole page, can be edited as text, and are part of its address.

import { columns, ofRuns } from "page/columns";
import { $ } from "page/dom";
import { parsed } from "page/filter";
import { listed, numberAt, placeOf } from "page/places";

const RANGES = ["<", "<=", ">", ">=", "="];
const conditions = () => parsed($("filter").value, [...columns(), ...ofRuns()]);
const isBrush = ({ column, sign }, axis) => column?.id === axis.column.id && (axis.scale.kind === "category" ? sign === "=" : RANGES.includes(sign));

// Returns the brush of an axis: { low, high } or { values } of categories. Without a condition it is null.
export function brushOf(axis) {
  const own = conditions().filter((term) => isBrush(term, axis)), { low, high, kind, values } = axis.scale;
  if (!own.length) return null;
  const options = own.flatMap((term) => term.options);
  if (kind === "category") return { values: values.filter((value) => options.some(({ text }) => text.toLowerCase() === value.toLowerCase())) };
  const ends = (signs) => own.filter(({ sign }) => signs.includes(sign)).flatMap((term) => term.options.map(({ number }) => number * axis.unit)).filter(Number.isFinite);
  return { low: Math.max(low, ...ends([">", ">="]), ...least(ends("="))), high: Math.min(high, ...ends(["<", "<="]), ...most(ends("="))) };
}

const least = (numbers) => (numbers.length ? [Math.min(...numbers)] : []);
const most = (numbers) => (numbers.length ? [Math.max(...numbers)] : []);

// Replaces the conditions of an axis in the filter. The other conditions stay.
function write(axis, texts) {
  const others = conditions().filter((term) => !isBrush(term, axis)).map(({ source }) => source);
  $("filter").value = [...others, ...texts].join(" ");
  $("filter").dispatchEvent(new Event("input"));
}

export const clear = (axis) => write(axis, []);

export function clearAll(axes) {
  const others = conditions().filter((term) => !axes.some((axis) => isBrush(term, axis))).map(({ source }) => source);
  $("filter").value = others.join(" ");
  $("filter").dispatchEvent(new Event("input"));
}

// Brushes numbers. Ends at or beyond those of the axis need no condition.
export function brushNumbers(axis, low, high) {
  const { scale, column, write: text } = axis, name = column.names[0];
  write(axis, [...(low > scale.low ? [`${name}>=${text(low)}`] : []), ...(high < scale.high ? [`${name}<=${text(high)}`] : [])]);
}

export function brushCategories(axis, values) {
  const all = values.length === 0 || values.length === axis.scale.values.length;
  write(axis, all ? [] : [`${axis.column.names[0]}=${values.map(quoted).join("|")}`]);
}

const quoted = (value) => (value === "" || (/[\s|]/.test(value) && !/^\[[^\]]*\]$/.test(value)) ? `"${value}"` : value);

// Brushes what is between two places of an axis, at least its nearest value.
export function brushPlaces(axis, one, other) {
  const [low, high] = one < other ? [one, other] : [other, one], { scale } = axis;
  const known = scale.kind === "category" ? scale.values : listed(scale);
  if (!known.length) return brushNumbers(axis, numberAt(scale, low), numberAt(scale, high));
  const places = known.map((value) => placeOf(scale, value)), middle = (low + high) / 2;
  const inside = known.filter((_, index) => places[index] >= low && places[index] <= high);
  const taken = inside.length ? inside : [known[nearest(places, middle)]];
  return scale.kind === "category" ? brushCategories(axis, taken) : brushNumbers(axis, taken[0], taken.at(-1));
}

const nearest = (places, to) => places.reduce((best, place, index) => (Math.abs(place - to) < Math.abs(places[best] - to) ? index : best), 0);

export function toggle(axis, value) {
  const before = brushOf(axis)?.values ?? [];
  brushCategories(axis, before.includes(value) ? before.filter((each) => each !== value) : axis.scale.values.filter((each) => each === value || before.includes(each)));
}

const STEP = 0.02;

// Moves one end of a brush by a step: to the next value, or by a part of the axis. `steps` can be infinite.
export function step(axis, end, steps) {
  const { scale } = axis, now = brushOf(axis) ?? { low: scale.low, high: scale.high }, known = listed(scale);
  const moved = known.length ? known[clamp(known.indexOf(closest(known, now[end])) + steps, known.length - 1)] : numberAt(scale, placeOf(scale, now[end]) + STEP * steps);
  return end === "low" ? brushNumbers(axis, Math.min(moved, now.high), now.high) : brushNumbers(axis, now.low, Math.max(moved, now.low));
}

const clamp = (index, last) => Math.min(last, Math.max(0, index));
const closest = (numbers, to) => numbers[nearest(numbers, to)];
