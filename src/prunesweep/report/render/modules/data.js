// The data of the page, unpacked, and the data set that is shown.

import { $ } from "page/dom";
import { range } from "page/format";

export let data, task;

export async function unpacked(id) {
  const letters = atob($(id).textContent), bytes = new Uint8Array(letters.length);
  for (let place = 0; place < letters.length; place++) bytes[place] = letters.charCodeAt(place);  // Uint8Array.from is slow
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

export async function load() {
  data = JSON.parse(await unpacked("data"));
}

export function show(index) {
  task = data.tasks[index] ?? data.tasks[0];
  task.runs ??= range(data.runs.name.length).filter((run) => data.runs.dataset[run] === task.dataset);
}

export const experiment = (index) => data.experiments[index];
export const experimentOf = (run) => data.experiments[data.runs.experiment[run]];
// How many runs of a setting collapsed and why the first of them did, or an empty text.
export function collapseOf(setting) {
  if (!setting.collapsed) return "";
  const reason = setting.runs.map((run) => data.runs.collapsed[run]).find(Boolean);
  return `collapsed${setting.runs.length > 1 ? ` in ${setting.collapsed} of ${setting.runs.length} runs` : ""}: ${reason}`;
}

export const labelOf = (setting) => setting.label || "the only setting";

// The text of a setting of an experiment. Experiments store values in the order of all keys of the page.
export const textOf = (setting, key) => setting.settings[data.keys.indexOf(key)];
