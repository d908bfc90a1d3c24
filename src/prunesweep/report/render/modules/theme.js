// Colors, dashes and symbols of the charts.

export const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// The colors of Okabe and Ito, which people with any color vision can distinguish. Yellow is hard to see on white.
const ON_LIGHT = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8c6bb1", "#999999"];
const ON_DARK = ["#56b4e9", "#ff9248", "#2fc896", "#e59fc5", "#f0e442", "#b79bdb", "#c9a66b", "#bbbbbb"];

export const color = (index) => (css("--theme") === "dark" ? ON_DARK : ON_LIGHT)[index % 8];
export const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
export const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "triangle-down", "star", "hexagon", "cross"];

// From the background of the page to its accent: readable on light and on dark pages.
export const ramp = () => [[0, css("--wash")], [1, css("--accent")]];

// The scale of Plotly with this name, for what Plotly does not draw. Returns the color of a share in [0, 1].
const VIRIDIS = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37]];

export function viridis(share) {
  const place = share * (VIRIDIS.length - 1), low = Math.min(VIRIDIS.length - 2, Math.floor(place)), part = place - low;
  return `rgb(${VIRIDIS[low].map((from, index) => Math.round(from + part * (VIRIDIS[low + 1][index] - from))).join(",")})`;
}

// The color of a ramp at a fraction, as [red, green, blue].
export function shadeAt(fraction) {
  const [from, to] = ramp().map(([, shade]) => channels(shade));
  return from.map((value, at) => value + (to[at] - value) * fraction);
}

const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

// Black or white, whichever has the higher contrast on a color. It is at least 4.5 on every color (WCAG 2, relative luminance).
export function readable(shade) {
  const [red, green, blue] = shade.map((value) => value / 255).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return (luminance + 0.05) ** 2 > 0.05 * 1.05 ? "#000000" : "#ffffff";
}
