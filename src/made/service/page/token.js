// The token of a service that wants one, asked for in a dialog.

import { h } from "./dom.js";

/** Ask for a token; resolves to null where none is given. */
export function askToken(wasWrong) {
  const field = h("input", { id: "token", type: "password", autocomplete: "off", required: true });
  const dialog = h(
    "dialog",
    { "aria-labelledby": "token-title" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "token-title" }, "This service asks for a token"),
      wasWrong ? h("p", { class: "failure", role: "alert" }, "The service does not know that token.") : null,
      h("label", { for: "token" }, "Token"),
      field,
      h("p", { class: "note" }, "It is kept until this tab is closed."),
      h(
        "p",
        { class: "buttons" },
        h("button", { type: "submit", value: "use", class: "main" }, "Use it"),
        h("button", { type: "submit", value: "", formnovalidate: true }, "Cancel"),
      ),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  field.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "use" ? field.value.trim() || null : null);
    });
  });
}
