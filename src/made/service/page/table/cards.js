// A card for each variable: its marginal, and its distribution given what is held of the others.

import { isSuperseded } from "../api.js";
import { fill, h, newId } from "../dom.js";
import { classBody } from "./class_card.js";
import { certainty } from "./format.js";
import { numberBody } from "./number_card.js";
import { createQueue } from "./queue.js";

const AT_A_TIME = 2;

/** Fill an element with cards; returns {changed(name), takeDown()}: changed is told when a condition changed. */
export function createCards(root, context, conditions) {
  const queue = createQueue(AT_A_TIME);
  const cards = new Map();
  const visible = new Set();
  let version = 0;

  const seen = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        const name = target.dataset.variable;
        if (isIntersecting) visible.add(name);
        else visible.delete(name);
        if (isIntersecting) queue.run(() => cards.get(name).update(version));
      }
    },
    { rootMargin: "150px" },
  );

  for (const variable of context.schema.variables) {
    const card = createCard(variable, context, conditions);
    cards.set(variable.name, card);
    seen.observe(card.element);
  }
  fill(root, [...cards.values()].map((card) => card.element));

  return {
    changed() {
      version += 1;
      queue.clear();
      for (const card of cards.values()) card.showCondition();
      const waiting = [...cards].filter(([name]) => visible.has(name));
      for (const [, card] of waiting) queue.run(() => card.update(version));
      const first = waiting.find(([name]) => !conditions.get(name)) ?? waiting[0];
      first?.[1].share();
    },
    takeDown: () => {
      seen.disconnect();
      queue.clear();
    },
  };
}

function createCard(variable, { api, share, announce }, conditions) {
  const { name } = variable;
  const title = newId("card");
  const held = h("p", { class: "held", hidden: true });
  const release = h("button", {
    class: "release",
    hidden: true,
    "aria-label": `Release ${name}`,
    on: { click: () => letGo() },
  }, "Release");
  const sure = h("p", { class: "note sure" });
  const failure = h("p", { class: "failure", role: "alert", hidden: true });
  const body = h("div", { class: "body" }, h("p", { class: "note" }, "asking ..."));
  const element = h(
    "section",
    {
      class: "card",
      "data-variable": name,
      "aria-labelledby": title,
      on: { focusin: ask, keydown: (event) => event.key === "Escape" && conditions.get(name) && letGo() },
    },
    h("header", {}, h("h3", { id: title, title: name }, name), release),
    held,
    body,
    sure,
    failure,
  );
  let before = null;
  let drawn = null;
  let done = -1;

  function letGo() {
    conditions.put(name, null);
    announce(`${name} is released`);
    (element.querySelector("input, button:not([hidden])") ?? element).focus();
  }

  function showCondition() {
    const condition = conditions.get(name);
    element.classList.toggle("is-held", Boolean(condition));
    held.hidden = release.hidden = !condition;
    held.textContent = condition ? `held: ${conditions.text(name)}` : "";
  }

  /** Return the question about this column, under the conditions on all others. */
  function question() {
    return { variable: name, ...conditions.request(name) };
  }

  function ask() {
    share({
      python: `model.conditional(${JSON.stringify(name)}${conditions.python(name)})`,
      path: "conditional",
      body: question(),
    });
  }

  /** Draw the answers to the present conditions, once for each version of them. */
  async function update(version) {
    if (done === version) return;
    done = version;
    element.setAttribute("aria-busy", "true");
    try {
      before ??= await api.ask("conditional", { variable: name });
      const asked = question();
      const isConditioned = Object.keys(asked).length > 1;
      const now = isConditioned ? await api.ask("conditional", asked, { key: `card ${name}` }) : null;
      if (done !== version) return;
      drawn ??= makeBody();
      drawn.draw(before, now);
      const { text, isPoor } = certainty(now ?? before);
      sure.textContent = text;
      sure.title = (now ?? before).how;
      sure.classList.toggle("is-poor", isPoor);
      failure.hidden = true;
    } catch (error) {
      if (isSuperseded(error)) return;
      failure.textContent = error.message;
      failure.hidden = false;
      sure.textContent = "";
      if (!before) fill(body);
    } finally {
      if (done === version) element.removeAttribute("aria-busy");
    }
  }

  function makeBody() {
    const make = before.kind === "classes" ? classBody : numberBody;
    return make(fill(body), {
      variable,
      condition: () => conditions.get(name),
      hold: (condition) => conditions.put(name, condition),
    });
  }

  showCondition();
  return { element, update, showCondition, share: ask };
}
