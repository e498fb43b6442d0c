// The body of a card for a number: its density, a range to hold, and values that have a mass of their own.

import { fill, h } from "../dom.js";
import { bars } from "./bars.js";
import { drawDensity } from "./density.js";
import { quantile } from "./distribution.js";
import { number, shown } from "./format.js";
import { rangeFields, rangeOf } from "./range_fields.js";
import { recordedItem, ticked } from "./ticks.js";

const MOST_ATOMS = 3;

/**
 * Return {draw(before, now), showHeld()}: draw() shows the answers without and with conditions, `now` is null
 * without any; showHeld() shows what is held.
 */
export function numberBody(root, { variable, condition, hold }) {
  const figure = h("div", { class: "figure" });
  const atoms = h("div");
  const range = rangeFields({ variable, condition, hold });

  function choose(value, isChosen) {
    hold(ticked(condition()?.in ?? [], value, isChosen));
  }

  function rangeOfCondition() {
    const own = condition();
    const values = own?.in?.filter((value) => value !== null);
    return values?.length === 1 ? { low: values[0], high: values[0] } : own;
  }

  function draw(before, now) {
    const text = summary(variable, now ?? before);
    drawDensity(figure, {
      variable,
      before,
      now,
      range: rangeOfCondition(),
      text,
      pick: (a, b) => hold(rangeOf(a, b)),
    });
    const items = atomItems(variable, before, now, condition());
    const focused = document.activeElement?.dataset?.key;
    const list = items.length ? bars(items, 1, choose) : null;
    list?.classList.add("exact");
    fill(atoms, list);
    if (focused) atoms.querySelector(`[data-key=${CSS.escape(focused)}]`)?.focus();
    range.show();
  }

  fill(root, figure, range.element, atoms);
  return { draw, showHeld: range.show };
}

/** Return the bars of values with a mass of their own: the greatest, those that are held, missing and not. */
function atomItems(variable, before, now, condition) {
  const chosen = condition?.in ?? [];
  const masses = new Map(now?.atoms.map((own) => [own.value, own.probability]));
  const items = before.atoms
    .map(({ value, probability }) => ({
      key: value,
      label: `exactly ${variable.part === "week" ? shown(value, variable) : value}`,
      before: probability,
      now: now === null ? null : (masses.get(value) ?? 0),
      isChosen: chosen.includes(value),
    }))
    .sort((a, b) => b.before - a.before)
    .filter((item, i) => i < MOST_ATOMS || item.isChosen);
  if (variable.missing) {
    items.push({
      key: null,
      label: "missing",
      before: before.p_missing,
      now: now === null ? null : now.p_missing,
      isChosen: chosen.includes(null),
    });
    items.push(recordedItem(items.at(-1), condition));
  }
  return items;
}

function summary(variable, answer) {
  const [low, middle, high] = [0.1, 0.5, 0.9].map((share) => quantile(answer, share));
  if (middle === null) return "";
  const show = (value) =>
    variable.part === "week" ? shown(value, variable) : number(Number(value.toPrecision(4)));
  return `median ${show(middle)}, middle 80 % ${show(low)} to ${show(high)}`;
}
