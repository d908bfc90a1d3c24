// The filter of the table: words and comparisons, and what is wrong with a filter that matches nothing.

const SIGNS = { "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b, "!=": (a, b) => a !== b, "=": (a, b) => a === b };
const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const plain = (name) => name.toLowerCase().replaceAll("_", " ");

// A column is { names, values(row), unit, shown(value) }. The unit is "fraction", "points" or nothing.
// Returns { rows, problem }: the rows that satisfy the whole text, and why there are none.
export function filtered(text, columns, rows) {
  const terms = split(text, columns), problem = terms.find((term) => term.problem)?.problem;
  if (problem) return { rows: [], problem };
  const found = rows.filter((row) => terms.every((term) => term.test(row)));
  if (found.length || !rows.length || !terms.length) return { rows: found, problem: "" };
  const alone = terms.find((term) => !rows.some(term.test));
  return { rows: [], problem: alone ? alone.reason(rows) : "Each condition is met by some rows, but no row meets all of them." };
}

function split(text, columns) {
  const names = columns.flatMap((column) => column.names).sort((a, b) => b.length - a.length);
  const name = names.map((each) => literal(plain(each)).replaceAll(" ", "[ _]")).join("|");
  const term = new RegExp(`(?<known>${name || "(?!)"})\\s*(?<sign><=|>=|!=|<|>|=)\\s*(?<value>"[^"]*"|\\[[^\\]]*\\]|\\S+(?:\\s*%)?)|(?<other>[\\w.]+)\\s*(?:<=|>=|!=|<|>|=)\\s*\\S*|(?<word>"[^"]*"|\\S+)`, "giy");
  const terms = [];
  term.lastIndex = 0;
  for (const spaces = /\s*/y; ; ) {
    spaces.lastIndex = term.lastIndex;
    spaces.exec(text);
    term.lastIndex = spaces.lastIndex;
    const match = term.exec(text);
    if (!match) return terms;
    terms.push(condition(match.groups, columns));
  }
}

const unquoted = (text) => (/^".*"$/.test(text) ? text.slice(1, -1) : text);

function condition({ known, sign, value, other, word }, columns) {
  if (known) return comparison(columns.find(({ names }) => names.some((name) => plain(name) === plain(known))), sign, unquoted(value));
  if (other) return { problem: `There is no column “${other}”. The columns are ${columns.map(({ names }) => names[0]).join(", ")}.` };
  const wanted = unquoted(word).toLowerCase();
  return {
    test: (row) => columns.some((column) => column.values(row).some((each) => String(each ?? "").toLowerCase().includes(wanted))),
    reason: () => `No row contains “${unquoted(word)}”.`,
  };
}

// Percent signs are understood everywhere. In a column of percentages, a number above 1 is a percentage as well.
function comparison(column, sign, value) {
  const match = value.match(/^([+\-−]?[\d,.]+(?:e[+-]?\d+)?)\s*(%)?$/i), digits = match && Number(match[1].replace("−", "-").replaceAll(",", ""));
  const isNumber = match && !Number.isNaN(digits), scaled = isNumber && column.unit === "fraction" && (match[2] || Math.abs(digits) > 1) ? digits / 100 : digits;
  const compare = SIGNS[sign], close = (a, b) => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b));
  const test = (each) => {
    const number = typeof each === "number" ? each : each !== null && each !== "" && !Number.isNaN(Number(each)) ? Number(each) : null;
    if (isNumber && number !== null) return sign === "=" ? close(number, scaled) : sign === "!=" ? !close(number, scaled) : compare(number, scaled);
    return (sign === "=" || sign === "!=") && each !== null && compare(String(each).toLowerCase(), value.toLowerCase());
  };
  const reason = (rows) => {
    const values = rows.flatMap((row) => column.values(row)).filter((each) => each !== null), numbers = values.filter((each) => typeof each === "number");
    if (numbers.length && !isNumber) return `“${value}” is not a number, and ${column.names[0]} is one.`;
    if (numbers.length) return `No row has ${column.names[0]} ${sign} ${value}: it is between ${column.shown(Math.min(...bounds(numbers)))} and ${column.shown(Math.max(...bounds(numbers)))}.`;
    return `No row has ${column.names[0]} ${sign} ${value}. Its values are ${[...new Set(values)].slice(0, 12).join(", ")}.`;
  };
  return { test: (row) => column.values(row).some(test), reason };
}

const bounds = (numbers) => numbers.reduce(([low, high], each) => [Math.min(low, each), Math.max(high, each)], [Infinity, -Infinity]);
