// Starts the page: reads the view from its address, draws all parts, and listens to controls.

import { showChoice, showKnee } from "page/choice";
import { data, experiment, load, show, task, unpacked } from "page/data";
import { $, element, fill, section } from "page/dom";
import { on } from "page/events";
import { drawLayers } from "page/layers";
import { drawColored, drawMattered, keep, listenToMattered, showLines, showPoints } from "page/mattered";
import { listenToPanel, showPanel } from "page/panel";
import { showPins } from "page/pins";
import { comparable } from "page/published";
import { drawSensitivity } from "page/sensitivity";
import { drawSettings, filterSettings, listenToSettings } from "page/settings";
import { drawTradeoff, emphasize } from "page/tradeoff";
import { drawTuning } from "page/tuning";
import { open, read, remember, view, write } from "page/view";

// Fills the controls that depend on the data set.
function prepare() {
  show(Number($("task").value) || 0);
  const isFirst = !$("axis").value;
  fill($("axis"), Object.keys(data.axes).filter((axis) => axis in task.frontiers).map((axis) => [axis, data.axes[axis].label.split(" (")[0]]));
  if (isFirst) $("axis").value = task.axis;
  fill($("color"), [["", "none"], ...task.keys.map((key) => [key, key])]);
  $("color").value = task.color;
  fill($("heat"), task.heats.map(({ model }, index) => [String(index), model]));
  $("heat").closest(".controls").hidden = task.heats.length < 2;
  $("rounds").closest("label").hidden = !task.experiments.some((index) => experiment(index).stages);
  for (const id of ["attained", "single"]) $(id).closest("label").hidden = task.seeds.length < 2;
  $("published").closest("label").hidden = !Object.values(task.published).some((rows) => rows.length);
  const [early, late] = task.leads === "sensitivity" ? ["sensitivity", "frontier"] : ["frontier", "sensitivity"];
  if (section(early).compareDocumentPosition(section(late)) & Node.DOCUMENT_POSITION_PRECEDING) section(late).before(section(early));
}

function drawAll() {
  $("published").disabled = !comparable($("axis").value);
  if ($("published").disabled) $("published").checked = false;
  showKnee();
  showChoice();
  return Promise.all([drawTradeoff(), drawLayers(), drawSensitivity(), drawTuning(), drawMattered(), showPanel(view.run), showPins(view.pins)]);
}

function enter() {
  $("within").value = $("within-number").value;
  filterSettings();
  return drawAll();
}

let timer;

// The text follows each step of the slider. A chart with 10,000 points waits until it rests.
function later(draw) {
  clearTimeout(timer);
  document.body.dataset.pending = "";
  timer = setTimeout(async () => { await draw(); delete document.body.dataset.pending; }, 80);
}

function limit(source, target) {
  $(target).value = $(source).value || 0;
  write();
  showChoice();
  later(drawTradeoff);
}

function listen() {
  const change = (ids, draw) => ids.forEach((id) => $(id).addEventListener("change", () => { write(); return draw(); }));
  change(["task"], () => { prepare(); return enter(); });
  change(["axis"], drawAll);
  change(["scale", "attained", "single", "rounds", "published"], drawTradeoff);
  change(["bars"], () => Promise.all([drawTradeoff(), drawSensitivity()]));
  change(["color"], () => Promise.all([drawTradeoff(), drawTuning(), drawColored()]));
  change(["heat"], drawLayers);
  change(["moment"], drawSensitivity);
  $("within").addEventListener("input", () => limit("within", "within-number"));
  $("within-number").addEventListener("input", () => limit("within-number", "within"));
  $("filter").addEventListener("input", () => { write(); filterSettings(); });
  $("frontier").on("plotly_click", ({ points }) => { if (points[0].customdata !== undefined) open(experiment(points[0].customdata).runs[0]); });
  $("tuning").on?.("plotly_click", ({ points }) => { if (typeof points[0].customdata === "number") open(points[0].customdata); });
  on("kept", () => { showLines(); later(() => Promise.all([drawTradeoff(), showPoints()])); });
  on("run", (run) => { showPanel(run); drawSettings(); });
  on("pins", showPins);
  listenToSettings();
  listenToPanel();
  listenToMattered();
  addEventListener("hashchange", () => { read(); prepare(); read(); return enter(); });
  for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", drawAll);
}

async function start() {
  const [library] = await Promise.all([unpacked("plotly"), load()]);
  document.head.append(element("script", {}, library));
  if (!data.tasks.length) return;
  document.querySelector("main").hidden = false;
  fill($("task"), data.tasks.map(({ dataset }, index) => [String(index), dataset]));
  $("tasks").hidden = data.tasks.length < 2;
  prepare();
  remember();
  read();
  on("kept", emphasize);
  on("kept", keep);
  await enter();
  listen();
}

if (!document.querySelector("#failed tbody tr")) $("failed").hidden = true;
start().catch((error) => {
  $("error").hidden = false;
  $("error").textContent = `The charts cannot be shown: ${error.message}. results.csv and frontier.csv contain the same figures.`;
  console.error(error);
}).finally(() => { document.body.dataset.ready = "true"; });
