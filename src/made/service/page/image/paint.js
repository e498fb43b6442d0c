// The canvas that is painted on: by mouse, by touch, and by keys.

import { h, newId } from "../dom.js";
import { Surface } from "./draw.js";
import { UNKNOWN } from "./picture.js";
import { markName, place } from "./words.js";

const KEYS =
  "Arrow keys move, space paints, shift with an arrow paints along; " +
  "I ink, B background, U unknown, plus and minus the size of the brush, Z undo.";

/**
 * Return the canvas of a picture: {element, again, stop}.
 *
 * brush: {mark, size}, as it is when a pixel is painted.
 * on: {change(), letter(key), point(pixel), say(text)}.
 */
export function paintArea(picture, brush, on) {
  const { height, width } = picture;
  const cursor = { row: 0, column: 0 };
  let last = null;
  let pointer = null;
  let isHovering = false;

  const id = newId("keys");
  const canvas = h("canvas", {
    class: "image-canvas",
    tabindex: 0,
    role: "application",
    "aria-roledescription": "drawing",
    "aria-label": label(),
    "aria-describedby": id,
  });
  const where = h("p", { class: "note image-where" }, "No pixel is pointed at.");
  const surface = new Surface(canvas, height, width, (pen) => {
    pen.marks(picture.marks, picture.values.length);
    pen.grid();
    if (document.activeElement === canvas || isHovering) {
      const before = Math.floor((brush.size - 1) / 2);
      pen.frame(cursor.row - before, cursor.column - before, brush.size);
    }
  });

  function label() {
    return `Drawing of ${height} by ${width} pixels, ${picture.nKnown} of ${picture.size} known.`;
  }

  function again() {
    canvas.setAttribute("aria-label", label());
    describe();
    surface.again();
  }

  function describe() {
    const d = cursor.row * width + cursor.column;
    where.textContent = `${place(d, width)}: ${markName(picture.marks[d], picture.values)}`;
  }

  function move(row, column, says) {
    cursor.row = Math.min(Math.max(row, 0), height - 1);
    cursor.column = Math.min(Math.max(column, 0), width - 1);
    describe();
    if (says) on.say(where.textContent);
    on.point(cursor.row * width + cursor.column);
    surface.again();
  }

  function paint(from) {
    if (picture.stroke(from, cursor, brush.size, brush.mark)) on.change();
  }

  // Mouse, touch and pen

  function pointed(event) {
    const box = canvas.getBoundingClientRect();
    const at = (part, start, size, n) => Math.floor(((part - start) / size) * n);
    return [at(event.clientY, box.top, box.height, height), at(event.clientX, box.left, box.width, width)];
  }

  function down(event) {
    if (event.button !== 0 || pointer !== null) return; // a second finger paints nothing
    pointer = event.pointerId;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    picture.keep();
    move(...pointed(event), false);
    last = { ...cursor };
    paint(last);
  }

  function moved(event) {
    if (pointer !== null && event.pointerId !== pointer) return;
    if (last === null) {
      isHovering = event.pointerType === "mouse";
      move(...pointed(event), false);
      return;
    }
    for (const own of event.getCoalescedEvents?.() ?? []) along(own);
    along(event);
  }

  function along(event) {
    move(...pointed(event), false);
    paint(last);
    last = { ...cursor };
  }

  function up(event) {
    if (event.pointerId === pointer) last = pointer = null;
  }

  function left() {
    isHovering = false;
    surface.again();
  }

  // Keys

  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

  function pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      if (event.key.toLowerCase() === "z") letter(event);
      return;
    }
    const step = steps[event.key];
    if (step) {
      const from = { ...cursor };
      move(cursor.row + step[0], cursor.column + step[1], true);
      if (event.shiftKey) {
        picture.keep();
        paint(from);
      }
    } else if (event.key === "Home" || event.key === "End") {
      move(cursor.row, event.key === "Home" ? 0 : width - 1, true);
    } else if (event.key === " " || event.key === "Enter") {
      picture.keep();
      paint(cursor);
      describe();
      on.say(`painted ${where.textContent}`);
    } else {
      letter(event);
      return;
    }
    event.preventDefault();
  }

  function letter(event) {
    if (on.letter(event.key.toLowerCase())) event.preventDefault();
  }

  for (const [name, listener] of Object.entries({
    pointerdown: down,
    pointermove: moved,
    pointerup: up,
    pointercancel: up,
    pointerleave: left,
    keydown: pressed,
    focus: () => surface.again(),
    blur: () => surface.again(),
  })) {
    canvas.addEventListener(name, listener);
  }

  return {
    element: h("div", { class: "image-paint" }, canvas, h("p", { id, class: "hidden" }, KEYS), where),
    again,
    stop: () => surface.stop(),
  };
}

