// The card of one variable: what is held of it, how it is distributed, how sure that is.

import { isSuperseded } from "../api.js";
import { fill, h, newId } from "../dom.js";
import { classBody } from "./class_card.js";
import { certainty } from "./format.js";
import { numberBody } from "./number_card.js";

/**
 * Return a card: its element, `before` (the answer without conditions, once it is there), and
 * begin(version), draw(now), fail(), forget(), showHeld(), share(), said().
 */
export function createCard(variable, { api, share, announce }, conditions) {
  const { name } = variable;
  const title = newId("card");
  const held = h("p", { class: "held", hidden: true });
  const release = h(
    "button",
    { class: "release", hidden: true, "aria-label": `Release ${name}`, on: { click: () => letGo() } },
    "Release",
  );
  const sure = h("span", { class: "sure" });
  const exactly = h(
    "button",
    { class: "plain", hidden: true, "aria-label": `Find ${name} more exactly`, on: { click: askExactly } },
    "more exactly",
  );
  const failure = h("p", { class: "failure", role: "alert", hidden: true });
  const body = h("div", { class: "body" }, h("p", { class: "note" }, "asking ..."));
  const element = h(
    "section",
    {
      class: "card",
      "data-variable": name,
      "aria-labelledby": title,
      on: {
        focusin: shareQuestion,
        keydown: (event) => event.key === "Escape" && conditions.get(name) && letGo(),
      },
    },
    h("header", {}, h("h3", { id: title, title: name }, name), release),
    held,
    body,
    h("p", { class: "note" }, sure, " ", exactly),
    failure,
  );
  let drawn = null;

  const card = {
    name,
    element,
    before: null,
    asked: -1,
    begin(version) {
      card.asked = version;
      element.setAttribute("aria-busy", "true");
    },
    draw(now) {
      drawn ??= makeBody();
      drawn.draw(card.before, now);
      showCertainty(now ?? card.before);
      exactly.hidden = Boolean(conditions.get(name));
      failure.hidden = true;
      element.removeAttribute("aria-busy");
    },
    /** There is no answer: what is known without conditions is shown as such. */
    fail() {
      if (card.before) card.draw(null);
      else {
        drawn = null;
        fill(body, h("p", { class: "note" }, "no answer"));
      }
      sure.textContent = card.before ? "without conditions" : "";
      exactly.hidden = true;
      element.removeAttribute("aria-busy");
    },
    /** What is known holds no longer: it is to be asked for anew, also without conditions. */
    forget() {
      card.before = null;
      card.asked = -1;
    },
    showHeld() {
      const condition = conditions.get(name);
      element.classList.toggle("is-held", Boolean(condition));
      held.hidden = release.hidden = !condition;
      held.textContent = condition ? `held: ${conditions.text(name)}` : "";
      drawn?.showHeld();
    },
    share: shareQuestion,
    /** Return how sure the card is, to be said. */
    said: () => sure.textContent,
  };

  function showCertainty(answer) {
    const { text, isPoor } = certainty(answer);
    sure.textContent = text;
    sure.title = answer.how;
    sure.classList.toggle("is-poor", isPoor);
  }

  function letGo() {
    conditions.put(name, null);
    announce(`${name} is released`);
    element.querySelector("input")?.focus();
  }

  /** The question about this column alone, under the conditions on all others. */
  function shareQuestion() {
    share({
      python: conditions.python(`model.conditional(${JSON.stringify(name)}`, name),
      path: "conditional",
      body: { variable: name, ...conditions.request(name) },
    });
  }

  /** Ask about this column alone: exact where that can be, and slower. */
  async function askExactly() {
    const version = card.asked;
    exactly.disabled = true;
    sure.textContent = "asking ...";
    try {
      const held = conditions.request(name);
      const now = await api.ask("conditional", { variable: name, ...held }, { key: `exactly ${name}` });
      if (card.asked !== version) return;
      drawn.draw(card.before, now);
      showCertainty(now);
      exactly.hidden = true;
      announce(`${name}: ${sure.textContent}`);
      element.querySelector("input")?.focus();
    } catch (error) {
      if (isSuperseded(error)) return;
      sure.textContent = "";
      failure.textContent = error.message;
      failure.hidden = false;
    } finally {
      exactly.disabled = false;
    }
  }

  function makeBody() {
    const make = card.before.kind === "classes" ? classBody : numberBody;
    return make(fill(body), {
      variable,
      condition: () => conditions.get(name),
      hold: (condition) => conditions.put(name, condition),
    });
  }

  card.showHeld();
  return card;
}
