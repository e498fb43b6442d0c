// A row as it is pasted: an object of JSON, a header with a line, or a line of values in order.

import { cellsOf } from "./csv.js";

/** Return the entries of a row by column as text or values of JSON; throws with what is wrong. */
export function readRow(text, names) {
  const own = text.trim();
  if (!own) throw new Error("nothing is pasted: paste a row first");
  if (own.startsWith("{") || own.startsWith("[")) return known(readJson(own), names);
  const divider = ["\t", ";", ","].find((each) => own.includes(each)) ?? ",";
  const lines = cellsOf(own, divider);
  if (lines.length > 1)
    return known(Object.fromEntries(lines[0].map((name, d) => [name, lines[1][d]])), names);
  if (lines[0].length !== names.length) {
    throw new Error(
      `${lines[0].length} values where there are ${names.length} columns: paste the header too, or JSON`,
    );
  }
  return Object.fromEntries(names.map((name, d) => [name, lines[0][d]]));
}

function readJson(text) {
  let own;
  try {
    own = JSON.parse(text);
  } catch (error) {
    throw new Error(`that is no JSON: ${error.message}`);
  }
  const row = Array.isArray(own) ? own[0] : (own.rows?.[0] ?? own);
  if (row === null || typeof row !== "object" || Array.isArray(row))
    throw new Error("JSON of a row is an object by column");
  return row;
}

function known(row, names) {
  const found = Object.fromEntries(Object.entries(row).filter(([name]) => names.includes(name)));
  if (!Object.keys(found).length)
    throw new Error(`no column is called so; there are ${names.slice(0, 8).join(", ")}`);
  return found;
}
