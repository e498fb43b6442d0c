// Pictures that the model draws, on demand.

import { fill, h } from "../dom.js";
import { marksOf } from "./picture.js";
import { tile } from "./tile.js";
import { logP } from "./words.js";

const MOST = 48;

/** Return {element, start, stop}; ask(what, body) asks the model, keep(chosen) keeps it in the link. */
export function samplesPanel({ picture, names, ask, keep, take, share, guard, chosen }) {
  const { height, width, values } = picture;
  let tiles = [];
  const n = number("samples", "Samples", 1, MOST, chosen.n ?? 12);
  const seed = number("seed", "Seed", 0, Number.MAX_SAFE_INTEGER, chosen.seed ?? 0);
  const grid = h("div", { class: "image-tiles small" });
  const how = h("p", { class: "note" });

  async function draw(isAsked = true) {
    const body = { n: n.value(), seed: seed.value() };
    if (isAsked) keep(body);
    const answer = await ask("sample", body, { key: "samples" });
    const marks = answer.rows.map((row) => marksOf(row, names, values));
    tiles.forEach((own) => own.stop());
    tiles = marks.map((own, i) => {
      const made = tile({ height, width, nLevels: values.length, name: `Sample ${i + 1}`, take });
      made.show(own, [`seed ${answer.seed}, no. ${i + 1}`]);
      return made;
    });
    fill(
      grid,
      tiles.map((own) => own.element),
    );
    how.textContent = "Drawn exactly from the model.";
    if (isAsked) share({ python: `model.sample(${body.n}, seed=${body.seed})`, path: "sample", body });
    const scores = await ask("score", { rows: answer.rows }, { key: "samples-score" });
    tiles.forEach((own, i) =>
      own.say([
        `seed ${answer.seed}, no. ${i + 1}`,
        `log p ${logP(scores.log_prob[i])}, ${scores.method[i]}`,
      ]),
    );
  }

  const form = h(
    "form",
    { class: "image-form", on: { submit: submitted } },
    n.element,
    seed.element,
    h("button", { type: "submit" }, "Draw"),
    h("button", { type: "button", on: { click: next } }, "Next seed"),
  );

  function submitted(event) {
    event.preventDefault();
    guard(draw);
  }

  function next() {
    seed.set(seed.value() + 1);
    guard(draw);
  }

  return {
    element: h("div", {}, form, how, grid),
    start: () => guard(() => draw(false)),
    stop: () => tiles.forEach((own) => own.stop()),
  };
}

/** A field for a whole number: {element, value, set}. */
export function number(name, label, low, high, value) {
  const field = h("input", { type: "number", name, min: low, max: high, step: 1, value, required: true });
  return {
    element: h("label", {}, `${label} `, field),
    field,
    value: () => Math.min(Math.max(Math.trunc(Number(field.value) || 0), low), high),
    set: (to) => {
      field.value = Math.min(Math.max(to, low), high);
    },
  };
}
