// A row looked at: how probable it is, which entry is odd, and what was expected there.

import { fill, h } from "../dom.js";
import { pythonOf } from "../share.js";
import { answerPlace, form } from "./answer_place.js";
import { readRow } from "./read_row.js";
import { rowField } from "./row_field.js";
import { verdict } from "./verdict.js";

/** Return {element, show}: show() scores the row in the link, if there is one. */
export function rowPart({ schema, api, state, announce, share }, context) {
  const names = schema.columns.map((column) => column.name);
  const fields = new Map(schema.columns.map((column) => [column.name, rowField(column)]));
  const paste = h("textarea", {
    rows: 3,
    id: "paste",
    spellcheck: "false",
    placeholder: `${names.slice(0, 4).join(",")}${names.length > 4 ? ",..." : ""}`,
  });
  const { failure, found, guarded } = answerPlace();
  let drawn = 0;

  function put(row) {
    for (const [name, field] of fields) field.put(name in row ? row[name] : undefined);
  }

  function rowOf() {
    const entries = [...fields].map(([name, field]) => [name, field.value()]);
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  }

  async function score() {
    const row = rowOf();
    if (!Object.keys(row).length) throw new Error("the row is empty: fill in an entry, or paste a row");
    state.set("row", row);
    const body = { rows: [row], per_column: true };
    share({
      python: `made.odd_entries(model, [${pythonOf(names.map((name) => row[name] ?? null))}])`,
      path: "score",
      body,
    });
    fill(found, h("p", { class: "note" }, "asking ..."));
    const answer = await api.ask("score", body, { key: "row" });
    fill(found, verdict(schema, row, answer));
    announce(`log p is ${answer.log_prob[0]?.toFixed(2)}; ${answer.odd_column[0]} is the oddest entry`);
  }

  async function drawOne() {
    const { rows } = await api.ask("sample", { n: 1, seed: drawn, ...context.request() }, { key: "row" });
    drawn += 1;
    put({ ...rows[0], ...context.values() });
    await score();
  }

  const element = h(
    "div",
    { class: "part" },
    h("label", { for: "paste" }, "Paste a row: values in order, a header with a line, or JSON"),
    paste,
    h(
      "p",
      { class: "buttons" },
      h(
        "button",
        {
          on: {
            click: () =>
              guarded(async () => {
                put(readRow(paste.value, names));
                await score();
              }),
          },
        },
        "Look at it",
      ),
      h("button", { on: { click: () => guarded(drawOne) } }, "Draw one instead"),
    ),
    failure,
    found,
    form(
      { class: "row-form", "aria-label": "Entries of the row" },
      () => guarded(score),
      h("h2", {}, "Its entries"),
      h("p", { class: "note" }, "What is left empty is unknown."),
      h(
        "div",
        { class: "fields" },
        [...fields.values()].map((field) => field.element),
      ),
      h("button", { class: "main" }, "Score the row"),
    ),
  );

  return {
    element,
    show() {
      const row = state.get("row");
      if (!row || typeof row !== "object") return;
      put(row);
      guarded(score);
    },
  };
}
