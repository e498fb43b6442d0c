// What a model of p(x | c) is conditioned on: a field for each column of context, kept in the link.

import { h } from "../dom.js";
import { pythonOf } from "../share.js";
import { rowField } from "./row_field.js";

/**
 * Return {element, values, request, python, text}; the element is null of a model without context.
 *
 * changed() is called after each change. values() are by column, request() is what a body of a request says of
 * them, python() the same as arguments of Python; null where Python takes them otherwise, as it does dates.
 */
export function contextFields({ columns, context }, state, changed) {
  const own = context.map((name) => columns.find((column) => column.name === name));
  const fields = new Map(own.map((column) => [column.name, rowField(column, { isKnown: true })]));
  const wrong = h("p", { class: "failure", role: "alert", hidden: true });
  const kept = state.get("context") ?? {};
  for (const column of own) {
    const field = fields.get(column.name);
    field.put(kept[column.name] ?? undefined);
    if (field.value() === undefined) field.put(usual(column));
  }
  let chosen = read();

  function read() {
    return Object.fromEntries([...fields].map(([name, field]) => [name, field.value()]));
  }

  function change() {
    const values = read();
    const lacking = context.filter((name) => values[name] === undefined);
    wrong.hidden = lacking.length === 0;
    wrong.textContent = `give ${lacking.join(", ")} a value: context must be known`;
    if (lacking.length) return;
    chosen = values;
    state.set("context", values);
    changed();
  }

  const element = h(
    "div",
    { class: "context", role: "group", "aria-labelledby": "context-title", on: { change } },
    h("p", { class: "note", id: "context-title" }, "Context: all columns and rows below are given these values."),
    h(
      "div",
      { class: "fields" },
      [...fields.values()].map((field) => field.element),
    ),
    wrong,
  );
  const hasDates = own.some((column) => column.kind === "date");
  return {
    element: own.length ? element : null,
    values: () => chosen,
    request: () => (own.length ? { context: chosen } : {}),
    python() {
      if (hasDates) return null;
      // Not the values of the object: names that are numbers come first there.
      return own.length ? `, context=${pythonOf(context.map((name) => chosen[name]))}` : "";
    },
    text: () => context.map((name) => `${name} is ${chosen[name]}`).join(", "),
  };
}

/** Return the value that a field begins with: the first of a choice, the middle of a range. */
function usual({ kind, values, low, high, step }) {
  if (values) return values[0];
  if (kind === "date") return middleDate(low, high);
  if (!(low < high)) return low ?? 0;
  const unit = step ?? 10 ** Math.floor(Math.log10((high - low) / 20));
  return Number((Math.round((low + high) / 2 / unit) * unit).toPrecision(12));
}

function middleDate(low, high) {
  const middle = new Date((Date.parse(low) + Date.parse(high)) / 2);
  if (Number.isNaN(middle.valueOf())) return low ?? undefined;
  return middle.toISOString().slice(0, Math.min(low.length, "YYYY-MM-DD hh:mm".length)).replace("T", " ");
}
