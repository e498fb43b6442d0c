// What was found about a row, in words and as a table.

import { h } from "../dom.js";
import { certainty, number } from "./format.js";

const ODD = 2;

/** Return what is shown of the answer about one row. */
export function verdict(schema, row, answer) {
  const [column, value, expected, surprise] = ["odd_column", "odd_value", "expected", "odd_surprise"].map(
    (key) => answer[key][0],
  );
  const sure = certainty(
    { method: answer.method[0], error: answer.error[0], ess: answer.ess[0] },
    { inNats: true },
  );
  const percentile = answer.percentile?.[0];
  const rank = percentile === null || percentile === undefined ? "" : `, ${rankOf(percentile)}`;
  const isOdd = surprise >= ODD;
  return [
    h(
      "p",
      { class: "log-prob" },
      `log p = ${nats(answer.log_prob[0])}${rank} `,
      h("span", { class: "note" }, `(${sure.text})`),
    ),
    column === null
      ? null
      : h(
          "p",
          { class: isOdd ? "odd" : null },
          `${isOdd ? "Odd" : "Nothing is odd. Least expected"}: `,
          h("b", {}, column),
          ` is ${value}, expected ${expected}.`,
        ),
    entries(schema, row, answer, column, isOdd),
  ];
}

function rankOf(percentile) {
  if (percentile < 0.5) return "less probable than nearly all held-out rows";
  return `more probable than ${percentile.toFixed(0)} % of held-out rows`;
}

function nats(logProb) {
  return logProb === null
    ? "minus infinity: the model rules this row out"
    : `${number(Number(logProb.toPrecision(6)))} nats`;
}

function entries(schema, row, answer, oddest, isOdd) {
  const rows = schema.variables.map((variable) => {
    const score = answer[`${variable.name}_log_prob`]?.[0];
    const isOddest = variable.name === oddest;
    const own = row[variable.column ?? variable.name];
    return h(
      "tr",
      { class: isOddest && isOdd ? "odd" : null },
      h("th", { scope: "row" }, variable.name),
      h("td", {}, own === undefined ? "unknown" : own === null ? "missing" : String(own)),
      h("td", { class: "number" }, score === null || score === undefined ? "" : score.toFixed(2)),
      h("td", {}, isOddest ? `${isOdd ? "odd" : "least expected"}: expected ${answer.expected[0]}` : ""),
    );
  });
  const heads = ["column", "value", "log p given all others", ""].map((text, i) =>
    text ? h("th", { scope: "col", class: i === 2 ? "number" : null }, text) : h("td", {}),
  );
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": "Each entry given all others" },
    h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows)),
  );
}
