// The filter of the table: words and comparisons, and what is wrong with a filter that matches nothing.

const SIGNS = { "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b, "!=": (a, b) => a !== b, "=": (a, b) => a === b };
const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const plain = (name) => name.toLowerCase().replaceAll("_", " ");

// A column is { names, values(row), unit, shown(value) }. The unit is "fraction", "points" or nothing.
// Returns { rows, problem }: the rows that satisfy the whole text, and why there are none.
export function filtered(text, columns, rows) {
  const terms = parsed(text, columns), problem = terms.find((term) => term.problem)?.problem;
  if (problem) return { rows: [], problem };
  const found = rows.filter((row) => terms.every((term) => term.test(row)));
  if (found.length || !rows.length || !terms.length) return { rows: found, problem: "" };
  const alone = terms.find((term) => !rows.some(term.test));
  return { rows: [], problem: alone ? alone.reason(rows) : "Each condition is met by some rows, but no row meets all of them." };
}

// Returns the conditions of a text as { test(row), reason(rows) } or { problem }, each with its `source`. A comparison also
// has its `column`, its `sign`, and the `options` that "|" separates, as { text, number }.
export function parsed(text, columns) {
  const names = columns.flatMap((column) => column.names).sort((a, b) => b.length - a.length);
  const option = `"[^"]*"|\\[[^\\]]*\\]|[^\\s|]+(?:\\s*%)?`;
  const name = names.map((each) => literal(plain(each)).replaceAll(" ", "[ _]")).join("|");
  const term = new RegExp(`(?<known>${name || "(?!)"})\\s*(?<sign><=|>=|!=|<|>|=)\\s*(?<value>(?:${option})(?:\\|(?:${option}))*)|(?<other>[\\w.]+)\\s*(?:<=|>=|!=|<|>|=)\\s*\\S*|(?<word>"[^"]*"|\\S+)`, "giy");
  const terms = [];
  term.lastIndex = 0;
  for (const spaces = /\s*/y; ; ) {
    spaces.lastIndex = term.lastIndex;
    spaces.exec(text);
    term.lastIndex = spaces.lastIndex;
    const match = term.exec(text);
    if (!match) return terms;
    terms.push({ ...condition(match.groups, columns), source: match[0] });
  }
}

const OPTION = /"[^"]*"|\[[^\]]*\]|[^|]+/g;
const unquoted = (text) => (/^".*"$/.test(text) ? text.slice(1, -1) : text);

function condition({ known, sign, value, other, word }, columns) {
  if (known) return comparison(columns.find(({ names }) => names.some((name) => plain(name) === plain(known))), sign, value.match(OPTION));
  if (other) return { problem: `There is no column “${other}”. The columns are ${columns.map(({ names }) => names[0]).join(", ")}.` };
  const wanted = unquoted(word).toLowerCase();
  return {
    test: (row) => columns.some((column) => column.values(row).some((each) => String(each ?? "").toLowerCase().includes(wanted))),
    reason: () => `No row contains “${unquoted(word)}”.`,
  };
}

// Percent signs are understood everywhere. In a column of percentages, a number above 1 is a percentage as well.
function numberOf(text, { unit }) {
  const match = text.match(/^([+\-−]?[\d,.]+(?:e[+-]?\d+)?)\s*(%)?$/i), digits = match ? Number(match[1].replace("−", "-").replaceAll(",", "")) : NaN;
  if (Number.isNaN(digits)) return null;
  return unit === "fraction" && (match[2] || Math.abs(digits) > 1) ? digits / 100 : digits;
}

// A row meets a comparison if it meets it for one option, and "!=" if it does for all.
function comparison(column, sign, texts) {
  const options = texts.map((text) => ({ text: unquoted(text), number: numberOf(unquoted(text), column) })), value = options.map(({ text }) => text).join("|");
  const meets = (each) => (sign === "!=" ? options.every((option) => met(each, sign, option)) : options.some((option) => met(each, sign, option)));
  const reason = (rows) => {
    const values = rows.flatMap((row) => column.values(row)).filter((each) => each !== null), numbers = values.filter((each) => typeof each === "number");
    const text = options.find(({ number }) => number === null)?.text;
    if (numbers.length && text !== undefined) return `“${text}” is not a number, and ${column.names[0]} is one.`;
    if (numbers.length) return `No row has ${column.names[0]} ${sign} ${value}: it is between ${column.shown(Math.min(...bounds(numbers)))} and ${column.shown(Math.max(...bounds(numbers)))}.`;
    return `No row has ${column.names[0]} ${sign} ${value}. Its values are ${[...new Set(values)].slice(0, 12).join(", ")}.`;
  };
  return { column, sign, options, test: (row) => column.values(row).some(meets), reason };
}

function met(each, sign, { text, number: wanted }) {
  const compare = SIGNS[sign], close = (a, b) => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b));
  const number = typeof each === "number" ? each : each !== null && each !== "" && !Number.isNaN(Number(each)) ? Number(each) : null;
  if (wanted !== null && number !== null) return sign === "=" ? close(number, wanted) : sign === "!=" ? !close(number, wanted) : compare(number, wanted);
  return (sign === "=" || sign === "!=") && each !== null && compare(String(each).toLowerCase(), text.toLowerCase());
}

const bounds = (numbers) => numbers.reduce(([low, high], each) => [Math.min(low, each), Math.max(high, each)], [Infinity, -Infinity]);
