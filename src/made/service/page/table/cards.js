// A card for each variable. What is held is answered for all cards in view together, from weighted rows.

import { isSuperseded } from "../api.js";
import { fill, h } from "../dom.js";
import { createCard } from "./card.js";
import { createQueue } from "./queue.js";

const AT_A_TIME = 2;
const COLUMNS_OF_A_QUESTION = 24;
const WAIT = 30;

/**
 * Fill an element with cards; returns {showHeld, changed, takeDown}.
 *
 * showHeld() shows what is held now, changed() asks what follows from it; changed(true) asks anew, also without
 * conditions: the context is another.
 */
export function createCards(root, context, conditions, fields) {
  const queue = createQueue(AT_A_TIME);
  const cards = new Map();
  const visible = new Set();
  let version = 0;
  let ended = new AbortController();
  let timer = 0;

  const seen = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) visible.add(target.dataset.variable);
        else visible.delete(target.dataset.variable);
      }
      askSoon();
    },
    { rootMargin: "100px" },
  );

  function askSoon() {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const names = [...cards.keys()].filter(
        (name) => visible.has(name) && cards.get(name).asked !== version,
      );
      for (const name of names) cards.get(name).begin(version);
      while (names.length) {
        const some = names.splice(0, COLUMNS_OF_A_QUESTION);
        queue.run(() => answer(some));
      }
    }, WAIT);
  }

  async function ask(variables, held) {
    const found = await context.api.ask("conditionals", { variables, ...held }, { signal: ended.signal });
    const { columns, ...about } = found;
    return (name) => ({ ...about, ...columns[name] });
  }

  async function answer(names) {
    const own = names.map((name) => cards.get(name));
    try {
      const fresh = own.filter((card) => !card.before).map((card) => card.name);
      if (fresh.length) {
        const of = await ask(fresh, fields.request());
        for (const name of fresh) cards.get(name).before = of(name);
      }
      const of = conditions.names().length ? await ask(names, conditions.request()) : () => null;
      for (const card of own) card.draw(of(card.name));
      failure.hidden = true;
      if (version > 0) context.announce(`${own.length} columns follow: ${own[0].said()}`);
    } catch (error) {
      if (isSuperseded(error)) return;
      failure.textContent = error.message;
      failure.hidden = false;
      for (const card of own) card.fail();
    }
  }

  for (const variable of context.schema.variables) {
    const card = createCard(variable, context, conditions);
    cards.set(variable.name, card);
    seen.observe(card.element);
  }
  const failure = h("p", { class: "failure", role: "alert", hidden: true });
  fill(
    root,
    failure,
    h(
      "div",
      { class: "cards" },
      [...cards.values()].map((card) => card.element),
    ),
  );
  cards.values().next().value?.share();

  return {
    showHeld() {
      for (const card of cards.values()) card.showHeld();
    },
    changed(isAnew = false) {
      version += 1;
      queue.clear();
      ended.abort();
      ended = new AbortController();
      if (isAnew) for (const card of cards.values()) card.forget();
      askSoon();
      const free = [...visible].find((name) => !conditions.get(name));
      if (free) cards.get(free).share();
    },
    takeDown: () => {
      seen.disconnect();
      queue.clear();
      ended.abort();
      clearTimeout(timer);
    },
  };
}
