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
