// Elements of SVG, and a drawing as an image.

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// Returns a drawing as a data URL in the format "svg" or "png".
export async function imageOf(drawing, format) {
  const copy = drawing.cloneNode(true);
  copy.querySelectorAll("[data-only=screen]").forEach((node) => node.remove());
  const url = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  if (format === "svg") return url;
  const image = new Image(), canvas = document.createElement("canvas"), { width, height } = drawing.viewBox.baseVal;
  image.src = url;
  await image.decode();
  [canvas.width, canvas.height] = [2 * width, 2 * height];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/png");
}
