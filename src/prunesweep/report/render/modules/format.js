// Numbers and texts as people read them.

export const percent = (fraction, digits = 2) => `${(100 * fraction).toFixed(digits)} %`;
export const number = (value, digits = 0) => value.toLocaleString("en", { maximumFractionDigits: digits });
export const plural = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
export const spread = ([mean, sd]) => (100 * mean).toFixed(2) + (sd === null ? "" : ` ± ${(100 * sd).toFixed(2)}`) + " %";
export const range = (count) => Array.from({ length: count }, (_, index) => index);

// Math.max(...values) fails for many values.
export const largest = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
export const smallest = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);

// A loss of accuracy as a difference to the dense network, in percentage points, with its sign.
export function difference([mean, sd]) {
  const points = (-100 * mean).toFixed(2);
  return (Number(points) > 0 ? "+" : "") + points.replace("-", "−").replace("−0.00", "0.00") + (sd === null ? "" : ` ± ${(100 * sd).toFixed(2)}`);
}

export const safe = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

export function wrapped(text, width) {
  const lines = [""];
  for (const word of text.split(" ")) {
    if ((lines.at(-1) + word).length > width) lines.push("");
    lines[lines.length - 1] += (lines.at(-1) ? " " : "") + word;
  }
  return lines.join("<br>");
}
