// Two fields for the ends of a range, which may be dates.

import { h } from "../dom.js";
import { dateOfWeek, weekOfDate } from "./format.js";

/** Return {element, show()}: show() writes the range that is held. An end that is left empty is open. */
export function rangeFields({ variable, condition, hold }) {
  const isWeek = variable.part === "week";
  const typing = new Set(); // fields whose text is not read yet
  const [low, high] = ["from", "to"].map((word) =>
    h("input", {
      type: isWeek ? "date" : "number",
      step: isWeek ? null : "any",
      "aria-label": `${variable.name} ${word}`,
      on: { input: ({ target }) => typing.add(target), change: read },
    }),
  );
  const wrong = h("p", { class: "failure", role: "alert", hidden: true });

  function read() {
    typing.clear();
    const ends = [low, high].map((field) => {
      if (field.value === "") return undefined;
      return isWeek ? weekOfDate(field.value) : Number(field.value);
    });
    const isTurned = ends[0] > ends[1];
    wrong.hidden = !isTurned;
    wrong.textContent = isTurned ? "a range goes from the lower end to the higher" : "";
    if (!isTurned) hold(rangeOf(...ends));
  }

  function show() {
    const own = condition() ?? {};
    for (const [field, end] of [
      [low, own.low],
      [high, own.high],
    ]) {
      if (typing.has(field)) continue;
      if (end === undefined) field.value = "";
      else field.value = isWeek ? dateOfWeek(end) : String(end);
    }
  }

  const labels = h("div", { class: "range" }, h("label", {}, "from ", low), h("label", {}, "to ", high));
  return { element: h("div", {}, labels, wrong), show };
}

/** Return a condition from its ends; null where both are open. */
export function rangeOf(low, high) {
  if (low === undefined && high === undefined) return null;
  return { ...(low === undefined ? {} : { low }), ...(high === undefined ? {} : { high }) };
}
