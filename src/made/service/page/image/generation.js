// A picture that comes into being, pixel by pixel, in the ordering of the model.

import { h } from "../dom.js";
import { Surface } from "./draw.js";
import { marksOf } from "./picture.js";
import { number } from "./samples.js";
import { logP, markName, place, share } from "./words.js";

// How long all of it takes, and how it goes where nothing should move: in so many steps, one a second.
const SECONDS = 8;
const STILL_STEPS = 10;

/** Return {element, stop}; nothing is asked before the button is pressed. */
export function generationPanel({ picture, names, nMasks, ask, keep, share: offer, guard, say, chosen }) {
  const { height, width, values, size } = picture;
  let row = null;
  let at = 0;
  let timer = 0;

  const seed = number("generation-seed", "Seed", 0, Number.MAX_SAFE_INTEGER, chosen.seed ?? 0);
  const mask = number("generation-mask", `Mask, of ${nMasks}`, 0, nMasks - 1, chosen.mask ?? 0);
  const canvas = h("canvas", { role: "img", "aria-label": "Generation: not begun" });
  const surface = new Surface(canvas, height, width, (pen) => {
    const marks = new Uint16Array(size);
    if (row) for (const d of row.ordering.slice(0, at)) marks[d] = row.marks[d];
    pen.marks(marks, values.length);
    pen.grid();
    if (row && at > 0 && at < size) pen.frame(...where(row.ordering[at - 1]));
  });
  const slider = h("input", {
    type: "range",
    min: 0,
    max: size,
    value: 0,
    "aria-label": "Pixels drawn",
    on: { input: () => go(Number(slider.value), true) },
  });
  const play = h("button", { type: "button", on: { click: toggle } }, "Play");
  const back = h("button", { type: "button", on: { click: () => go(at - 1, true) } }, "Back");
  const step = h("button", { type: "button", on: { click: () => go(at + 1, true) } }, "Step");
  const text = h("p", { class: "image-now" }, "Draw one to see in which order its pixels come.");
  const how = h("p", { class: "note" });
  const controls = h(
    "div",
    { class: "image-player", hidden: true },
    h("div", { class: "buttons" }, play, back, step),
    slider,
  );

  function where(d) {
    return [Math.floor(d / width), d % width];
  }

  async function draw() {
    pause();
    const body = { n: 1, seed: seed.value(), mask: mask.value() };
    keep({ seed: body.seed, mask: body.mask });
    const answer = await ask("sample", body, { key: "generation" });
    const scored = await ask("score", { rows: answer.rows, in_ordering: body.mask }, { key: "generation" });
    const steps = names.map((name) => scored[`${name}_given_before`][0] ?? -Infinity);
    row = { marks: marksOf(answer.rows[0], names, values), ordering: answer.ordering, steps };
    const from =
      nMasks === 1
        ? ", in the ordering of the model"
        : ` from mask ${body.mask} of the ${nMasks} that the model is the mixture of`;
    how.textContent = `Drawn exactly${from}: ${inWords(answer.ordering, width)}.`;
    offer({ python: `model.sample(1, seed=${body.seed}, mask=${body.mask})`, path: "sample", body });
    controls.hidden = false;
    go(0, false);
    if (!isStill()) toggle();
  }

  function go(to, isAsked) {
    if (isAsked) pause();
    at = Math.min(Math.max(to, 0), size);
    slider.value = at;
    back.disabled = at === 0;
    step.disabled = at === size;
    describe();
    if (isAsked) say(text.textContent);
    surface.again();
  }

  function describe() {
    if (!row) return;
    const sum = row.ordering.slice(0, at).reduce((total, d) => total + row.steps[d], 0);
    const d = row.ordering[at - 1];
    let last = "nothing is drawn yet";
    if (at > 0) {
      const p = share(Math.exp(row.steps[d]));
      last = `${place(d, width)} is ${markName(row.marks[d], values)}, p ${p} given those before`;
    }
    text.textContent = `${at} of ${size} pixels: ${last}. log p so far: ${logP(sum)}, exact.`;
    slider.setAttribute("aria-valuetext", `${at} of ${size} pixels`);
    canvas.setAttribute("aria-label", `Generation, ${text.textContent}`);
  }

  // Playing

  function isStill() {
    return matchMedia("(prefers-reduced-motion: reduce)").matches;
  }

  function toggle() {
    if (timer) {
      pause();
      return;
    }
    if (at === size) go(0, false);
    play.textContent = "Pause";
    const every = isStill() ? 1000 : Math.max((1000 * SECONDS) / size, 33);
    const each = isStill()
      ? Math.ceil(size / STILL_STEPS)
      : Math.max(Math.round((size * every) / (1000 * SECONDS)), 1);
    timer = setInterval(() => {
      go(at + each, false);
      if (at === size) {
        pause();
        say(text.textContent);
      }
    }, every);
  }

  function pause() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }

  function submitted(event) {
    event.preventDefault();
    guard(draw);
  }

  return {
    element: h(
      "div",
      {},
      h(
        "form",
        { class: "image-form", on: { submit: submitted } },
        seed.element,
        nMasks > 1 && mask.element,
        h("button", { type: "submit" }, "Draw one"),
      ),
      how,
      h("div", { class: "image-film" }, canvas, h("div", {}, text, controls)),
    ),
    stop() {
      pause();
      surface.stop();
    },
  };
}

/** An ordering in words. */
export function inWords(ordering, width) {
  if (ordering.every((d, rank) => d === rank)) return "row by row, from the top left";
  const [first, last] = [ordering[0], ordering[ordering.length - 1]];
  return `from ${place(first, width)} to ${place(last, width)}, in an order of its own`;
}
