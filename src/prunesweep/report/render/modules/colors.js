// The color of each setting, from the groups that were computed for the chosen key.

import { $ } from "page/dom";
import { task } from "page/data";
import { color, css } from "page/theme";

// Returns the groups { label, experiments, shade } of the chosen key, and for a number with many values its scale.
export function coloring() {
  const key = $("color").value, known = task.colors[key];
  if (!known) return { key: "", groups: [{ label: "", experiments: task.experiments, shade: css("--accent") }] };
  if (known.scale) return { key, scale: known.scale, groups: [{ ...known.groups[0], shade: css("--faint") }] };
  return { key, groups: known.groups.map((group, index) => ({ ...group, shade: color(index), index })) };
}

// Returns a map from each setting to its group.
export const groupOf = (groups) => new Map(groups.flatMap((group) => group.experiments.map((index) => [index, group])));
