// Rows of a box to tick, a label, a bar (solid: now; outlined: without conditions) and a share.

import { h, s } from "../dom.js";
import { percent } from "./format.js";

/**
 * Return a list of bars.
 *
 * items: {key, label, now, before, isChosen, hasBar}; `now` is null while nothing is conditioned; a share is a
 * bar unless `hasBar` is false.
 * choose(key, isChosen) is called when one is ticked.
 */
export function bars(items, most, choose) {
  return h(
    "ul",
    { class: "bars" },
    items.map((item) => h("li", {}, bar(item, most, choose))),
  );
}

function bar({ key, label, now, before, isChosen, hasBar = true }, most, choose) {
  const width = (share) => Math.max(0, Math.min(100, (100 * share) / (most || 1)));
  const tick = h("input", {
    type: "checkbox",
    "data-key": JSON.stringify(key),
    set: { checked: isChosen },
    on: { change: () => choose(key, tick.checked) },
  });
  const share = now ?? before;
  return h(
    "label",
    { class: "bar" },
    tick,
    h("span", { class: "label", title: label }, label),
    s(
      "svg",
      { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
      hasBar && s("rect", { class: "now", x: 0, y: 1, width: width(share), height: 8 }),
      hasBar &&
        now !== null &&
        s("rect", { class: "before", x: 0, y: 1, width: width(before), height: 8 }),
    ),
    h("span", { class: "share" }, percent(share)),
    now === null ? null : h("span", { class: "hidden" }, `, without conditions ${percent(before)}`),
  );
}
