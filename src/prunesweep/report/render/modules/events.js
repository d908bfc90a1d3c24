// What the parts of the page tell each other: a run is opened, runs are pinned, the shown settings change.

const listeners = {};

export function on(name, listener) {
  (listeners[name] ??= []).push(listener);
}

export function send(name, value) {
  for (const listener of listeners[name] ?? []) listener(value);
}
