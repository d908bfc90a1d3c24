// The axes of the slices and of the parallel coordinates: the varied settings, size and accuracy.

import { columns } from "page/columns";
import { data, task } from "page/data";

// An axis has the `column` of the table that filters by it, a `scale`, and `value` of a setting on this scale. `unit` is what
// a number of the filter is multiplied with. `write` makes a number readable.
export function settingAxes(known = columns()) {
  return task.mattered.slices.map(({ key, scale, levels }) => {
    const place = data.keys.indexOf(key), text = (one) => one.settings[place];
    return { column: known.find(({ id }) => id === key), title: key, scale, levels, unit: 1, write: rounded, value: scale.kind === "category" ? text : (one) => Number(text(one)) };
  });
}

export function allAxes() {
  const known = columns(), find = (id) => known.find((column) => column.id === id), { size, accuracy } = task.mattered;
  return [
    ...settingAxes(known),
    { column: find("params_nonzero"), title: "parameters left", scale: size, unit: 1, write: (value) => String(Math.round(value)), value: (one) => Math.max(1, one.costs.params_nonzero ?? 1) },
    { column: find("val_accuracy"), title: "validation, %", scale: accuracy, unit: 100, write: (value) => `${value.toFixed(2)}%`, value: (one) => 100 * one.val[0] },
  ].filter(({ scale }) => scale.high > scale.low);
}

const rounded = (value) => String(Number(value.toPrecision(6)));
