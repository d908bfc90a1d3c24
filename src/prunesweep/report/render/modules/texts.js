// Tables as text: CSV, Markdown, LaTeX.

// An apostrophe precedes texts that a spreadsheet would compute as a formula.
const formula = (text) => (/^[=+\-@]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text);
const quoted = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const cell = (value) => (value === null || value === undefined ? "" : quoted(typeof value === "number" ? String(value) : formula(String(value))));

export const csv = (columns, rows) => [columns, ...rows].map((row) => row.map(cell).join(",")).join("\n") + "\n";

export function markdown(columns, rows, numeric) {
  const line = (row) => `| ${row.map((text) => text.replaceAll("\\", "\\\\").replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(columns), line(numeric.map((yes) => (yes ? "---:" : "---"))), ...rows.map(line)].join("\n") + "\n";
}

const LATEX = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "±": "$\\pm$", "−": "$-$" };
const latexText = (text) => text.replace(/[\\~^±−&%$#_{}]/g, (letter) => LATEX[letter] ?? `\\${letter}`);

// A table for the package booktabs.
export function latex(columns, rows, numeric) {
  const line = (row) => `${row.map(latexText).join(" & ")} \\\\`;
  const shape = numeric.map((yes) => (yes ? "r" : "l")).join("");
  return [`\\begin{tabular}{${shape}}`, "\\toprule", line(columns), "\\midrule", ...rows.map(line), "\\bottomrule", "\\end{tabular}"].join("\n") + "\n";
}
