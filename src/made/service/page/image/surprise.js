// How surprising each pixel of a complete picture is, as a map and in words.

import { fill, h } from "../dom.js";
import { Surface } from "./draw.js";
import { UNKNOWN } from "./picture.js";
import { figure, isPoor, logP, markName, place, share } from "./words.js";

const N_NAMED = 5;
const MEASURES = {
  rest: "given all other pixels",
  before: "given those before it in the ordering",
};

/** Return {element, offer, stop}: the map of one of the pictures that are offered. */
export function surprisePanel({ picture, names, nMasks, ask, keep, guard, chosen, isSlow }) {
  const { height, width, values, size } = picture;
  const nLevels = values.length;
  let pictures = [];
  let shown = null;
  let costs = new Float64Array(size);
  let errors = new Float64Array(size);
  let asked = 0;
  let read = null;
  let picked = null;

  const which = h("select", { name: "surprise-of", on: { change: pick } });
  const measure = h(
    "select",
    { name: "surprise-given", on: { change: measured } },
    Object.entries(MEASURES).map(([key, text]) =>
      h("option", { value: key, selected: key === chosen }, text),
    ),
  );
  const canvas = h("canvas", {
    role: "img",
    "aria-label": "Map of surprise: not there yet",
    on: { pointermove: pointed },
  });
  const scale = h("canvas", { class: "image-scale", "aria-hidden": "true" });
  const ends = h("p", { class: "image-ends" });
  const where = h("p", { class: "note image-where" }, "Point at a pixel, here or in the drawing.");
  const how = h("p", { class: "note" });
  const list = h("ol", { class: "image-odd" });
  const button = h("button", { type: "button", on: { click: () => guard(map) } }, "Map it");

  const surface = new Surface(canvas, height, width, (pen) => {
    const shares = Array.from(costs, (cost) => cost / top());
    pen.heat(shares);
    if (shown === null) return;
    pen.points((d) => shown.marks[d] > 1, shares);
    if (shown.given) pen.border((d) => shown.given[d] !== UNKNOWN);
    worst().forEach((d, i) => pen.label(d, String(i + 1)));
    if (read !== null) pen.frame(Math.floor(read / width), read % width);
  });
  const bar = new Surface(scale, 1, 24, (pen) => pen.heat(Array.from({ length: 24 }, (_, d) => d / 23)));

  function top() {
    return Math.max(...costs.filter(Number.isFinite), 1);
  }

  function worst() {
    const found = Array.from(costs.keys()).filter((d) => !Number.isNaN(costs[d]));
    return found.sort((a, b) => costs[b] - costs[a]).slice(0, N_NAMED);
  }

  /** Find the surprise of every pixel of the chosen picture. */
  async function map() {
    const own = pictures[Number(which.value)];
    if (!own) return;
    const number = (asked += 1);
    const isBefore = measure.value === "before";
    const body = { rows: own.rows, ...(isBefore ? { in_ordering: 0 } : { per_column: true }) };
    canvas.setAttribute("aria-busy", "true");
    try {
      const answer = await ask("score", body, { key: "surprise" });
      if (number === asked) show(own, answer, isBefore);
    } finally {
      if (number === asked) canvas.removeAttribute("aria-busy");
    }
  }

  function show(own, answer, isBefore) {
    const end = isBefore ? "given_before" : "log_prob";
    const each = names.map((name) => answer[`${name}_${end}`].map((value) => -(value ?? -Infinity)));
    const isUsed = (d) => own.marks[d] !== UNKNOWN;
    costs = Float64Array.from(each, (found, d) => (isUsed(d) ? mean(found) : NaN));
    errors = Float64Array.from(each, (found, d) => (isUsed(d) ? standardError(found) : NaN));
    shown = own;
    const total = logP(answer.log_prob[0]);
    if (own.rows.length > 1) how.textContent = ofMean(own);
    else
      how.textContent = isBefore
        ? ofOrdering(total)
        : `Exact: ${MINUS_LOG} of each pixel ${MEASURES.rest}; log p of the whole picture is ${total}.`;
    fill(ends, h("span", {}, "0 nats: expected"), h("span", {}, `${figure(top())} nats: surprising`));
    const odd = worst();
    fill(
      list,
      odd.map((d) => h("li", {}, `${place(d, width)}: ${inWords(d)}`)),
    );
    const name = `Map of surprise of ${own.name.toLowerCase()}, up to ${figure(top())} nats`;
    const first = `${place(odd[0], width)}, ${inWords(odd[0])}`;
    canvas.setAttribute("aria-label", `${name}. Most surprising: ${first}.`);
    if (read !== null) point(read);
    surface.again();
  }

  function ofMean({ rows, how }) {
    const some = isPoor(how) ? ", by few particles: the error is larger than that" : "";
    const more = how.method === "exact" ? "" : `; the completions are themselves estimated${some}`;
    return [
      `Estimated: ${MINUS_LOG} of each pixel that is drawn, ${MEASURES[measure.value]}${ofMask()},`,
      `the mean over the ${rows.length} completions with its standard error${more}.`,
    ].join(" ");
  }

  function ofOrdering(total) {
    const sum =
      nMasks === 1 ? "; these add up to minus log p of the picture, which is" : ". Of all masks log p is";
    return `Exact: ${MINUS_LOG} of each pixel ${MEASURES.before}${ofMask()}${sum} ${total}.`;
  }

  /** Whose ordering that is, where there are several. */
  function ofMask() {
    return measure.value === "before" && nMasks > 1 ? `, of mask 0 of ${nMasks}` : "";
  }

  function inWords(d) {
    if (Number.isNaN(costs[d])) return "unknown";
    if (shown.rows.length > 1) {
      return `${markName(shown.marks[d], values)}, ${figure(costs[d])} ± ${figure(errors[d])} nats`;
    }
    const part = shown.given && shown.given[d] === UNKNOWN ? ", filled in" : "";
    const p = share(Math.exp(-costs[d]));
    return `${markName(shown.marks[d], values)}${part}, ${figure(costs[d])} nats, p ${p}`;
  }

  function pick() {
    picked = pictures[which.selectedIndex].name;
    guard(map);
  }

  function measured() {
    keep(measure.value === "rest" ? null : measure.value);
    guard(map);
  }

  /** Say how surprising a pixel is. */
  function point(d) {
    if (shown === null) return;
    read = d;
    where.textContent = `${place(d, width)}: ${inWords(d)}`;
    surface.again();
  }

  function pointed(event) {
    const box = canvas.getBoundingClientRect();
    const at = (part, start, long, n) =>
      Math.min(Math.max(Math.floor(((part - start) / long) * n), 0), n - 1);
    point(
      at(event.clientY, box.top, box.height, height) * width + at(event.clientX, box.left, box.width, width),
    );
  }

  return {
    element: h(
      "div",
      {},
      h(
        "div",
        { class: "image-form" },
        h("label", {}, "Of ", which),
        h("label", {}, "Surprise ", measure),
        isSlow && button,
      ),
      how,
      h(
        "div",
        { class: "image-map" },
        h("div", {}, canvas, h("div", { class: "image-legend" }, scale, ends), where),
        h("div", {}, h("h3", {}, "Most surprising"), list, h("p", { class: "note" }, keyOf(nLevels))),
      ),
    ),
    /**
     * Offer other pictures: {name, rows, marks, given, how}; what was chosen stays so. Of several rows
     * the mean is mapped, where marks are known.
     */
    offer(next) {
      const before = next.findIndex((own) => own.name === picked);
      pictures = next;
      fill(
        which,
        next.map((own, i) => h("option", { value: i }, own.name)),
      );
      which.selectedIndex = Math.max(before, 0);
      if (!isSlow) guard(map);
    },
    point,
    stop() {
      surface.stop();
      bar.stop();
    },
  };
}

function mean(found) {
  return found.reduce((sum, value) => sum + value, 0) / found.length;
}

/** The standard error of the mean; 0 of one value. */
function standardError(found) {
  const n = found.length;
  const squares = found.reduce((sum, value) => sum + (value - mean(found)) ** 2, 0);
  return n > 1 ? Math.sqrt(squares / (n - 1) / n) : 0;
}

const MINUS_LOG = "minus log p";

function keyOf(nLevels) {
  const marked = nLevels === 2 ? "ink" : "pixels that are not background";
  return `A point marks ${marked}, a line surrounds what was drawn, and numbers are those of the list.`;
}
