// The body of a card for classes: a bar each, the most probable first or in their order.

import { fill, h } from "../dom.js";
import { bars } from "./bars.js";
import { shown } from "./format.js";
import { rangeFields } from "./range_fields.js";
import { recordedItem, ticked } from "./ticks.js";

const FEW = 6;
const FEW_ORDERED = 12;
const MANY = 200;

/** Return {draw(before, now), showHeld()}, as that of a number. */
export function classBody(root, { variable, condition, hold }) {
  let showsAll = false;
  let filter = "";
  let last = null;
  const hasOrder = variable.ordered || variable.part === "weekday";
  const few = (hasOrder ? FEW_ORDERED : FEW) + (variable.missing ? 1 : 0); // "not missing" is no value
  const range = variable.ordered ? rangeFields({ variable, condition, hold }) : null;

  /** Return the values that are held: those of a set, or all of a range. */
  function held() {
    const own = condition() ?? {};
    if (own.in) return own.in;
    if (own.low === undefined && own.high === undefined) return [];
    return variable.values.filter((value) => !(value < own.low || value > own.high));
  }

  function choose(value, isChosen) {
    hold(ticked(held(), value, isChosen));
  }

  function draw(before, now) {
    last = [before, now];
    const chosen = held();
    const shares = now ?? before;
    const items = before.values.map((value, i) => ({
      key: value,
      label: shown(value, variable),
      before: before.probabilities[i],
      now: now === null ? null : now.probabilities[i],
      isChosen: chosen.includes(value),
    }));
    const most = Math.max(...before.probabilities, ...shares.probabilities);
    // By how probable they are without conditions: rows stay where they are when others are held.
    if (!hasOrder) items.sort((a, b) => b.before - a.before);
    const missing = items.findIndex((item) => item.key === null);
    if (missing >= 0) {
      // All other values together: a bar of it is no bar beside theirs.
      items.splice(missing + 1, 0, { ...recordedItem(items[missing], condition()), hasBar: false });
    }
    const picked = items.filter((item) => item.label.toLowerCase().includes(filter));
    const visible = showsAll ? picked.slice(0, MANY) : picked.filter((item, i) => i < few || item.isChosen);
    const focused = document.activeElement?.dataset?.key;
    const hidden = picked.length - visible.length;
    fill(
      list,
      bars(visible, most, choose),
      showsAll && hidden ? h("p", { class: "note" }, `${hidden} more: type to find them`) : null,
    );
    more.hidden = items.length <= few;
    more.textContent = showsAll ? "fewer" : `${items.length - visible.length} more`;
    more.setAttribute("aria-expanded", String(showsAll));
    search.hidden = !(showsAll && items.length > 20);
    if (focused) list.querySelector(`[data-key=${CSS.escape(focused)}]`)?.focus();
    range?.show();
  }

  const list = h("div");
  const more = h("button", {
    class: "plain",
    on: {
      click: () => {
        showsAll = !showsAll;
        filter = "";
        search.firstElementChild.value = "";
        draw(...last);
      },
    },
  });
  const search = h(
    "p",
    { hidden: true },
    h("input", {
      type: "search",
      placeholder: "find a value",
      "aria-label": `Find a value of ${variable.name}`,
      on: {
        input: ({ target }) => {
          filter = target.value.toLowerCase();
          draw(...last);
        },
      },
    }),
  );
  fill(root, search, list, more, range?.element);
  return { draw, showHeld: () => range?.show() };
}
