// A CSV file, scored or completed, and offered again.

import { download, fill, h } from "../dom.js";
import { answerPlace, form } from "./answer_place.js";
import { readCsv, writeCsv } from "./csv.js";
import { rowsTable } from "./rows_table.js";

const KINDS = {
  score: { title: "Score each row", path: "score" },
  odd: { title: "Score, and name the odd entry", path: "score?per_column=true" },
  draw: { title: "Complete: draw what is unknown", path: "complete?kind=draw&seed=0" },
  variable: { title: "Complete: most probable of each column", path: "complete?kind=variable" },
  joint: { title: "Complete: most probable together", path: "complete?kind=joint" },
  mean: { title: "Complete: means, with intervals", path: "complete?kind=mean" },
};

/** Return {element}: the part of a view. */
export function filePart({ api, announce, share }) {
  const file = h("input", { type: "file", accept: ".csv,text/csv", required: true });
  const kind = h(
    "select",
    {},
    Object.entries(KINDS).map(([value, { title }]) => h("option", { value }, title)),
  );
  const { failure, found, guarded } = answerPlace();
  const settings = form(
    { class: "form-line" },
    () => guarded(ask),
    h("label", {}, "CSV file ", file),
    h("label", {}, "What to do ", kind),
    h("button", { class: "main" }, "Send it"),
  );

  async function ask() {
    const [own] = file.files;
    const asked = KINDS[kind.value];
    fill(found, h("p", { class: "note" }, `${own.name} is answered ...`));
    share({ python: pythonCall(own.name, kind.value), path: asked.path, file: own.name });
    const answer = await api.post(asked.path, {
      body: own,
      type: "text/csv",
      accept: "text/csv",
      key: "file",
    });
    const text = await answer.text();
    const isScore = asked.path.startsWith("score");
    const table = isScore ? beside(readCsv(await own.text()), readCsv(text)) : readCsv(text);
    const name = own.name.replace(/(\.csv)?$/i, isScore ? "-scored.csv" : "-completed.csv");
    const content = isScore ? writeCsv(table.names, table.rows) : text;
    fill(
      found,
      h("p", { class: "note" }, isScore ? howSure(table) : "Filled in from what is known of each row."),
      h(
        "p",
        { class: "buttons" },
        h("button", { on: { click: () => download(name, content) } }, `Download ${name}`),
      ),
      rowsTable(table.names, table.rows, `${table.rows.length} rows`, 20),
    );
    announce(`${table.rows.length} rows are ${isScore ? "scored" : "completed"}`);
  }

  return {
    element: h(
      "div",
      { class: "part" },
      h(
        "p",
        { class: "note" },
        "Columns go by their names; others are passed over. The file goes to this service, and nowhere else.",
      ),
      settings,
      failure,
      found,
    ),
  };
}

function pythonCall(name, kind) {
  const rows = `polars.read_csv(${JSON.stringify(name)})`;
  if (kind === "score") return `model.log_prob(${rows})`;
  if (kind === "odd") return `made.odd_entries(model, ${rows})`;
  return `model.complete(${rows}, ${JSON.stringify(kind)}, seed=0)`;
}

/** Return the scores with the columns of the file before them, where both have a line for each row. */
function beside(table, scores) {
  if (table.rows.length !== scores.rows.length) return scores;
  return {
    names: [...table.names, ...scores.names],
    rows: table.rows.map((row, i) => [...row, ...scores.rows[i]]),
  };
}

const IN_WORDS = { exact: "exact", quadrature: "integrated", estimated: "estimated" };

function howSure({ names, rows }) {
  const [method, error] = ["method", "error"].map((name) => names.lastIndexOf(name));
  const counts = Object.entries(IN_WORDS)
    .map(([key, word]) => [rows.filter((row) => row[method] === key).length, word])
    .filter(([count]) => count);
  const worst = Math.max(0, ...rows.map((row) => Number(row[error])));
  const size =
    worst === 0 ? "" : `; the largest error is ${worst < 0.01 ? "below 0.01" : worst.toFixed(2)} nats`;
  return `Scores: ${counts.map(([count, word]) => `${count} ${word}`).join(", ")}${size}.`;
}
