// Which of the computed lists of ticks fits on an axis.

// Returns the densest list whose labels have a distance of at least `gap` pixels. `place` maps a tick to its pixel.
export function fitting(levels, place, gap) {
  const fits = (ticks) => ticks.every((tick, index) => !index || Math.abs(place(tick) - place(ticks[index - 1])) >= gap);
  const sorted = levels.map((ticks) => [...ticks].sort((a, b) => a - b)).filter(fits);
  return sorted.reduce((best, ticks) => (ticks.length > best.length ? ticks : best), sorted[0] ?? levels[0] ?? []);
}
