// Elements of the page.

export const $ = (id) => document.getElementById(id);

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") node.addEventListener("click", value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

export function fill(select, options) {
  const before = select.value;
  select.replaceChildren(...options.map(([value, text]) => element("option", { value }, text)));
  if (options.some(([value]) => value === before)) select.value = before;
}

export const button = (text, onclick, attributes = {}) => element("button", { type: "button", onclick, ...attributes }, text);

export const section = (id) => $(id).closest("section");

// Copies a text, also where a browser does not allow a page from a file to use the clipboard directly.
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = element("textarea", { class: "unseen" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

export function copyButton(title, text, attributes = {}) {
  const node = button(title, async () => {
    await copy(text());
    node.textContent = "copied";
    setTimeout(() => { node.textContent = title; }, 1500);
  }, attributes);
  return node;
}

export const copyable = (command) =>
  element("span", {}, element("code", {}, command), copyButton("copy", () => command, { "aria-label": `Copy ${command}` }));
