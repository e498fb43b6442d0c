// The last question, to be asked again elsewhere: as Python and as curl.

import { fill, h } from "./dom.js";

/**
 * Show the last question in an element.
 *
 * question: {python, path, body, file}: the call of Python on `model`, the path below the address of the
 * model ("score"), and the body as an object; or, in place of a body, the name of a CSV file that is sent.
 */
export function showQuestion(element, { name, hasToken, question, announce }) {
  const { python, path } = question;
  const copies = { Python: asPython(name, question, hasToken), curl: asCurl(name, question, hasToken) };
  const copy = async (kind) => {
    await copyText(copies[kind]);
    announce(`Copied as ${kind}.`);
    said.textContent = `copied as ${kind}`;
  };
  const said = h("span", { class: "note" });
  fill(
    element,
    h("span", { class: "what" }, "Last question ", h("code", {}, python ?? path)),
    h(
      "span",
      { class: "buttons" },
      Object.keys(copies).map((kind) => h("button", { on: { click: () => copy(kind) } }, `Copy as ${kind}`)),
      said,
    ),
  );
  element.hidden = false;
}

function addressOf(name, path) {
  return `${location.origin}/models/${encodeURIComponent(name)}/${path}`;
}

/** Return a program that asks the same of the service, with nothing but Python. */
export function asPython(name, { python, path, body, file }, hasToken) {
  const type = file ? "text/csv" : "application/json";
  const lines = [
    "import json",
    ...(hasToken ? ["import os"] : []),
    "import urllib.request",
    "",
    ...(python
      ? [`# With the model at hand: model = made.load("path of the run"); ${python.replaceAll("\n", " ")}`]
      : []),
    file ? `body = open(${pythonOf(file)}, "rb").read()` : `body = json.dumps(${pythonOf(body)}).encode()`,
    "request = urllib.request.Request(",
    `    ${pythonOf(addressOf(name, path))},`,
    "    body,",
    `    {"content-type": "${type}"${hasToken ? ', "authorization": "Bearer " + os.environ["MADE_TOKEN"]' : ""}},`,
    ")",
    "with urllib.request.urlopen(request) as answer:",
    "    print(json.dumps(json.load(answer), indent=2))",
  ];
  return `${lines.join("\n")}\n`;
}

/** Return the same as a command of curl. */
export function asCurl(name, { path, body, file }, hasToken) {
  const parts = [
    `curl ${quoted(addressOf(name, path))}`,
    `-H 'content-type: ${file ? "text/csv" : "application/json"}'`,
    ...(hasToken ? ['-H "authorization: Bearer $MADE_TOKEN"'] : []),
    file ? `--data-binary ${quoted(`@${file}`)}` : `-d ${quoted(JSON.stringify(body))}`,
  ];
  return `${parts.join(" ")}\n`;
}

/** Return a value of JSON as Python writes it. */
export function pythonOf(value) {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(pythonOf).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value)
      .map(([key, own]) => `${pythonOf(key)}: ${pythonOf(own)}`)
      .join(", ")}}`;
  }
  return JSON.stringify(value);
}

function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS, and not on this machine, browsers offer no clipboard: copy by selection.
    const field = h("textarea", { set: { value: text }, class: "hidden" });
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}
