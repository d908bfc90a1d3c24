// The color of each setting, from the groups that were computed for the chosen key.

import { $ } from "page/dom";
import { task } from "page/data";
import { largest, smallest } from "page/format";
import { color, css, viridis } from "page/theme";

// Returns the groups { label, experiments, shade } of the chosen key, and for a number with many values its scale.
export function coloring() {
  const key = $("color").value, known = task.colors[key];
  if (!known) return { key: "", groups: [{ label: "", experiments: task.experiments, shade: css("--accent") }] };
  if (known.scale) return { key, scale: known.scale, groups: [{ ...known.groups[0], shade: css("--faint") }] };
  return { key, groups: known.groups.map((group, index) => ({ ...group, shade: color(index), index })) };
}

// Returns a map from each setting to its group.
export const groupOf = (groups) => new Map(groups.flatMap((group) => group.experiments.map((index) => [index, group])));

// Returns the color of each setting as a function of its index.
export function shades() {
  const { groups, scale } = coloring();
  if (!scale) {
    const group = groupOf(groups);
    return (index) => group.get(index)?.shade ?? css("--faint");
  }
  const low = smallest(scale), high = largest(scale), place = new Map(task.experiments.map((index, at) => [index, scale[at]]));
  return (index) => viridis((place.get(index) - low) / (high - low || 1));
}
