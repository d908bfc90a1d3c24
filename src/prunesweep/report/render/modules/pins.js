// Two to four runs side by side: what differs in their settings, their figures, curves and layers.

import { data } from "page/data";
import { $, button, element, section } from "page/dom";
import { drawBars, drawCurves, figuresOf, settingsOf } from "page/panel";
import { color } from "page/theme";
import { open, pin } from "page/view";

export async function showPins(runs) {
  section("pinned").hidden = !runs.length;
  if (!runs.length) return;
  const settings = runs.map(settingsOf), keys = [...new Set(settings.flatMap((each) => Object.keys(each)))].sort();
  const differing = keys.filter((key) => new Set(settings.map((each) => JSON.stringify(each[key]))).size > 1);
  const heads = runs.map((run, index) => element("th", { scope: "col" }, element("span", { class: "swatch", style: `background: ${color(index)}` }),
    button(`run ${data.runs.name[run]}`, () => open(run)), " ", button("×", () => pin(run), { "aria-label": `Unpin run ${data.runs.name[run]}` })));
  const row = (name, cells) => element("tr", {}, element("th", { scope: "row" }, name), ...cells.map((cell) => element("td", {}, cell)));
  $("pinned").replaceChildren(element("thead", {}, element("tr", {}, element("th", {}), ...heads)), element("tbody", {},
    ...differing.map((key) => row(key, settings.map((each) => (key in each ? String(each[key]) : "")))), ...figuresOf(runs).map(([name, show]) => row(name, runs.map(show)))));
  $("pinned-hint").hidden = runs.length > 1;
  await Promise.all([drawCurves("pinned-curves", runs), drawBars("pinned-layers", runs)]);
}
