// Rows as a table on the page: the first of them, numbers to the right.

import { h } from "../dom.js";

/** Return a table that scrolls by itself. Cells are values of JSON or text. */
export function rowsTable(names, rows, caption, most = 100) {
  const some = rows.slice(0, most);
  const areNumbers = names.map((_, d) => some.every((row) => isNumber(row[d])));
  const kind = (d) => (areNumbers[d] ? "number" : null);
  const head = h(
    "tr",
    {},
    names.map((name, d) => h("th", { scope: "col", class: kind(d) }, name)),
  );
  const body = some.map((row) =>
    h(
      "tr",
      {},
      names.map((_, d) => h("td", { class: kind(d) }, text(row[d]))),
    ),
  );
  const note = rows.length > most ? `${caption}; the first ${most} are shown` : caption;
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": caption },
    h("table", {}, h("caption", {}, note), h("thead", {}, head), h("tbody", {}, body)),
  );
}

function isNumber(value) {
  return (
    value === null ||
    value === undefined ||
    typeof value === "number" ||
    (value !== "" && Number.isFinite(Number(value)))
  );
}

function text(value) {
  if (value === null || value === undefined) return h("span", { class: "note" }, "missing");
  return String(value);
}
