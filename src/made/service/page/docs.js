// The page at /docs: the routes of the service, from /openapi.json.

import { createApi } from "./api.js";
import { fill, h } from "./dom.js";
import { askToken } from "./token.js";

const EXAMPLES = {
  score: { rows: [{ COLUMN: "VALUE" }] },
  sample: { n: 10, seed: 0 },
  complete: { rows: [{ COLUMN: "VALUE" }], seed: 0 },
  conditional: { variable: "COLUMN" },
};

async function show() {
  const { paths, info } = await createApi(askToken).get("/openapi.json");
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, about]) => route(method.toUpperCase(), path, about)),
  );
  fill(
    document.getElementById("routes"),
    h("p", {}, info.description),
    h("p", { class: "note" }, `made ${info.version}. NAME is a model, as /models lists them.`),
    routes,
  );
}

function route(method, path, about) {
  const content = about.requestBody?.content ?? {};
  const schema = content["application/json"]?.schema;
  return h(
    "section",
    { class: "route" },
    h("h2", {}, h("span", { class: "method" }, method), " ", h("code", {}, path.replace("{name}", "NAME"))),
    h("p", {}, about.summary),
    schema ? fields(schema) : null,
    schema ? h("p", { class: "note" }, `Bodies: ${Object.keys(content).join(", ")}`) : null,
    h(
      "pre",
      { tabindex: "0", role: "group", "aria-label": `Example of ${method} ${path}` },
      example(method, path),
    ),
  );
}

function fields(schema) {
  const rows = Object.entries(schema.properties ?? {}).map(([name, own]) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, h("code", {}, name)),
      h("td", {}, typeOf(own, schema.$defs ?? {})),
      h("td", {}, "default" in own ? h("code", {}, JSON.stringify(own.default)) : isNeeded(schema, name)),
      h("td", { class: "about" }, own.description ?? ""),
    ),
  );
  const heads = ["field", "type", "default", "about"].map((text) => h("th", { scope: "col" }, text));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": "Fields of the body" },
    h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows)),
  );
}

function isNeeded(schema, name) {
  return (schema.required ?? []).includes(name) ? "needed" : "";
}

function typeOf(own, definitions) {
  if (own.enum) return own.enum.join(" | ");
  if (own.$ref) return typeOf(definitions[own.$ref.split("/").at(-1)] ?? {}, definitions) || "object";
  if (own.oneOf) return typeOf({ anyOf: own.oneOf }, definitions);
  if (own.anyOf) return [...new Set(own.anyOf.map((each) => typeOf(each, definitions)))].join(" | ");
  if (own.type === "array") return `list of ${typeOf(own.items ?? {}, definitions)}`;
  if (own.properties) return `{${Object.keys(own.properties).join(", ")}}`;
  return own.type ?? "value";
}

function example(method, path) {
  const address = `${location.origin}${path.replace("{name}", "NAME")}`;
  if (method === "GET") return `curl ${address}`;
  const body = JSON.stringify(EXAMPLES[path.split("/").at(-1)] ?? {});
  return `curl ${address} -H 'content-type: application/json' -d '${body}'`;
}

show().catch((error) => {
  const element = document.getElementById("failure");
  element.textContent = error.message;
  element.hidden = false;
});
