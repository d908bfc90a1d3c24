// The smallest network within a limit, and the knee.

import { data, experiment, labelOf, task } from "page/data";
import { $, copyable, element } from "page/dom";
import { number, percent, plural, spread } from "page/format";
import { comparable } from "page/published";

const MANY_RUNS = 10;
const title = (axis) => data.axes[axis].label.split(" (")[0];

export function chosen() {
  const limit = Number($("within-number").value) / 100;
  return task.frontiers[$("axis").value].choices.find((index) => experiment(index).shortfall <= limit + 1e-9) ?? null;
}

export function showChoice() {
  const index = chosen(), out = $("chosen");
  out.dataset.experiment = index ?? "";
  out.replaceChildren(...(index === null ? [element("p", {}, "No setting is within this limit.")] : description(experiment(index), $("axis").value)));
}

function description(setting, axis) {
  const runs = data.runs, left = setting.costs.params_nonzero, total = runs.params_total[setting.runs[0]];
  const points = (drop) => `${Math.abs(100 * drop).toFixed(2)} points ${drop >= 0 ? "below" : "above"}`;
  const smaller = setting.costs.compression === null ? "nothing left" : `${number(setting.costs.compression, 1)}x`;
  const size = `${number(left, 1)} of ${number(total)} parameters left (${percent(left / total)}, ${smaller})`;
  const cost = comparable(axis) ? "" : `, ${title(axis).toLowerCase()} ${number(setting.costs[axis], 1)}`;
  return [
    element("p", { class: "figures" }, element("strong", {}, setting.label || "The only setting"), `: ${size}${cost}. Selected by validation accuracy: `
      + `${spread(setting.val)}, ${points(setting.shortfall)} the best ${task.dense.length ? "dense " : ""}network. Test accuracy: ${spread(setting.test)}, ${points(setting.test_drop[0])} its dense network, over ${plural(setting.seeds, "seed")}.`),
    element("ul", {}, ...setting.runs.slice(0, MANY_RUNS).map((run) => element("li", {}, `seed ${runs.seed[run]}, test ${percent(runs.final_test[run])}: `,
      element("a", { href: runs.link[run] }, runs.name[run]), " ", copyable(runs.command[run])))),
  ];
}

// Without a knee there is nothing to say.
export function showKnee() {
  const axis = $("axis").value, { knee } = task.frontiers[axis];
  $("knee").hidden = knee === null;
  if (knee === null) return;
  const against = data.axes[axis].log ? "the logarithm of the cost" : "the cost", setting = experiment(knee);
  $("knee").textContent = `Knee (where the logarithm of the validation error bends most against ${against}): ${labelOf(setting)}, `
    + `${number(setting.costs.params_nonzero, 1)} parameters left, test accuracy ${spread(setting.test)}.`;
}
