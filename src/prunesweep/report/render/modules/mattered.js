// The section "What mattered". It vanishes if fewer than two settings vary, or if there are only a few settings.

import { task } from "page/data";
import { section } from "page/dom";
import { drawImportance } from "page/importance";
import { drawParallel, listenToParallel, showKept } from "page/parallel";
import { drawSlices } from "page/slices";

let kept = null;  // the settings that the filter keeps, or null for all

export function keep(experiments) {
  kept = experiments;
}

export function drawMattered() {
  section("parallel").hidden = !task.mattered;
  return task.mattered ? Promise.all([drawImportance(), drawColored()]) : null;
}

// Draws what has the colors of the main chart.
export function drawColored() {
  if (!task.mattered) return null;
  drawParallel(kept);
  return drawSlices(kept);
}

export function showLines() {
  if (task.mattered) showKept(kept);
}

export const showPoints = () => (task.mattered ? drawSlices(kept) : null);

export const listenToMattered = () => listenToParallel(() => drawParallel(kept));
