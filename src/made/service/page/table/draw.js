// Rows drawn from the model, under the conditions that are held.

import { download, fill, h } from "../dom.js";
import { answerPlace, form } from "./answer_place.js";
import { certainty, number } from "./format.js";
import { rowsTable } from "./rows_table.js";

/** Return {element, show}: show() draws again what the link says, if it says anything. */
export function drawPart({ name, schema, api, state, announce, share }, conditions, fields) {
  const kept = state.get("draw") ?? {};
  const n = h("input", {
    type: "number",
    min: 1,
    max: 100000,
    step: 1,
    required: true,
    set: { value: kept.n ?? 10 },
  });
  const seed = h("input", {
    type: "number",
    min: 0,
    step: 1,
    required: true,
    set: { value: kept.seed ?? 0 },
  });
  const { failure, found, guarded } = answerPlace();
  const settings = form(
    { class: "form-line" },
    () => guarded(draw),
    h("label", {}, "Rows ", n),
    h("label", {}, "Seed ", seed),
    h("button", { class: "main" }, "Draw rows"),
  );

  async function draw() {
    const own = { n: Number(n.value), seed: Number(seed.value) };
    state.set("draw", own);
    const body = { ...own, ...conditions.request() };
    share({ python: conditions.python(`model.sample(${own.n}, seed=${own.seed}`), path: "sample", body });
    fill(found, h("p", { class: "note" }, "drawing ..."));
    const answer = await api.ask("sample", body, { key: "draw" });
    const names = schema.columns
      .map((column) => column.name)
      .filter((each) => !schema.context.includes(each));
    const sure = certainty(answer, { inNats: true });
    const save = () => guarded(() => saved(body));
    fill(
      found,
      h("p", { class: "note" }, `${heldText(answer)}: ${sure.text}`),
      rowsTable(
        names,
        answer.rows.map((row) => names.map((each) => row[each])),
        `${answer.rows.length} rows drawn, seed ${answer.seed}`,
      ),
      h("p", { class: "buttons" }, h("button", { on: { click: save } }, "Download CSV")),
    );
    announce(`${answer.rows.length} rows are drawn`);
  }

  function heldText({ log_prob: logProb }) {
    const names = conditions.names();
    const given = fields.text() ? `Conditioned on ${fields.text()}; given` : "Given";
    if (!names.length) return `${given} nothing`;
    const held = names.map((each) => `${each} ${conditions.text(each)}`).join(", ");
    return `${given} ${held}, of log p ${number(Number(logProb.toPrecision(4)))}`;
  }

  /** The same question again, answered as CSV: numbers are written as the service has them. */
  async function saved(body) {
    const answer = await api.post("sample", { body: JSON.stringify(body), accept: "text/csv" });
    download(`${name}-drawn.csv`, await answer.text());
  }

  return {
    element: h(
      "div",
      { class: "part" },
      h("p", { class: "note" }, "New rows, under what is held. The same seed gives the same rows."),
      settings,
      failure,
      found,
    ),
    show: () => state.get("draw") && guarded(draw),
  };
}
