// What is held, in one line, each with a button that releases it.

import { fill, h } from "../dom.js";

/** Return {element, show}: show() writes what is held now. */
export function heldBar(conditions) {
  const element = h("div", {
    class: "held-bar",
    role: "group",
    "aria-label": "What is held",
    tabindex: "-1",
  });

  /** Release, and leave the focus where it was: the button itself is gone. */
  function release(work) {
    work();
    (element.querySelector("button") ?? element).focus();
  }

  function show() {
    const names = conditions.names();
    fill(
      element,
      names.length ? h("span", {}, "Held: ") : h("span", { class: "note" }, "Nothing is held."),
      names.map((name) =>
        h(
          "button",
          {
            class: "chip",
            "aria-label": `Release ${name} ${conditions.text(name)}`,
            on: { click: () => release(() => conditions.put(name, null)) },
          },
          h("span", {}, h("b", {}, name), ` ${conditions.text(name)}`),
          h("span", { "aria-hidden": "true" }, " ×"),
        ),
      ),
      names.length > 1
        ? h("button", { class: "plain", on: { click: () => release(conditions.releaseAll) } }, "Release all")
        : null,
    );
  }

  return { element, show };
}
