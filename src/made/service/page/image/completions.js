// Six completions of what is drawn, each in its place, so that the eye sees what changes.

import { h } from "../dom.js";
import { marksOf } from "./picture.js";
import { tile } from "./tile.js";
import { isPoor, logP, sentence, sureness } from "./words.js";

export const N_COMPLETIONS = 6;

/** Return {element, wait, show, score, none, stop}. */
export function completionsPanel({ picture, names, take }) {
  const { height, width, values } = picture;
  const tiles = Array.from({ length: N_COMPLETIONS }, (_, i) =>
    tile({ height, width, nLevels: values.length, name: `Completion ${i + 1}`, take }),
  );
  const how = h("p", { class: "note" });
  const grid = h(
    "div",
    { class: "image-tiles" },
    tiles.map((own) => own.element),
  );
  let said = [];
  let isFirst = true;
  return {
    element: h("div", { "aria-busy": "false" }, how, grid),
    /** An answer is waited for. */
    wait() {
      grid.classList.add("waits");
    },
    /** Show the answer of /complete to what was `given`; returns the marks of each. */
    show(answer, seed, given) {
      const found = { method: answer.method[0], error: answer.error[0], ess: answer.ess[0] };
      how.textContent =
        `Six draws of what is unknown, given what is drawn. ${sentence(answer.how[0])}` +
        (found.method === "exact" ? "" : ` ${sentence(sureness(found, ""))}`) +
        (isPoor(found) ? " Few particles carry the six: they may look alike." : "");
      const marks = answer.rows.map((row) => marksOf(row, names, values));
      said = marks.map((own, i) => {
        const changed = tiles[i].show(own, [], given);
        const twin = marks.findIndex((other) => other.every((mark, d) => mark === own[d]));
        return [
          `seed ${seed}, no. ${i + 1}, ${found.method}`,
          twin < i ? `the same as no. ${twin + 1}` : "",
          isFirst ? "" : changed === 1 ? "1 pixel changed" : `${changed} pixels changed`,
        ].filter(Boolean);
      });
      said.forEach((lines, i) => tiles[i].say(lines));
      isFirst = false;
      grid.hidden = false;
      return marks;
    },
    /** Show log p of each whole picture: the answer is complete. */
    score({ log_prob: logProb, method }) {
      grid.classList.remove("waits");
      said = said.map((lines, i) => [lines[0], `log p ${logP(logProb[i])}, ${method[i]}`, ...lines.slice(1)]);
      said.forEach((lines, i) => tiles[i].say(lines));
    },
    /** There is nothing to complete. */
    none(why) {
      how.textContent = why;
      grid.hidden = true;
    },
    stop: () => tiles.forEach((own) => own.stop()),
  };
}
