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
