// The columns of the table of settings, and of the tables of their runs.

import { data, task } from "page/data";
import { difference, number, percent, spread } from "page/format";

const isNumeric = (values) => values.every((value) => value !== "" && value !== "null" && !Number.isNaN(Number(value)));
const count = (id, title, figure, digits = 0) => ({ id, names: [title, id], number: true, figure, cells: (one) => [figure(one)], show: (one) => (figure(one) === null ? "" : number(figure(one), digits)), shown: (value) => number(value, digits) });
const fraction = (id, title, of) => ({
  id, names: [title, id], number: true, unit: "fraction", figure: (one) => of(one)[0], show: (one) => spread(of(one)), shown: percent, sd: true, cells: of,
});

// What runs measure only on request: the field, its name and the digits after the point.
const MEASURED = [["packed_bytes", "packed bytes", 0], ["file_bytes", "plain bytes", 0], ["latency_us", "µs per image", 2]];

// The names of these figures and their texts, if one of the runs has them.
export const measuredOf = (runs) => MEASURED.filter(([id]) => runs.some((run) => data.runs[id][run] !== null)).map(([id, title, digits]) =>
  [title, (run) => (data.runs[id][run] === null ? "" : number(data.runs[id][run], digits))]);

// A column has an `id`, `names` for the filter (the header first), `figure` to sort by, `show` for people and `cells` for CSV.
export function columns() {
  if (!known.has(task)) known.set(task, ofSettings());
  return known.get(task);
}

const known = new Map();

function ofSettings() {
  const keys = task.keys.map((key) => {
    const place = data.keys.indexOf(key), text = (one) => one.settings[place];
    const numeric = isNumeric(task.experiments.map((index) => text(data.experiments[index])));
    return { id: key, names: [key], number: numeric, figure: (one) => (numeric ? Number(text(one)) : text(one)), show: text, cells: (one) => [text(one)], shown: String };
  });
  const settings = [
    ...keys,
    count("seeds", "seeds", (one) => one.seeds),
    count("params_nonzero", "parameters left", (one) => one.costs.params_nonzero, 1),
    ...MEASURED.filter(([id]) => id in task.frontiers).map(([id, title, digits]) => count(id, title, (one) => one.costs[id], digits)),
    { ...fraction("sparsity", "sparsity", (one) => [one.sparsity, null]), sd: false, cells: (one) => [one.sparsity] },
    fraction("test_accuracy", "test", (one) => one.test),
    { id: "difference", names: ["difference"], number: true, unit: "points", figure: (one) => -100 * one.test_drop[0], show: (one) => difference(one.test_drop), shown: (value) => value.toFixed(2), sd: true,
      cells: (one) => [-one.test_drop[0], one.test_drop[1]] },
    ...(task.experiments.some((index) => data.experiments[index].collapsed) ? [{ ...count("collapsed", "collapsed runs", (one) => one.collapsed), show: (one) => (one.collapsed ? `${one.collapsed} of ${one.runs.length}` : "0") }] : []),
    fraction("val_accuracy", "validation", (one) => one.val),
    count("compression", "compression", (one) => one.costs.compression, 2),
    count("macs_nonzero", "multiply-adds", (one) => one.costs.macs_nonzero, 1),
    count("finetuning_epochs", "fine-tuning epochs", (one) => one.costs.finetuning_epochs, 1),
  ];
  const constant = new Set(["finetuning_epochs"].filter((id) => new Set(task.experiments.map((index) => data.experiments[index].costs[id])).size < 2));
  return settings.filter(({ id }) => !constant.has(id)).map((column) => ({ ...column, values: (one) => [column.figure(one)] }));
}

// For a narrow page: one column with the values of all swept settings in place of theirs.
export function joined(known) {
  const keys = known.filter(({ id }) => task.keys.includes(id)), show = (one) => keys.map((key) => key.show(one)).join(" ");
  return keys.length < 2 ? known : [{ ...keys[0], names: ["setting"], number: false, show }, ...known.filter((column) => !keys.includes(column))];
}

// What the filter knows besides the columns of the table: seeds and names of runs, and the network.
export const ofRuns = () => [
  ["seed", "seed"], ["run", "name"], ["model", "model"], ...data.numerics.map((key) => [key, key]),
].map(([name, field]) => ({ names: [name], values: (one) => one.runs.map((run) => (data.runs[field] ?? data.runs.keys[field])[run]), shown: String }));

export const RUN_COLUMNS = [
  ["seed", (run) => String(data.runs.seed[run])],
  ["parameters left", (run) => number(data.runs.params_nonzero[run])],
  ["sparsity", (run) => percent(data.runs.sparsity[run])],
  ["dense, test", (run) => percent(data.runs.dense_test[run])],
  ["pruned, test", (run) => percent(data.runs.pruned_test[run])],
  ["final, test", (run) => percent(data.runs.final_test[run])],
  ["difference", (run) => difference([data.runs.dense_test[run] - data.runs.final_test[run], null])],
  ["final, validation", (run) => percent(data.runs.final_val[run])],
  ["seconds", (run) => number(data.runs.seconds[run], 1)],
  ["collapsed", (run) => data.runs.collapsed[run] ?? ""],
];
