// Saves a chart as PNG, SVG or CSV. Nothing leaves the computer.

import { $, button, element } from "page/dom";
import { csv } from "page/texts";

const tables = new Map(), images = new Map();

// Adds the buttons below a chart, once, and keeps its current figures. `image(format)` returns the data URL of a chart that
// is not drawn by Plotly.
export function offer(id, table, image = null) {
  tables.set(id, table);
  images.set(id, image);
  if ($(`${id}-save`)) return;
  const buttons = ["png", "svg", "csv"].map((format) => button(format.toUpperCase(), () => save(id, format), { "data-save": format }));
  $(id).after(element("details", { class: "save", id: `${id}-save` }, element("summary", {}, "Save this chart"), ...buttons));
}

async function save(id, format) {
  const chart = $(id);
  if (format === "csv") {
    const { columns, rows } = tables.get(id);
    return download(`${id}.csv`, new Blob([csv(columns, rows)], { type: "text/csv" }));
  }
  const size = { width: chart.clientWidth, height: chart.clientHeight, scale: format === "png" ? 2 : 1 };
  const url = await (images.get(id)?.(format) ?? Plotly.toImage(chart, { format, ...size }));
  const [head, body] = [url.slice(0, url.indexOf(",")), url.slice(url.indexOf(",") + 1)];
  const bytes = head.endsWith("base64") ? Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0)) : decodeURIComponent(body);
  return download(`${id}.${format}`, new Blob([bytes], { type: head.slice(5).split(";")[0] }));
}

function download(name, blob) {
  const url = URL.createObjectURL(blob);
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
