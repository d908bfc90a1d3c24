// The view in the address of the page, after "#": controls that differ from their defaults, the open run, pinned runs.

import { data } from "page/data";
import { send } from "page/events";

export const view = { run: null, pins: [] };
export const MAX_PINS = 4;

const controls = () => [...document.querySelectorAll("[data-view]")];
const value = (control) => (control.type === "checkbox" ? String(control.checked) : control.value);
const defaults = new Map();

function set(control, text) {
  if (control.type === "checkbox") control.checked = text === "true";
  else if (control.tagName !== "SELECT" || [...control.options].some((option) => option.value === text)) control.value = text;
}

// Remembers the values of all controls as defaults. The address contains only what differs from them.
export function remember() {
  for (const control of controls()) defaults.set(control, value(control));
}

export function write() {
  const parameters = new URLSearchParams();
  for (const control of controls()) if (value(control) !== defaults.get(control)) parameters.set(control.id, value(control));
  if (view.run !== null) parameters.set("run", data.runs.name[view.run]);
  if (view.pins.length) parameters.set("pins", JSON.stringify(view.pins.map((run) => data.runs.name[run])));
  history.replaceState(null, "", parameters.size ? `#${parameters}` : location.pathname + location.search);
}

// Sets controls, the open run and the pinned runs from the address. Names of controls and runs that do not exist are ignored.
export function read() {
  const parameters = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : ""), runs = data.runs.name;
  for (const control of controls()) set(control, parameters.get(control.id) ?? defaults.get(control));
  const find = (name) => (runs.includes(name) ? [runs.indexOf(name)] : []);
  view.run = find(parameters.get("run"))[0] ?? null;
  try { view.pins = JSON.parse(parameters.get("pins") ?? "[]").flatMap(find).slice(0, MAX_PINS); } catch { view.pins = []; }
}

export function open(run) {
  view.run = run;
  write();
  send("run", run);
}

export function pin(run) {
  if (view.pins.includes(run)) view.pins = view.pins.filter((other) => other !== run);
  else view.pins = [...view.pins, run].slice(-MAX_PINS);
  write();
  send("pins", view.pins);
}
