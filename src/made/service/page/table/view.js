// The view of a table: its columns, rows drawn from it, a row looked at, a file scored or completed.

import { fill, h } from "../dom.js";
import { createCards } from "./cards.js";
import { createConditions } from "./conditions.js";
import { contextFields } from "./context_fields.js";
import { drawPart } from "./draw.js";
import { filePart } from "./file.js";
import { heldBar } from "./held_bar.js";
import { rowPart } from "./row.js";
import { tabs } from "./tabs.js";

const WAIT = 150;
const USES_WHAT_IS_HELD = ["columns", "draw"];

export function tableView(root, context) {
  const { name, schema, state } = context;
  let cards = null;
  let timer = 0;
  let shownPart = null;
  let isAnew = false; // the cards are of another context
  let isDrawnBefore = false; // so are the rows drawn
  const fields = contextFields(schema, state, () => {
    isAnew = isDrawnBefore = true;
    if (shownPart === "draw") drawAgain();
    followSoon();
  });
  const conditions = createConditions(schema, state, fields, () => {
    held.show();
    cards.showHeld();
    followSoon();
  });
  const held = heldBar(conditions);
  const grid = h("div");
  const draw = drawPart(context, conditions, fields);
  const row = rowPart(context, fields);

  function followSoon() {
    clearTimeout(timer);
    timer = setTimeout(() => {
      cards.changed(isAnew);
      isAnew = false;
    }, WAIT);
  }

  function drawAgain() {
    if (isDrawnBefore) draw.show();
    isDrawnBefore = false;
  }

  const parts = tabs(
    state,
    [
      { id: "columns", title: "Columns", content: h("div", {}, legend(), grid) },
      { id: "draw", title: "Draw rows", content: draw.element, shown: draw.show },
      { id: "row", title: "A row", content: row.element, shown: row.show },
      { id: "file", title: "A file", content: filePart(context).element },
    ],
    (id) => {
      shownPart = id;
      for (const own of [fields.element, held.element]) {
        if (own) own.hidden = !USES_WHAT_IS_HELD.includes(id);
      }
      if (id === "draw") drawAgain();
    },
  );
  fill(
    root,
    h("h1", {}, name),
    h("p", { class: "note about" }, about(schema)),
    parts.list,
    fields.element ?? [],
    held.element,
    parts.panels,
  );
  cards = createCards(grid, context, conditions, fields);
  held.show();
  parts.start();
  return () => {
    clearTimeout(timer);
    cards.takeDown();
  };
}

function about({ columns, context, left_out: leftOut }) {
  const words = [`${columns.length} ${columns.length === 1 ? "column" : "columns"}`];
  if (context.length) words.push(`given ${context.join(", ")}`);
  if (leftOut.length) words.push(`left out: ${leftOut.map((own) => `${own.name} (${own.why})`).join(", ")}`);
  return words.join("; ");
}

function legend() {
  return h(
    "p",
    { class: "legend note" },
    h("span", { class: "key now" }),
    " now, given what is held ",
    h("span", { class: "key before" }),
    " without conditions. Tick values or give a range: all other columns follow.",
  );
}