/** The brushes and what else changes a picture: {element, key(letter), again}. */
export function toolbar(picture, brush, on) {
  const nLevels = picture.values.length;
  const brushes = [
    { key: "i", name: "Ink", mark: () => Number(level.value) + 1 },
    { key: "b", name: "Background", mark: () => 1 },
    { key: "u", name: "Unknown", mark: () => UNKNOWN },
  ];
  let current = brushes[0];
  const level = h("input", {
    type: "range",
    min: 1,
    max: nLevels - 1,
    value: nLevels - 1,
    on: { input: () => pick(brushes[0]) },
  });
  const levelText = h("output", {});
  const buttons = brushes.map((own) =>
    h(
      "button",
      { type: "button", class: `image-brush ${own.name.toLowerCase()}`, on: { click: () => pick(own) } },
      h("span", { class: "image-swatch", "aria-hidden": "true" }),
      own.name,
      h("kbd", { "aria-hidden": "true" }, own.key.toUpperCase()),
    ),
  );
  const size = h("input", {
    type: "range",
    min: 1,
    max: Math.max(Math.min(Math.floor(picture.height / 4), 6), 2),
    value: brush.size,
    on: { input: () => resize(Number(size.value)) },
  });
  const sizeText = h("output", {});
  const undo = h(
    "button",
    { type: "button", on: { click: on.undo } },
    "Undo",
    h("kbd", { "aria-hidden": "true" }, "Z"),
  );
  const clear = h("button", { type: "button", on: { click: on.clear } }, "Clear");

  function pick(own) {
    current = own;
    brush.mark = own.mark();
    brushes.forEach((each, i) => buttons[i].setAttribute("aria-pressed", String(each === own)));
    levelText.textContent = String(picture.values[Number(level.value)]);
    on.brush?.();
  }

  function resize(to) {
    brush.size = Math.min(Math.max(to, 1), Number(size.max));
    size.value = brush.size;
    sizeText.textContent = `${brush.size} by ${brush.size}`;
    on.brush?.();
  }

  /** Do what a letter stands for; whether it stands for anything. */
  function key(letter) {
    const own = brushes.find((each) => each.key === letter);
    if (own) {
      pick(own);
      on.say(`brush: ${own.name.toLowerCase()}`);
    } else if (letter === "+" || letter === "-") {
      resize(brush.size + (letter === "+" ? 1 : -1));
      on.say(`brush: ${sizeText.textContent}`);
    } else if (nLevels > 2 && (letter === "[" || letter === "]")) {
      level.value = Number(level.value) + (letter === "]" ? 1 : -1);
      pick(brushes[0]);
      on.say(`ink: level ${levelText.textContent}`);
    } else if (letter === "z") {
      on.undo();
    } else {
      return false;
    }
    return true;
  }

  pick(current);
  resize(brush.size);
  const element = h(
    "div",
    { class: "image-tools" },
    h("div", { class: "image-brushes", role: "group", "aria-label": "Brush" }, buttons),
    nLevels > 2 && h("label", { class: "image-range" }, "Level of ink ", level, levelText),
    h("label", { class: "image-range" }, "Size of the brush ", size, sizeText),
    h("div", { class: "buttons" }, undo, clear),
  );
  return { element, key };
}
