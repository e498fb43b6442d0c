// Elements made in one call.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element of HTML: attributes by name, listeners under `on`, properties under `set`. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Make an element of SVG, likewise. */
export function s(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** Put children in the place of those that an element has. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter(isThere));
  return element;
}

function filled(element, { on = {}, set = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener);
  element.append(...children.flat(Infinity).filter(isThere));
  return Object.assign(element, set);
}

function isThere(child) {
  return child !== null && child !== undefined && child !== false;
}

let count = 0;

/** Return an id that no other element has. */
export function newId(word = "id") {
  count += 1;
  return `${word}-${count}`;
}

/** Offer content as a file. */
export function download(name, content, type = "text/csv") {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Use a style sheet; resolves once it is there. */
export function useStyle(href) {
  if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve();
  return new Promise((resolve) => {
    document.head.append(h("link", { rel: "stylesheet", href, on: { load: resolve, error: resolve } }));
  });
}
