// Where the answer to a form is shown, or the line that says what is wrong.

import { isSuperseded } from "../api.js";
import { fill, h } from "../dom.js";

/** Return {failure, found, guarded}: guarded(work) does some work, and shows what goes wrong in it. */
export function answerPlace() {
  const failure = h("p", { class: "failure", role: "alert", hidden: true });
  const found = h("div", { class: "found" });

  async function guarded(work) {
    failure.hidden = true;
    try {
      await work();
    } catch (error) {
      if (isSuperseded(error)) return;
      fill(found);
      failure.textContent = error.message;
      failure.hidden = false;
    }
  }

  return { failure, found, guarded };
}

/** Return a form that calls `submit` in place of being sent. */
export function form(attributes, submit, ...children) {
  const on = {
    submit: (event) => {
      event.preventDefault();
      submit();
    },
  };
  return h("form", { ...attributes, on }, ...children);
}
