// A density with axes, in SVG: solid as it is now, in outline as it is without conditions.

import { fill, s } from "../dom.js";
import { domainOf, outline } from "./distribution.js";
import { number, shown, ticks } from "./format.js";

const SIZE = { width: 300, height: 150, left: 44, right: 8, top: 20, bottom: 22 };

/**
 * Draw into an element.
 *
 * range: a condition {low, high}, shown as a band; pick(low, high): called when a range is drawn with a
 * pointer.
 */
export function drawDensity(element, { variable, before, now, range, text, pick }) {
  const domain = domainOf(before);
  // A single value that is held has no width to draw: its line is that of the band.
  const isPoint = range?.low !== undefined && range.low === range.high;
  const outlines = [before, now].map((answer) => (answer ? outline(answer, before.edges) : []));
  if (isPoint) outlines[1] = [];
  const top = Math.max(...outlines.flat().map(([, density]) => density), 1e-300) * 1.05;
  const scale = scales(domain, top);
  const path = (points) => points.map(([x, y]) => `${scale.x(x)},${scale.y(y)}`).join(" ");
  const closed = (points) => (points.length ? [...points, [points.at(-1)[0], 0], [points[0][0], 0]] : []);
  const [of, ofNow] = outlines;
  const figure = s(
    "svg",
    {
      viewBox: `0 0 ${SIZE.width} ${SIZE.height}`,
      role: "img",
      "aria-label": `${variable.name}: ${text}`,
    },
    s("text", { class: "axis", x: 2, y: 11 }, yTitle(variable)),
    yTicks(scale, top),
    xTicks(scale, domain, variable),
    now === null
      ? s("polygon", { class: "now", points: path(closed(of)) })
      : [
          s("polygon", { class: "now", points: path(closed(ofNow)) }),
          s("polyline", { class: "before", points: path(of) }),
        ],
    band(scale, domain, range),
  );
  fill(element, figure);
  pointing(figure, scale, variable, pick);
}

function scales([low, high], top) {
  const across = SIZE.width - SIZE.left - SIZE.right;
  const down = SIZE.height - SIZE.top - SIZE.bottom;
  const round = (value) => Number(value.toFixed(2));
  return {
    x: (value) => round(SIZE.left + (across * (value - low)) / (high - low)),
    y: (density) => round(SIZE.top + down * (1 - density / top)),
    value: (x) => Math.min(high, Math.max(low, low + ((high - low) * (x - SIZE.left)) / across)),
  };
}

function yTitle(variable) {
  if (variable.part === "week") return "share per week";
  return variable.step ? "share per unit" : "density";
}

function yTicks(scale, top) {
  const lines = ticks(0, top, 3);
  return lines.map((value) => [
    s("line", {
      class: value === 0 ? "base" : "grid",
      x1: SIZE.left,
      x2: SIZE.width - SIZE.right,
      y1: scale.y(value),
      y2: scale.y(value),
    }),
    s("text", { class: "axis", x: SIZE.left - 4, y: scale.y(value) + 4, "text-anchor": "end" }, short(value)),
  ]);
}

function short(value) {
  return value !== 0 && Math.abs(value) < 0.001
    ? value.toExponential(0)
    : number(Number(value.toPrecision(3)));
}

function xTicks(scale, [low, high], variable) {
  const most = variable.part === "week" ? 3 : 5;
  const own = ticks(low, high, most).filter((value) => !variable.part || Number.isInteger(value));
  return own.map((value) => {
    const x = scale.x(value);
    const anchor = x > SIZE.width - 30 ? "end" : "middle";
    return [
      s("line", { class: "base", x1: x, x2: x, y1: scale.y(0), y2: scale.y(0) + 4 }),
      s(
        "text",
        {
          class: "axis",
          x: anchor === "end" ? Math.min(x + 12, SIZE.width - 1) : x,
          y: SIZE.height - 5,
          "text-anchor": anchor,
        },
        shown(value, variable),
      ),
    ];
  });
}

function band(scale, [low, high], range) {
  if (!range || (range.low === undefined && range.high === undefined)) return null;
  const clip = (value) => Math.min(high, Math.max(low, value));
  const [x0, x1] = [scale.x(clip(range.low ?? low)), scale.x(clip(range.high ?? high))];
  const y = [SIZE.top, SIZE.height - SIZE.bottom];
  return [
    s("rect", { class: "band", x: x0, y: y[0], width: Math.max(x1 - x0, 1), height: y[1] - y[0] }),
    [x0, x1].map((x) => s("line", { class: "band", x1: x, x2: x, y1: y[0], y2: y[1] })),
  ];
}

/** Have a range drawn with a pointer. Fields beside the figure say the same to a keyboard. */
function pointing(figure, scale, variable, pick) {
  let begin = null;
  let sketch = null;
  const at = (event) => {
    const box = figure.getBoundingClientRect();
    return scale.value(((event.clientX - box.left) * SIZE.width) / box.width);
  };
  figure.addEventListener("pointerdown", (event) => {
    begin = at(event);
    sketch = s("rect", {
      class: "band",
      y: SIZE.top,
      height: SIZE.height - SIZE.top - SIZE.bottom,
      x: scale.x(begin),
      width: 0,
    });
    figure.append(sketch);
    figure.setPointerCapture(event.pointerId);
  });
  figure.addEventListener("pointermove", (event) => {
    if (begin === null) return;
    const [x0, x1] = [begin, at(event)].map(scale.x).sort((a, b) => a - b);
    sketch.setAttribute("x", x0);
    sketch.setAttribute("width", x1 - x0);
  });
  const end = (event) => {
    if (begin === null) return;
    const ends = [begin, at(event)].sort((a, b) => a - b);
    begin = null;
    sketch.remove();
    if (event.type === "pointerup" && scale.x(ends[1]) - scale.x(ends[0]) > 4)
      pick(...ends.map((own) => rounded(own, variable)));
  };
  figure.addEventListener("pointerup", end);
  figure.addEventListener("pointercancel", end);
}

function rounded(value, { step }) {
  if (step) return Number((Math.round(value / step) * step).toPrecision(12));
  return Number(value.toPrecision(4));
}
