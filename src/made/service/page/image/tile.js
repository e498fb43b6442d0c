// A small picture with what is said of it below, and a button that takes it into the drawing.

import { fill, h } from "../dom.js";
import { Surface } from "./draw.js";
import { UNKNOWN } from "./picture.js";

/** Return {element, show, stop}: a picture of `height` by `width` pixels with `nLevels` levels. */
export function tile({ height, width, nLevels, name, take }) {
  let marks = new Uint16Array(height * width);
  let known = null;
  const canvas = h("canvas", { role: "img", "aria-label": `${name}: not there yet` });
  const surface = new Surface(canvas, height, width, (pen) => {
    pen.marks(marks, nLevels);
    if (known?.some((mark) => mark !== UNKNOWN)) pen.border((d) => known[d] !== UNKNOWN);
  });
  const lines = h("figcaption", {});
  const button = h(
    "button",
    {
      type: "button",
      class: "small",
      "aria-label": `Draw on ${name.toLowerCase()}`,
      on: { click: () => take(marks) },
    },
    "Draw on",
  );
  return {
    element: h("figure", { class: "image-tile" }, canvas, lines, button),
    /** Show other marks; a line surrounds what was `given`. Returns how many pixels changed. */
    show(next, said, given = null) {
      const changed = next.reduce((n, mark, d) => n + (mark !== marks[d]), 0);
      marks = next;
      known = given;
      this.say(said);
      surface.again();
      return changed;
    },
    say(said) {
      fill(
        lines,
        said.map((line) => h("span", {}, line)),
      );
      canvas.setAttribute("aria-label", `${name}: ${said.join(", ")}`);
    },
    stop: () => surface.stop(),
  };
}
