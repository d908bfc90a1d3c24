// Which settings mattered: their shares of the variance of accuracy and size.

import { task } from "page/data";
import { $ } from "page/dom";
import { number, percent, safe } from "page/format";
import { draw, reach } from "page/plot";
import { color, css } from "page/theme";

const ROW = 46, FRAME = 96;
const PARTS = [["size", "size"], ["accuracy", "validation accuracy"]];  // bars are drawn from the bottom

export async function drawImportance() {
  const known = task.mattered?.importance;
  $("importance-part").hidden = !known;
  if (!known) return;
  const parts = PARTS.filter(([part]) => known[part]), names = known[parts.at(-1)[0]].map(({ name }) => name);
  $("importance").style.height = `${FRAME + ROW * names.length}px`;
  $("importance-sentence").textContent = known.sentence;
  $("importance-hint").textContent = hint(known);
  const traces = parts.map(([part, name]) => bars(known[part], name, color(part === "accuracy" ? 0 : 1)));
  await draw("importance", traces, { barmode: "group", bargap: 0.35, showlegend: true, legend: { traceorder: "reversed" },
    xaxis: { title: "Share of the variance, %", range: [0, 100] }, yaxis: { title: "", type: "category", categoryarray: names.map(safe).reverse(), categoryorder: "array", showgrid: false } },
  { columns: ["cause", "of", "share", "low", "high"], rows: [...parts].reverse().flatMap(([part, name]) => known[part].map((each) => [each.name, name, each.share, each.low, each.high])) });
  const order = traces.length === 2 ? [1, 0] : [0];
  reach("importance", names.flatMap((_, row) => order.map((trace) => [trace, row, null])), () => {});
}

const bars = (shares, name, shade) => ({
  type: "bar", orientation: "h", name, marker: { color: shade }, x: shares.map(({ share }) => 100 * share), y: shares.map((each) => safe(each.name)),
  error_x: { type: "data", symmetric: false, array: shares.map(({ share, high }) => 100 * (high - share)), arrayminus: shares.map(({ share, low }) => 100 * (share - low)), thickness: 1.4, width: 4, color: css("--ink") },
  text: shares.map((each) => `<b>${safe(each.name)}</b>: ${percent(each.share, 1)} of the variance of ${name}<br>95 % interval ${percent(each.low, 1)} to ${percent(each.high, 1)}`),
  textposition: "none", hovertemplate: "%{text}<extra></extra>",
});

const METHODS = {
  variance: ({ used }) => `Analysis of variance of ${number(used)} runs. Each share is corrected for the number of values (epsilon squared). Lines are 95 % intervals from a bootstrap. `
    + "Interactions: what settings cause only together. Without enough repetitions with several seeds, interactions and noise cannot be separated.",
  forest: ({ used, of }) => `fANOVA: a random forest is fitted to ${used < of ? `a random sample of ${number(used)} of ${number(of)}` : number(used)} settings and its variance is taken apart (Optuna). `
    + "Lines are 95 % intervals over forests with other seeds, each fitted to another random half. A search tries good values more often, so shares hold for the values that it tried.",
};

const hint = (known) => `${METHODS[known.method](known)} Size is the logarithm of the parameters left. Networks that collapsed can dominate the variance of accuracy.`;
