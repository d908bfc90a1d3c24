// Test accuracy against the sparsity of a single pruned layer.

import { task } from "page/data";
import { $, section } from "page/dom";
import { safe } from "page/format";
import { draw } from "page/plot";
import { color, DASHES, SYMBOLS } from "page/theme";
import { bars } from "page/tradeoff";

export async function drawSensitivity() {
  const curves = task.sensitivities;
  section("sensitivity").hidden = !curves.length;
  if (!curves.length) return;
  const moment = $("moment").value, several = new Set(curves.map(({ model }) => model)).size > 1;
  const name = (curve) => [several ? curve.model : "", curve.layer, curve.context].join(" ").trim();
  const traces = curves.map((curve, index) => {
    const spreads = curve[moment].map(({ mean, sd }) => [mean, sd]);
    return { type: "scatter", mode: "lines+markers", name: safe(name(curve)), x: curve.sparsity.map((value) => 100 * value), y: spreads.map(([mean]) => 100 * mean),
      error_y: bars(spreads, "linear"), line: { color: color(index), dash: DASHES[Math.floor(index / 8) % DASHES.length] }, marker: { symbol: SYMBOLS[index % 8], size: 7 } };
  });
  const rows = curves.flatMap((curve) => curve.sparsity.map((sparsity, at) => [name(curve), sparsity, curve.pruned[at].mean, curve.pruned[at].sd, curve.final[at].mean, curve.final[at].sd]));
  await draw("sensitivity", traces, { xaxis: { title: "Sparsity of the layer, % of its selected parameters" }, yaxis: { title: `Test accuracy, %, ${moment === "pruned" ? "directly after pruning" : "after fine-tuning"}` } },
    { columns: ["layer", "sparsity", "pruned.mean", "pruned.sd", "final.mean", "final.sd"], rows });
}
