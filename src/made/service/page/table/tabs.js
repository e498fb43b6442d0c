// Parts of a view, one of which is shown; which one is kept in the link.

import { h } from "../dom.js";

/**
 * parts: [{id, title, content, shown}]; shown() is called when the link says that a part is shown,
 * picked(id) whenever one is.
 *
 * Returns the list of tabs, their panels, and start().
 */
export function tabs(state, parts, picked) {
  const ids = parts.map((part) => part.id);
  const buttons = parts.map((part, i) =>
    h(
      "button",
      {
        role: "tab",
        id: `tab-${part.id}`,
        "aria-controls": `panel-${part.id}`,
        on: { click: () => pick(i), keydown: (event) => move(event, i) },
      },
      part.title,
    ),
  );
  const panels = parts.map((part) =>
    h("div", { role: "tabpanel", id: `panel-${part.id}`, "aria-labelledby": `tab-${part.id}` }, part.content),
  );

  function pick(chosen) {
    buttons.forEach((button, i) => {
      button.setAttribute("aria-selected", String(i === chosen));
      button.tabIndex = i === chosen ? 0 : -1;
      panels[i].hidden = i !== chosen;
    });
    state.set("part", chosen === 0 ? null : ids[chosen]);
    picked(ids[chosen]);
  }

  function move(event, i) {
    const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: parts.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const chosen = (to + parts.length) % parts.length;
    pick(chosen);
    buttons[chosen].focus();
  }

  const first = Math.max(ids.indexOf(state.get("part")), 0);
  pick(first);
  return {
    list: h("div", { role: "tablist", class: "tabs", "aria-label": "Parts" }, buttons),
    panels,
    start: () => parts[first].shown?.(),
  };
}
