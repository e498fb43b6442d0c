// A field for one entry of a row: a choice among few values, else text; empty is unknown.

import { h } from "../dom.js";

const FEW = 60;
const MISSING = "missing";

/** Return {element, value(), put(value)}; undefined is unknown, null is missing. What is known is neither. */
export function rowField(column, { isKnown = false } = {}) {
  const isChoice = column.values && column.values.length <= FEW;
  const isText = column.kind === "date" || column.values?.some((value) => typeof value === "string");
  const field = isChoice
    ? choice(column, isKnown)
    : h("input", {
        type: "text",
        autocomplete: "off",
        placeholder: hint(column),
        inputmode: isText ? null : "decimal",
      });

  function value() {
    if (isChoice) return field.value === "" ? undefined : JSON.parse(field.value);
    const text = field.value.trim();
    if (text === "") return undefined;
    if (column.missing && !isKnown && text.toLowerCase() === MISSING) return null;
    return isText || Number.isNaN(Number(text)) ? text : Number(text);
  }

  function put(own) {
    if (own === undefined) field.value = "";
    else if (isChoice) field.value = optionOf(column, own);
    else field.value = own === null ? (column.missing ? MISSING : "") : String(own);
  }

  return { element: h("label", {}, h("span", {}, column.name), field), value, put };
}

function choice(column, isKnown) {
  const values = column.missing && !isKnown ? [...column.values, null] : column.values;
  return h(
    "select",
    {},
    isKnown ? null : h("option", { value: "" }, "unknown"),
    values.map((value) =>
      h("option", { value: JSON.stringify(value) }, value === null ? MISSING : String(value)),
    ),
  );
}

/** Return the option of a value, which may have come as text; of any other value that of unknown. */
function optionOf(column, own) {
  if (own === null || own === "") return column.missing ? "null" : "";
  const value = column.values.find((each) => each === own || String(each) === String(own));
  return value === undefined ? "" : JSON.stringify(value);
}

function hint(column) {
  return column.kind === "date" ? "a date, as in the data" : column.range.replace("..", " to ");
}
