// Results of others, for the same network and data set.

import { task } from "page/data";
import { narrow } from "page/plot";
import { safe, wrapped } from "page/format";
import { css } from "page/theme";

export const comparable = (axis) => axis === "params_nonzero" || axis === "compression";

export function publishedTraces(axis, y) {
  return task.architectures.filter(([model]) => task.published[model].length).map(([model, params], index) => {
    const rows = task.published[model];
    return { type: "scatter", mode: narrow("frontier") ? "markers" : "markers+text", name: `published, ${safe(model)}`,
      x: rows.map(({ kept }) => (axis === "compression" ? 100 / kept : kept * params / 100)), y: rows.map(({ error }) => y(1 - error / 100)),
      text: rows.map(({ method }) => safe(method.split(",")[0])), textposition: "bottom center", textfont: { size: 10 },
      hovertext: rows.map((row) => `<b>${safe(row.method)} ${row.year}</b><br>${row.kept} % kept (of ${row.of ?? "parameters not specified"}), error ${row.error} %`
        + `, dense ${row.dense ?? "?"} %<br>${wrapped(safe(row.source), 70)}<br>verified: ${row.checked}`),
      hovertemplate: "%{hovertext}<extra></extra>", marker: { size: 9, symbol: index ? "star-open" : "star-diamond-open", color: css("--ink") } };
  });
}
